"""An input that takes one picture: from disk, from the clipboard, from another tab, or one of the scenes under it."""

from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from core.checks import Refused
from core.pictures import images
from core.pictures.scenes import SCENES
from tabs.ui.canvas import examples, small
from tabs.ui.inputs import Picture
from tabs.ui.job import Source

QUIET = {"api_visibility": "private", "show_progress": "hidden"}
NO_PICTURE = "There is no picture yet: upload one, choose an example, or let the model draw one."


def original(picture: Image.Image | None) -> Mapping[str, np.ndarray]:
    """Any picture as (64, 64, 3) uint8 for a run, named "original". Raises Refused if there is none."""
    if not isinstance(picture, Image.Image):
        raise Refused(NO_PICTURE)
    return {"original": small(picture)}


def picture_input(elem_id: str, scene: Callable[[], Image.Image] | None = None) -> Picture:
    """The input with the scenes under it.

    Args:
        scene: the first picture; by default the first scene.
    """
    picture = Picture(
        (scene or next(iter(SCENES.values())))(), type="pil", image_mode=None, format="png", label="Picture",
        sources=["upload", "clipboard"], height=300, elem_id=elem_id,
    )  # fmt: skip
    squared = picture.upload(lambda p: p, picture, picture, **QUIET)
    squared.failure(lambda: None, None, picture, **QUIET)
    examples(picture)
    return picture


def picture_source(elem_id: str, scene: Callable[[], Image.Image] | None = None) -> Source:
    """The same as a tab's source of the picture "original"."""
    return Source(picture_input(elem_id, scene), original, lambda inputs: images.to_pil(inputs["original"]))
