"""The mask of the inpainting tab: painted, changed by buttons or uploaded, and shown as it is used."""

from collections.abc import Mapping

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import Refused
from core.pictures import images, masks
from tabs.ui.canvas import Canvas, canvas, inputs_of, picture_of, white
from tabs.ui.failures import explained
from tabs.ui.sent import any_file
from tabs.ui.theme import asset

ID = "inpainting-canvas"
SHOWN = "mask-used"
FEATHERED = f"""(feather) => {{
  document.querySelector('#{ID} .paint')?.dispatchEvent(new CustomEvent('paint-feather', {{bubbles: true, detail: feather}}));
}}"""


def masked(picture: Image.Image, mask) -> dict:
    """A canvas's value: the picture and a mask (1, 1, 64, 64)."""
    return {"picture": picture, "mask": white(mask)}


def pictures_of(value: object) -> dict[str, np.ndarray]:
    """The original and the mask for a run from a canvas's value, uint8. Raises Refused without a picture."""
    mask = value.get("mask") if isinstance(value, Mapping) else None
    cells = np.zeros((masks.SIZE, masks.SIZE), np.uint8) if mask is None else np.asarray(mask)
    return inputs_of(picture_of(value)) | {"mask": cells[..., None]}


def value_of(pictures: Mapping[str, np.ndarray]) -> dict:
    """The canvas's value from those pictures."""
    return masked(images.to_pil(pictures["original"]), masks.mask_of(pictures["mask"]))


@explained
def upload_mask(editor: dict, path: str) -> dict:
    """The canvas with the mask from a picture file: transparent, or else white, is what is made anew."""
    try:
        with Image.open(path) as picture:
            images.shrunk(picture).load()
    except (Refused, Image.DecompressionBombError):
        raise Refused(images.TOO_LARGE) from None
    except (OSError, ValueError, SyntaxError, AttributeError):
        raise Refused("This file is not a picture that can be read as a mask.") from None
    return masked(picture_of(editor), masks.mask_of(picture))


def mask_canvas(value: dict) -> Canvas:
    """The picture to paint the mask on, with the mask's tools under it; `value` is its initial value."""
    presets = {title: make() for title, make in masks.PRESETS.values()}
    picture = canvas(ID, "Paint the mask", value, "mask", preview=SHOWN, presets=presets)
    mask_upload(picture)
    return picture


def mask_upload(picture: Canvas) -> None:
    """The button that takes a mask from a file."""
    upload = any_file(gr.UploadButton("Upload mask", file_types=["image"], size="sm", min_width=60))
    upload.upload(upload_mask, [picture, upload], picture, api_name="upload_mask", show_progress="hidden")


def mask_shown(feather: gr.Slider) -> None:
    """The small picture, the mask as it is used and the hole; the canvas's script draws them while one paints."""
    gr.HTML(asset("canvas/used.html"), elem_id=SHOWN, apply_default_css=False)
    feather.change(None, feather, None, js=FEATHERED, api_visibility="private")
