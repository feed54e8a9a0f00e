"""The canvas: a picture that is uploaded, pasted, drawn or sent, as the 64x64 square that is worked on."""

import functools
from collections.abc import Callable, Mapping

import gradio as gr
import numpy as np
from gradio.components.image_editor import EditorData
from PIL import Image, ImageOps
from pydantic import ValidationError, model_validator

from core import images
from core.checks import Refused
from core.scenes import SCENES

SIDE = 512
SIZE = 64
NO_PICTURE = "There is no picture yet: upload one, draw one, choose an example, or send one from another tab."
COLOURS = (
    "#111111", "#ffffff", "#8a8a8a", "#d62f2f", "#f08a24", "#f6d743", "#3f9b46", "#1f4f2b", "#7ec8f2", "#2760c8",
    "#7a4a24", "#e7b98f", "#8c4fc0",
)  # fmt: skip


class _Sent(EditorData):
    """What a page or a program sends; whatever is no editor's answer counts as an empty one."""

    @model_validator(mode="wrap")
    @classmethod
    def _forgive(cls, data, handler):
        try:
            return handler(data)
        except ValidationError:
            return cls()


class Canvas(gr.ImageEditor):
    """gr.ImageEditor with a square canvas, on which every picture that is put there is square and enlarged crisply."""

    is_template = True
    data_model = _Sent

    def preprocess(self, payload):
        """The editor's answer; None for what cannot be read as pictures."""
        try:
            return super().preprocess(payload)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None

    def postprocess(self, value):
        """A picture, or an editor's answer."""
        return super().postprocess(on_canvas(value) if isinstance(value, Image.Image) else value)


def canvas(elem_id: str, label: str, brush: gr.Brush, eraser: int, value: Image.Image | dict, height: int) -> Canvas:
    """A canvas with brush, eraser and undo that takes uploads and pasted pictures."""
    return Canvas(
        value, type="pil", format="png", label=label, sources=["upload", "clipboard"], canvas_size=(SIDE, SIDE),
        fixed_canvas=True, layers=False, transforms=(), brush=brush, eraser=gr.Eraser(default_size=eraser), height=height,
        elem_id=elem_id, buttons=[],
    )  # fmt: skip


def paper() -> Image.Image:
    """A white sheet to draw on."""
    return Image.new("RGB", (SIDE, SIDE), "white")


def static(seed: int = 180) -> Image.Image:
    """A sheet of grey noise to draw on."""
    noise = np.random.default_rng(seed).normal(128, 64, (SIZE, SIZE, 3))
    return on_canvas(images.to_pil(noise.clip(0, 255).astype(np.uint8)))


def examples(target: gr.components.Component, more: Mapping[str, Callable] | None = None) -> None:
    """A row of buttons that put a scene on the canvas."""
    with gr.Row(elem_classes="presets"):
        for name, scene in (SCENES | dict(more or {})).items():
            button = gr.Button(name, size="sm", min_width=50)
            button.click(functools.partial(scene), None, target, api_visibility="private", queue=False)


def on_canvas(picture: Image.Image) -> Image.Image:
    """A picture as the canvas shows it: square, SIDE pixels; small ones crisply enlarged."""
    side = min(picture.size)
    whole = images.square(images.to_rgb(picture), SIDE if SIDE % side else side)
    return whole.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def trimmed(editor: object) -> dict:
    """An editor's answer without the empty margin that a picture which is not square has on the canvas.

    Raises:
        Refused: there is no picture in it.
    """
    editor = editor if isinstance(editor, Mapping) else {"background": editor}
    below, above, layers = editor.get("background"), editor.get("composite"), editor.get("layers") or []
    whole = below if isinstance(below, Image.Image) else above
    if not isinstance(whole, Image.Image):
        raise Refused(NO_PICTURE)
    box = whole.getchannel("A").getbbox() if "A" in whole.getbands() else None
    full = box and (box[0::2] == (0, whole.width) or box[1::2] == (0, whole.height))
    box = box if full else (0, 0, *whole.size)
    cut = lambda p: p.crop(box) if isinstance(p, Image.Image) and p.size == whole.size else p  # noqa: E731
    return {"background": cut(below), "layers": [cut(p) for p in layers], "composite": cut(above)}


def small(picture: Image.Image) -> np.ndarray:
    """Any picture as (64, 64, 3) uint8: the centred square, averaged; a crisp enlargement comes back exactly."""
    return np.asarray(ImageOps.fit(images.to_rgb(picture), (SIZE, SIZE), Image.Resampling.BOX))


def drawn(editor: object) -> np.ndarray:
    """The canvas with all that was drawn on it, (64, 64, 3) uint8. Raises Refused if it is empty."""
    parts = trimmed(editor)
    return small(parts["composite"] or parts["background"])
