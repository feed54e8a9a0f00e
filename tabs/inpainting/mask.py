"""The mask of the inpainting tab: painted on the picture, changed by buttons, uploaded, and shown back as it is used."""

import html

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import Refused, whole
from core.pictures import images, masks
from core.runs.inpainting import MAX_FEATHER, soft
from tabs.ui.canvas import SIDE, on_canvas, small, trimmed
from tabs.ui.controls import told
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
    """`trimmed`, with the composite as the background where there is none. Raises Refused without a picture."""
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


def reshaper(tool):
    """The handler of a button that turns one mask into another."""

    @told
    def reshape(editor: dict) -> dict:
        return repainted(on_picture(editor)["background"], tool(painted(editor)[1]))

    return reshape


@told
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


def hole_of(original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with a chequered hole; original (64, 64, 3) uint8, mask (64, 64, 1) uint8, 255 where new content goes."""
    y, x = np.indices(original.shape[:2]) // 4
    squares = np.where((x + y) % 2, 205, 240)[..., None]
    share = mask.astype(float) / 255
    return (original * (1 - share) + squares * share).round().astype(np.uint8)


def grey(mask) -> np.ndarray:
    """A mask (1, 1, 64, 64) as (64, 64, 1) uint8."""
    return images.to_uint8(mask)[0]


def preview(editor: dict, feather: float) -> str:
    """Original, mask as it will be used, and hole, all 64x64, as HTML; a sentence where something is missing."""
    try:
        original, mask = painted(editor)
        head, tiles = ["original, 64 × 64", "mask used", "hole to fill"], [tile(original, "original")]
        if bool((mask > 0).any()):
            used = grey(soft(mask, whole(feather, 0, MAX_FEATHER, "The feather")))
            tiles += [tile(used, "mask used"), tile(hole_of(original, used), "hole to fill")]
        else:
            tiles += [tile(None, "mask used", ["paint on the picture"]), tile(None, "hole to fill")]
        return f'<div class="trio">{figure(head, [("", tiles)])}</div>'
    except Refused as e:
        return f'<div class="caption">{html.escape(str(e))}</div>'


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
