"""The mask of the inpainting tab: painted, changed by buttons or uploaded, and shown as it is used."""

import html
from collections.abc import Mapping

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import Refused
from core.pictures import images, masks
from core.runs.inpainting import InpaintRequest
from tabs.ui.canvas import SIDE, canvas, inputs_of, on_canvas, small, trimmed
from tabs.ui.failures import explained
from tabs.ui.figure import figure, tile
from tabs.ui.sent import any_file

INK = (255, 45, 149, 255)
TOOLS = {
    "Invert": masks.invert,
    "Grow": lambda m: masks.grow(m, 2),
    "Shrink": lambda m: masks.grow(m, -2),
    "Clear": lambda m: m * 0,
}


def on_picture(editor: object) -> dict:
    """`trimmed`, with the composite as a missing background. Raises Refused without a picture."""
    parts = trimmed(editor)
    return parts if isinstance(parts["background"], Image.Image) else parts | {"background": parts["composite"]}


def painted(editor: object) -> tuple[np.ndarray, object]:
    """The picture under the paint, (64, 64, 3) uint8, and the mask, (1, 1, 64, 64). Raises Refused without a picture."""
    parts = on_picture(editor)
    return small(parts["background"]), masks.mask_of(parts)


def repainted(picture: Image.Image, mask) -> dict:
    """An editor's value: the picture with a mask painted over it."""
    ink = images.enlarge(images.to_uint8(mask)[0, ..., 0], SIDE // mask.shape[-1])
    layer = np.zeros((SIDE, SIDE, 4), np.uint8)
    layer[ink > 127] = INK
    return {"background": on_canvas(picture), "layers": [Image.fromarray(layer)], "composite": None}


def pictures_of(editor: object) -> dict[str, np.ndarray]:
    """The original and the mask for a run from an editor's answer, uint8. Raises Refused without a picture."""
    parts = on_picture(editor)
    return inputs_of(parts["background"]) | {"mask": grey(masks.mask_of(parts))}


def editor_of(pictures: Mapping[str, np.ndarray]) -> dict:
    """The editor's value from those pictures."""
    return repainted(images.to_pil(pictures["original"]), masks.mask_of(pictures["mask"]))


def reshaper(tool):
    """The handler of a button that turns one mask into another."""

    @explained
    def reshape(editor: dict) -> dict:
        return repainted(on_picture(editor)["background"], tool(painted(editor)[1]))

    return reshape


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
    return repainted(on_picture(editor)["background"], masks.mask_of(picture))


def grey(mask) -> np.ndarray:
    """A mask (1, 1, 64, 64) as (64, 64, 1) uint8."""
    return images.to_uint8(mask)[0]


def preview(editor: dict, feather: float) -> str:
    """Original, mask as it is used, and hole, all 64x64, as HTML; a sentence if something is missing."""
    try:
        original, mask = painted(editor)
        head, tiles = ["original, 64 × 64", "mask used", "hole to fill"], [tile(original, "original")]
        if bool((mask > 0).any()):
            width = InpaintRequest.kinds()["feather"].check(feather, InpaintRequest())
            used = grey(masks.soft(mask, width))
            tiles += [tile(used, "mask used"), tile(masks.hole_of(original, used), "hole to fill")]
        else:
            tiles += [tile(None, "mask used", ["paint on the picture"]), tile(None, "hole to fill")]
        return f'<div class="trio">{figure(head, [("", tiles)])}</div>'
    except Refused as e:
        return f'<div class="caption">{html.escape(str(e))}</div>'


def mask_canvas(value: dict) -> gr.ImageEditor:
    """The picture to paint the mask on, with the mask's buttons under it; `value` is its initial value."""
    ink = "#{:02x}{:02x}{:02x}".format(*INK)
    brush = gr.Brush(default_size=28, colors=[ink], default_color=ink, color_mode="fixed")
    picture = canvas("inpainting-canvas", "Paint the mask", brush, 28, value, 310)
    mask_rows(picture)
    return picture


def mask_rows(picture: gr.ImageEditor) -> None:
    """Buttons that change the mask, the presets, and the upload."""
    private = {"api_visibility": "private", "show_progress": "hidden"}
    with gr.Row(elem_classes="presets"):
        for name, tool in TOOLS.items():
            gr.Button(name, size="sm", min_width=50).click(reshaper(tool), picture, picture, **private)
        upload = any_file(gr.UploadButton("Upload mask", file_types=["image"], size="sm", min_width=60))
    with gr.Row(elem_classes="presets"):
        for title, make in masks.PRESETS.values():
            preset = reshaper(lambda _, make=make: make())
            gr.Button(title, size="sm", min_width=80).click(preset, picture, picture, **private)
    upload.upload(upload_mask, [picture, upload], picture, api_name="upload_mask", show_progress="hidden")
