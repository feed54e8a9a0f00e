"""The canvas takes an uploaded, pasted, drawn or sent picture and gives the 64x64 square that a run uses."""

import functools
import io
from collections.abc import Callable, Mapping

import gradio as gr
import numpy as np
from gradio.components.base import server
from gradio.components.image_editor import EditorData
from PIL import Image, ImageOps

from core.checks import Refused, number
from core.pictures import images
from core.pictures.scenes import SCENES
from core.runs.plan import FINE
from tabs.ui.sent import forgiving

SIDE = 512
SIZE = 64
LAYERS = 4  # at most in one answer; the page sends one
LARGEST = 4_000_000  # pixels at most of a picture in an answer; the page sends SIDE * SIDE
BLOB = 8_000_000  # bytes at most of one stored picture
BLOBS = 200_000_000  # bytes at most of all stored pictures
REST = 1000  # bytes of an answer without its pictures
NO_PICTURE = "There is no picture yet: upload one, draw one, choose an example, or send one from another tab."
COLOURS = (
    "#111111", "#ffffff", "#8a8a8a", "#d62f2f", "#f08a24", "#f6d743", "#3f9b46", "#1f4f2b", "#7ec8f2", "#2760c8",
    "#7a4a24", "#e7b98f", "#8c4fc0",
)  # fmt: skip


class Editor(gr.ImageEditor):
    """gr.ImageEditor that accepts no more than its own canvas can send; any client is held to that."""

    data_model = forgiving(EditorData)

    def get_block_name(self) -> str:
        """The page treats it as Gradio's own editor."""
        return "imageeditor"

    get_block_class = get_block_name

    def preprocess(self, payload):
        """The editor's answer; None if its pictures cannot be read or it has more than LAYERS layers."""
        try:
            return super().preprocess(payload) if payload is None or len(payload.layers or []) <= LAYERS else None
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None

    def convert_and_format_image(self, file, flatten_on_white=False):
        """A picture of an editor's answer as RGBA; a large one is shrunk first."""
        if file is None:
            return None
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file.path) as picture:
            return images.shrunk(picture, LARGEST).convert("RGBA")

    @server
    def accept_blobs(self, data):
        """Store a picture until its answer is read. The page sends one per stroke; the oldest are dropped."""
        about, file = data.data, data.files[0][1]
        index = str(about.get("index") or "0")
        if len(str(about.get("id"))) > 64 or len(file) > BLOB or not (index == "null" or 0 <= number(index) < LAYERS):
            return
        super().accept_blobs(data)
        sizes = {key: sum(map(len, filter(None, (b.background, b.composite, *b.layers)))) + REST
                 for key, b in list(self.blob_storage.items())}  # fmt: skip
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= BLOBS:
                break
            self.blob_storage.pop(key, None)
            total -= size


class Canvas(Editor):
    """An editor that shows every picture square and crisply enlarged."""

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
    """A picture as the canvas shows it: square, SIDE pixels wide; a small one is crisply enlarged."""
    side = min(picture.size)
    whole = images.square(images.to_rgb(picture), SIDE if SIDE % side else side)
    return whole.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def trimmed(editor: object) -> dict:
    """An editor's answer without the empty margin around a picture that is not square.

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


def inputs_of(picture: Image.Image) -> dict[str, np.ndarray]:
    """A run's "original", (64, 64, 3) uint8, and FINE, (256, 256, 3), where the picture has more than 64 pixels a side."""
    original = small(picture)
    fine = np.asarray(ImageOps.fit(images.to_rgb(picture), (4 * SIZE, 4 * SIZE), Image.Resampling.BOX))
    finer = min(picture.size) > SIZE and not np.array_equal(fine, images.enlarge(original, 4))
    return {"original": original} | ({FINE: fine} if finer else {})


def flat(editor: object) -> Image.Image:
    """The canvas with everything drawn on it. Raises Refused if it is empty."""
    parts = trimmed(editor)
    return parts["composite"] or parts["background"]


def drawn(editor: object) -> np.ndarray:
    """`flat`, (64, 64, 3) uint8. Raises Refused if it is empty."""
    return small(flat(editor))
