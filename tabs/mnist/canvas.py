"""The canvas of the single-step denoiser: a digit, dark ink on white paper, that is drawn, uploaded or sent."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from core.checks import Refused
from core.models.registry import CHECKPOINTS
from core.pictures import images
from core.pictures.images import NO_DIGIT, digit_of
from tabs.ui.canvas import Canvas, canvas

CANVAS = 280  # pixels


def on_canvas(pixels: np.ndarray) -> Image.Image:
    """A digit, (28, 28) or (28, 28, 1) uint8, as dark ink on white paper, enlarged for the canvas."""
    return images.to_pil(images.enlarge(255 - pixels.reshape(28, 28, 1), CANVAS // 28)).convert("RGB")


def first_digit() -> Image.Image | None:
    """A digit that our own model drew while it was trained, so that the first press shows something."""
    for path in sorted((CHECKPOINTS / "flow-class").glob("epoch-*.png"), reverse=True):
        with Image.open(path) as strip:
            return on_canvas(np.asarray(strip)[:, 29 * 5 : 29 * 5 + 28])
    return None


def canvas_of_digit() -> Canvas:
    """The canvas, with a digit on it."""
    return canvas("digit-canvas", "Draw a digit", first_digit(), "digit")


def digit_on(value: object) -> dict[str, np.ndarray]:
    """The canvas as one digit, (28, 28, 1) uint8, white on black. Raises Refused if there is none."""
    picture = value.get("picture") if isinstance(value, Mapping) else value
    if not isinstance(picture, Image.Image):
        raise Refused(NO_DIGIT)
    return {"digit": digit_of(picture)}
