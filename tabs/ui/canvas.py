"""The canvas takes an uploaded, pasted, photographed, drawn or sent picture and gives the 64x64 square that a run uses."""

import base64
import contextlib
import functools
import io
from collections.abc import Callable, Iterator, Mapping

import gradio as gr
import numpy as np
from gradio.data_classes import FileData, GradioModel
from gradio_client.utils import is_file_obj_with_meta
from PIL import Image, ImageOps
from pydantic import model_validator

from core.checks import Refused
from core.pictures import images, masks
from core.pictures.scenes import SCENES
from core.runs.plan import FINE
from tabs.ui.sent import forgiving
from tabs.ui.theme import asset, script

SIDE = 512
SIZE = 64
LAYERS = 4  # at most in one answer of Gradio's editor
LARGEST = 4_000_000  # pixels at most of a picture in an answer; a larger one is shrunk
LETTERS = 12_000_000  # at most of a picture that travels as text; the page sends some 200,000
NO_PICTURE = "There is no picture yet: upload one, draw one, choose an example, or send one from another tab."
UNREADABLE = "This file is not a picture that can be read; choose a PNG, JPEG, WebP or GIF."
COLOURS = (
    "#d62f2f", "#f08a24", "#f6d743", "#3f9b46", "#1f4f2b", "#7ec8f2", "#2760c8", "#8c4fc0", "#7a4a24", "#e7b98f",
    "#111111", "#8a8a8a", "#ffffff",
)  # fmt: skip
KINDS = {
    "picture": {"side": 256, "grid": SIZE, "sizes": [1, 2, 4, 8, 14], "size": 4, "colours": COLOURS},
    "mask": {"side": 256, "grid": SIZE, "sizes": [1, 3, 5, 9, 15], "size": 7, "colours": ("#ff2d95",)},
    "digit": {"side": 280, "grid": 28, "sizes": [1, 1.5, 2, 2.5, 4], "size": 2, "colours": ("#000000",)},
}
"""Kind -> the pixels of a side as it is drawn and as it is used; widths of the brush in pixels as used; colours; the
first of both."""


@contextlib.contextmanager
def in_one_sentence() -> Iterator[None]:
    """Turn any failure to read a sent picture into one sentence."""
    try:
        yield
        return
    except Refused as e:
        said = str(e)
    except Image.DecompressionBombError:
        said = images.TOO_LARGE
    except Exception:  # a damaged file fails in many ways
        said = UNREADABLE
    raise gr.Error(said, title="Please check", print_exception=False)


class _Drawn(GradioModel):
    """A value from the page or a program. A file alone is a picture. Gradio's own editor sends the last three
    fields."""

    picture: FileData | str | None = None
    mask: FileData | str | None = None
    background: FileData | None = None
    layers: list[FileData | None] | None = None
    composite: FileData | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_file(cls, data: object) -> object:
        return {"picture": data} if is_file_obj_with_meta(data) else data


class Canvas(gr.HTML):
    """A sheet to draw on; a handler gets and gives {"picture": PIL or None, "mask": PIL or None}.

    A mask is white where new content goes. Only a canvas of masks has one. A handler may give a picture alone.
    """

    data_model = forgiving(_Drawn)

    def preprocess(self, payload: _Drawn | None) -> dict:
        """The pictures that were sent, shrunk if they are large. Raises one sentence if a file cannot be read."""
        masked = self.props["kind"] == "mask"
        if payload is None:
            return {"picture": None, "mask": None}
        with in_one_sentence():
            if payload.picture or payload.mask:
                picture, mask = opened(payload.picture), opened(payload.mask) if masked else None
                return {"picture": picture and images.to_rgb(picture), "mask": mask and white(masks.mask_of(mask))}
            return of_editor(payload, masked)

    def postprocess(self, value: Mapping | Image.Image | None) -> dict | None:
        """The value for the page: data URIs. None, in an update of other properties, stays None."""
        return None if value is None else travelling(value)

    def api_info(self) -> dict:
        """The schema of a program's value, for the API."""
        about = 'a picture file, or {"picture": file or data URI, "mask": the same}; white is what is made anew'
        return {"type": {}, "description": about}

    def example_payload(self) -> dict:
        """A value for the page about the API."""
        return {"picture": images.packed(np.full((8, 8, 3), 255, np.uint8))}

    def example_value(self) -> dict:
        """The same."""
        return self.example_payload()


def opened(sent: FileData | str | None) -> Image.Image | None:
    """The first frame of a picture that was sent as a file or as a data URI, shrunk if it is large."""
    if not sent:
        return None
    if isinstance(sent, str) and len(sent) > LETTERS:
        raise Refused(images.TOO_LARGE)
    text = sent.partition(",")[2] if isinstance(sent, str) else ""
    file = io.BytesIO(base64.b64decode(text, validate=True)) if isinstance(sent, str) else sent.path
    with Image.open(file) as picture:
        return images.shrunk(picture, LARGEST).copy()


def of_editor(sent: _Drawn, masked: bool) -> dict:
    """An answer of Gradio's own editor as a canvas's value, without the margin around a picture that is not square."""
    layers = sent.layers or []
    below, above = (picture and picture.convert("RGBA") for picture in map(opened, (sent.background, sent.composite)))
    whole = below or above
    if whole is None or len(layers) > LAYERS:
        return {"picture": None, "mask": None}
    box = whole.getchannel("A").getbbox()
    full = box and (box[0::2] == (0, whole.width) or box[1::2] == (0, whole.height))
    box = box if full else (0, 0, *whole.size)
    cut = lambda p: p.crop(box) if p is not None and p.size == whole.size else p  # noqa: E731
    if not masked:
        return {"picture": cut(above or below), "mask": None}
    painted = [cut(layer.convert("RGBA")) for layer in map(opened, layers) if layer is not None]
    parts = {"background": cut(whole), "layers": painted, "composite": cut(above)}
    return {"picture": cut(whole), "mask": white(masks.mask_of(parts))}


def white(mask) -> Image.Image:
    """A mask (1, 1, S, S) as a picture, white where new content goes."""
    return images.to_pil(images.to_uint8(mask)[0])


def travelling(value: Mapping | Image.Image) -> dict:
    """A canvas's value as the page takes it: data URIs of the square, at most 280 pixels wide, and of the mask."""
    value = {"picture": value} if isinstance(value, Image.Image) else value
    uris = {}
    if value.get("picture") is not None:
        whole = images.to_rgb(value["picture"])
        side = min(whole.size)
        kept = side if side <= KINDS["digit"]["side"] else KINDS["picture"]["side"]
        how = Image.Resampling.BOX if side % kept == 0 else Image.Resampling.LANCZOS
        square = np.asarray(ImageOps.fit(whole, (kept, kept), how))
        uris["picture"] = images.data_uri(images.webp(square, exact=True), "webp")
    if value.get("mask") is not None:
        uris["mask"] = images.packed(np.asarray(value["mask"])[..., None])
    return uris


def canvas(
    elem_id: str, label: str, value: Mapping | Image.Image | None, kind: str = "picture", **more: object
) -> Canvas:
    """A sheet to draw on. It triggers `change` at each new value, and `input` once for each change by a person.

    Args:
        kind: one of KINDS.
        more: "optional", whether an empty sheet is no picture instead of a white one. For masks: "preview", the id of where
            the mask is shown as it is used; "presets", masks by title.
    """
    first = travelling(value) if value is not None else {}
    words = {
        "label": label,
        "unreadable": UNREADABLE,
        "large": images.TOO_LARGE,
        "empty": masks.EMPTY,
        "full": masks.FULL,
    }
    presets = {title: travelling({"mask": white(mask)})["mask"] for title, mask in more.pop("presets", {}).items()}
    return Canvas(
        value=value or {},
        label=label,
        html_template=asset("canvas/canvas.html"),
        js_on_load=script("canvas"),
        elem_id=elem_id,
        apply_default_css=False,
        kind=kind, home=elem_id, words=words, most=images.MAX_PIXELS, presets=presets, begins=_print(first),
        **{name: [*v] if isinstance(v, tuple) else v for name, v in KINDS[kind].items()}, **more,
    )  # fmt: skip


def _print(value: Mapping[str, str]) -> str:
    """A short mark that tells the first value from others, made as in the canvas's script."""
    picture, mask = value.get("picture", ""), value.get("mask", "")
    return f"{len(picture)} {picture[-40:]} {mask[-40:]}"


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
            quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
            button.click(functools.partial(scene), None, target, **quiet)


def on_canvas(picture: Image.Image) -> Image.Image:
    """A picture as the canvas shows it: square, SIDE pixels wide; a small one is crisply enlarged."""
    side = min(picture.size)
    whole = images.square(images.to_rgb(picture), SIDE if SIDE % side else side)
    return whole.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def small(picture: Image.Image) -> np.ndarray:
    """Any picture as (64, 64, 3) uint8: the centred square, averaged; a crisp enlargement comes back exactly."""
    return np.asarray(ImageOps.fit(images.to_rgb(picture), (SIZE, SIZE), Image.Resampling.BOX))


def inputs_of(picture: Image.Image, name: str = "original") -> dict[str, np.ndarray]:
    """The input of that name, (64, 64, 3) uint8. A picture with more detail also gives name + FINE, (256, 256, 3)."""
    original = small(picture)
    fine = np.asarray(ImageOps.fit(images.to_rgb(picture), (4 * SIZE, 4 * SIZE), Image.Resampling.BOX))
    finer = min(picture.size) > SIZE and not np.array_equal(fine, images.enlarge(original, 4))
    return {name: original} | ({name + FINE: fine} if finer else {})


def has_picture(value: object) -> bool:
    """Whether a canvas's value has a picture; one that is optional may have none."""
    return isinstance(value, Mapping) and bool(value.get("picture"))


def picture_of(value: object) -> Image.Image:
    """The picture of a canvas's value. Raises Refused if there is none."""
    picture = value.get("picture") if isinstance(value, Mapping) else value
    if not isinstance(picture, Image.Image):
        raise Refused(NO_PICTURE)
    return picture


def pixels_of(value: object) -> np.ndarray:
    """The same as (64, 64, 3) uint8."""
    return small(picture_of(value))
