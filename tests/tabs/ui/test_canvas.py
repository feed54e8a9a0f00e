"""What a canvas takes from pages and programs, and what it gives the page."""

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from core.pictures import images, masks
from core.pictures.images import TOO_LARGE
from core.pictures.scenes import mountains
from tabs.ui import canvas as _canvas
from tabs.ui.canvas import KINDS, LARGEST, LAYERS, UNREADABLE, Canvas, canvas, on_canvas, pixels_of, travelling, white

PHOTO = on_canvas(mountains())
TOP = masks.top_half()


@pytest.fixture
def sent(tmp_path):
    """A function: a picture as a program sends it."""

    def made(picture: Image.Image, name: str = "sent") -> dict:
        picture.save(tmp_path / f"{name}.png")
        return {"path": str(tmp_path / f"{name}.png"), "meta": {"_type": "gradio.FileData"}}

    return made


def received(value: object, kind: str = "picture") -> dict:
    """What a handler gets of what was sent."""
    made = canvas("canvas", "", None, kind)
    return made.preprocess(made.data_model.model_validate(value, context={"validate_meta": True}))


def layer(size: int = 512) -> Image.Image:
    """A layer with paint on its upper half."""
    paint = Image.new("RGBA", (size, size))
    paint.paste((255, 45, 149, 255), (0, 0, size, size // 2))
    return paint


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two pictures are the same but for rounding: what travels was averaged once before."""
    return int(np.abs(a.astype(int) - b).max()) <= 1


def test_what_a_handler_gives_comes_back_through_the_page():
    value = {"picture": PHOTO, "mask": white(TOP)}
    there = received(travelling(value), "mask")
    assert alike(pixels_of(there), pixels_of(PHOTO)) and there["picture"].size == (256, 256)
    assert torch.equal(masks.mask_of(there["mask"]), TOP)
    assert received(travelling(value))["mask"] is None, "a canvas of pictures has no mask"


@pytest.mark.parametrize("side", [1, 8, 28, 60, 64, 256, 280])
def test_a_small_picture_travels_as_it_is(side):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8))
    assert np.array_equal(np.asarray(received(travelling(picture))["picture"]), np.asarray(picture))


def test_a_crisp_enlargement_travels_exactly():
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    assert np.array_equal(pixels_of(received(travelling(on_canvas(picture)))), np.asarray(picture))


def test_a_file_alone_is_a_picture_and_two_files_are_a_picture_and_its_mask(sent):
    assert np.array_equal(pixels_of(received(sent(PHOTO))), pixels_of(PHOTO))
    there = received({"picture": sent(PHOTO, "photo"), "mask": sent(white(TOP), "mask")}, "mask")
    assert np.array_equal(pixels_of(there), pixels_of(PHOTO)) and torch.equal(masks.mask_of(there["mask"]), TOP)


def test_a_mask_file_that_is_transparent_where_content_goes_is_taken(sent):
    alpha = Image.new("L", (64, 64), 255)
    alpha.paste(0, (0, 0, 64, 32))
    picture = PHOTO.resize((64, 64))
    picture.putalpha(alpha)
    assert torch.equal(
        masks.mask_of(received({"picture": sent(PHOTO, "p"), "mask": sent(picture)}, "mask")["mask"]), TOP
    )


@pytest.mark.parametrize("alone", ["background", "composite"])
def test_the_answer_of_gradio_s_own_editor_is_understood(sent, alone):
    value = {"background": None, "layers": [sent(layer(), "layer")], "composite": None} | {alone: sent(PHOTO, "photo")}
    assert np.array_equal(pixels_of(received(value)), pixels_of(PHOTO)) and received(value)["mask"] is None
    there = received(value, "mask")
    assert np.array_equal(pixels_of(there), pixels_of(PHOTO)) and torch.equal(masks.mask_of(there["mask"]), TOP)


def test_of_an_editor_s_answer_a_run_gets_what_was_drawn_and_a_mask_what_is_under_it(sent):
    value = {
        "background": sent(PHOTO, "b"),
        "layers": [sent(layer(), "l")],
        "composite": sent(Image.new("RGB", (512, 512)), "c"),
    }
    assert not pixels_of(received(value)).any() and np.array_equal(pixels_of(received(value, "mask")), pixels_of(PHOTO))


def test_the_margin_around_a_picture_that_is_not_square_is_cut(sent):
    wide = Image.new("RGBA", (512, 512))
    wide.paste(mountains().resize((512, 300)), (0, 106))
    value = {"background": sent(wide, "wide"), "layers": [], "composite": sent(wide, "wide")}
    assert received(value)["picture"].size == (512, 300)


def test_more_layers_than_any_editor_has_are_no_answer(sent):
    of = lambda n: received({"background": sent(PHOTO), "layers": [sent(layer(), "l")] * n}, "mask")["picture"]  # noqa: E731
    assert of(LAYERS) and of(LAYERS + 1) is None


def test_a_large_picture_is_shrunk_before_it_takes_memory(sent):
    for value in (sent(Image.new("1", (4000, 3000))), {"background": sent(Image.new("1", (4000, 3000)))}):
        width, height = received(value)["picture"].size
        assert width * height <= LARGEST and width / height == pytest.approx(4 / 3, abs=0.01)


@pytest.mark.parametrize(
    "value", ["abc", 5, [1], {"path": 5}, {"layers": 3}, {"background": "x"}, {"path": "/etc/passwd"}]
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_picture_and_no_file_counts_as_none(kind, value):
    assert received(value, kind) == {"picture": None, "mask": None}


def test_a_file_that_cannot_be_read_is_refused_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "no.png").write_text("no picture")
    file = {"path": str(tmp_path / "no.png"), "meta": {"_type": "gradio.FileData"}}
    for value in (file, {"background": file}, {"picture": "data:image/png;base64,AAAA"}, {"picture": "abc"}):
        with pytest.raises(gr.Error) as told:
            received(value)
        assert told.value.message == UNREADABLE and not told.value.print_exception
    monkeypatch.setattr(_canvas, "LETTERS", 100)
    with pytest.raises(gr.Error) as told:
        received(travelling(PHOTO))
    assert told.value.message == TOO_LARGE


def test_a_picture_too_large_is_refused_in_one_sentence(sent, monkeypatch):
    file = sent(Image.new("1", (300, 300)))
    monkeypatch.setattr(images, "MAX_PIXELS", 200 * 200)
    with pytest.raises(gr.Error) as told:
        received(file)
    assert told.value.message == TOO_LARGE


def test_layers_of_different_sizes_are_refused_in_one_sentence(sent):
    with pytest.raises(gr.Error, match="same size"):
        received({"background": sent(PHOTO, "b"), "layers": [sent(layer(), "l"), sent(layer(100), "m")]}, "mask")


def test_an_update_of_something_else_leaves_the_canvas_as_it_is():
    assert Canvas.postprocess(canvas("canvas", "", None), None) is None
