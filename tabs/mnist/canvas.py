"""The canvas of the single-step denoiser: a digit, dark ink on white paper, that is drawn, uploaded or sent."""

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import Refused
from core.models.registry import CHECKPOINTS
from core.pictures import images
from core.pictures.images import NO_DIGIT, digit_of
from tabs.ui.canvas import Editor

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


def canvas_of_digit() -> gr.ImageEditor:
    """The canvas, with a digit on it."""
    return Editor(
        value=first_digit(),
        type="pil",
        format="png",
        label="Draw a digit",
        sources=["upload", "clipboard"],
        canvas_size=(CANVAS, CANVAS),
        fixed_canvas=True,
        layers=False,
        transforms=(),
        brush=gr.Brush(default_size=11, colors=["#000000"], default_color="#000000", color_mode="fixed"),
        eraser=gr.Eraser(default_size=14),
        height=400,
        elem_id="digit-canvas",
    )


def digit_on(editor: object) -> dict[str, np.ndarray]:
    """The canvas as one digit, (28, 28, 1) uint8, white on black. Raises Refused if there is none."""
    editor = editor if isinstance(editor, dict) else {}
    below = editor.get("background")
    picture = editor.get("composite") or below
    if picture is None:
        raise Refused(NO_DIGIT)
    if below is not None and below.mode == "RGBA" and below.size == picture.size:
        picture = picture.crop(below.getchannel("A").getbbox())  # a picture that is not square was padded
    return {"digit": digit_of(picture)}
