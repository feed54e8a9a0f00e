"""The inpainting tab's handlers, called as functions: masks on the canvas, and resampling."""

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core import images, masks
from core.fillings import FILLINGS, InpaintRequest
from core.registry import availability
from core.scenes import mountains
from tabs import _inpainting, _mask
from tabs._canvas import SIDE, on_canvas

PHOTO = on_canvas(mountains())
LAYER = Image.new("RGBA", (SIDE, SIDE))
LAYER.paste(_mask.INK, (0, 0, SIDE, SIDE // 2))
ALONE = {"background": None, "layers": [], "composite": PHOTO}
PAINTED = ALONE | {"layers": [LAYER]}


# ---- masks ----------------------------------------------------------------------------------------------------------


def mask_in(editor: dict) -> np.ndarray:
    """Where an editor's value has new content."""
    return _mask.painted(editor)[1].bool().numpy()[0, 0]


def test_the_buttons_change_the_mask_of_a_picture_that_is_no_background():
    inverted = _mask.reshaper(masks.invert)(PAINTED)
    assert np.array_equal(np.asarray(inverted["background"]), np.asarray(PHOTO))
    assert not mask_in(inverted)[:32].any() and mask_in(inverted)[32:].all()
    assert mask_in(_mask.reshaper(lambda m: masks.top_half())(ALONE))[:32].all()


@pytest.fixture
def upload(tmp_path):
    """A function: the path of a mask file."""

    def made(picture: Image.Image) -> str:
        picture.save(tmp_path / "mask.png")
        return str(tmp_path / "mask.png")

    return made


def test_a_mask_is_uploaded_onto_a_picture_that_is_no_background(upload):
    editor = _mask.upload_mask(ALONE, upload(LAYER))
    assert np.array_equal(np.asarray(editor["background"]), np.asarray(PHOTO))
    assert mask_in(editor)[32:].all() and not mask_in(editor)[:32].any(), "what is transparent is made anew"


def test_a_large_mask_file_is_shrunk_and_one_too_large_is_not_even_decoded(upload, monkeypatch):
    path, decoded = upload(LAYER), []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda self: decoded.append(self.size) or load(self))
    monkeypatch.setattr(images, "LARGE", 256**2)
    assert mask_in(_mask.upload_mask(ALONE, path))[32:].all()
    monkeypatch.setattr(images, "MAX_PIXELS", 400**2)
    decoded.clear()
    with pytest.raises(gr.Error, match="million pixels; please shrink it first") as told:
        _mask.upload_mask(ALONE, path)
    assert not decoded and not told.value.print_exception


needs_pocket = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


# ---- resampling -----------------------------------------------------------------------------------------------------


def costs(**changed) -> str:
    """The cost line of the first settings, without a prompt, with these changes."""
    values = {"prompt": "", "guidance": 1, "n": 1, "steps": 30, "jump_n": 2, "jump_length": 10, "below": 1000}
    return _inpainting.price(*(values | changed).values(), 0, "pocket", "cpu")


@needs_pocket
def test_the_cost_line_says_what_is_refused_and_leaves_out_an_experiment_that_cannot_be_run(monkeypatch):
    monkeypatch.setattr(_inpainting.cost, "seconds", lambda *_: 1.0)
    assert "n = 1 against n = 5" in costs()
    assert "n = 1 against n = 5" not in costs(steps=10, jump_n=1) and "RePaint" in costs(steps=10, jump_n=1)
    with pytest.raises(ValueError, match="needs more than 10 steps"):
        costs(steps=10)
    assert _inpainting.path(10, 2, 10, 1000).title.startswith("10 transitions"), "the path is that of n = 1"


@pytest.mark.parametrize(
    ("experiment", "asked", "said"),
    [
        ("fill", {}, "n = 2, j = 10, "),
        ("fill", {"below": 999}, "n = 2, j = 10, "),
        ("fill", {"below": 500}, "n = 2, j = 10 from t = 500 down, "),
        ("fill", {"below": 500, "jump_n": 1}, "n = 1, j = 10, "),
        ("once-and-often", {"below": 950, "jump_n": 1}, "n = 1, n = 5, j = 10 from t = 950 down, "),
    ],
)
def test_the_caption_says_where_resampling_starts(experiment, asked, said):
    assert f"; 30 steps, {said}" in _inpainting.described(FILLINGS[experiment](InpaintRequest(**asked)))
