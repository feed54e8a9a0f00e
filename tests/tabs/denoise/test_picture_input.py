"""The picture that Forward & denoise begins with: what is taken as one, and how it is shown."""

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from core.checks import Refused
from core.pictures import images
from core.pictures.scenes import mountains
from tabs.ui.inputs import Picture
from tabs.ui.picture import original


def sent(path):
    """A file as the page sends it."""
    return Picture.data_model(path=str(path), orig_name=path.name)


@pytest.mark.parametrize("kind", ["text", "cut png", "cut jpeg"])
def test_a_file_that_is_no_picture_is_told_in_one_sentence(tmp_path, kind):
    path = tmp_path / ("bad.jpg" if kind == "cut jpeg" else "bad.png")
    mountains().save(path)
    path.write_bytes(b"no picture" if kind == "text" else path.read_bytes()[:4000])
    with pytest.raises(gr.Error, match="This file is not a picture that can be read") as told:
        Picture(type="pil", image_mode=None).preprocess(sent(path))
    assert not told.value.print_exception


@pytest.mark.slow
@pytest.mark.parametrize("name, size", [("large.png", (7000, 5000)), ("large.jpg", (12200, 12200))])
def test_a_large_picture_is_shrunk_and_one_that_would_fill_the_memory_refused(tmp_path, name, size):
    Image.new("L", size, 200).save(tmp_path / name)
    component = Picture(type="pil", image_mode=None, format="png")
    picture = component.preprocess(sent(tmp_path / name))
    assert picture.width * picture.height <= images.LARGE
    with Image.open(component.postprocess(picture).path) as shown:
        assert shown.size == (512, 512)
    Image.new("1", (12200, 12200)).save(tmp_path / "bomb.png")
    with pytest.raises(gr.Error, match="more than 40 million pixels; please shrink it first"):
        component.preprocess(sent(tmp_path / "bomb.png"))


def test_a_picture_is_shown_square_and_crisp(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    component = Picture(type="pil", image_mode=None, format="png")
    with Image.open(component.postprocess(images.to_pil(pixels)).path) as large:
        np.testing.assert_array_equal(np.asarray(large), images.enlarge(pixels, 8))
        np.testing.assert_array_equal(original(large)["original"], pixels)
    with Image.open(component.postprocess(mountains().resize((900, 300))).path) as square:
        assert square.size == (512, 512)
    assert component.postprocess(None) is None and component.preprocess(None) is None


@pytest.mark.parametrize("nothing", [None, "a picture"])
def test_without_a_picture_nothing_runs(nothing):
    with pytest.raises(Refused, match="There is no picture yet"):
        original(nothing)
