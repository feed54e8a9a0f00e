"""What a page never sends but a program may: pictures without end, files that are none, values of the wrong type."""

import io
import struct

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import FileData
from PIL import Image

import app
from core.checks import ModelError, Refused
from core.models.deepfloyd import download
from core.models.deepfloyd.hub import REPOSITORIES
from core.pictures import images
from core.pictures.images import digit_of, settings_of, to_rgb
from core.pictures.scenes import mountains
from core.runs.prompts import prompt_of
from tabs.inpainting import mask as _mask
from tabs.mnist import learned as mnist_learned
from tabs.ui.canvas import canvas
from tabs.ui.inputs import Picture
from tabs.ui.saved import settings_input


def png(picture: Image.Image) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def sent(path) -> dict:
    """A file as a program names it."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("value", ["abc", 5, [1], {"path": 5}, {"layers": 3}, {"background": "x"}])
@pytest.mark.parametrize("make", [lambda: Picture(type="pil"), settings_input])
def test_what_is_no_picture_and_no_file_counts_as_none(make, value):
    made = make()
    try:
        assert made.preprocess(made.data_model.model_validate(value)) is None
    except gr.Error as e:
        assert "not a picture that can be read" in e.message


# ---- pictures and files ---------------------------------------------------------------------------------------------


def test_a_picture_with_damaged_exif_is_read_all_the_same(tmp_path):
    mountains().save(tmp_path / "damaged.png", exif=b"Exif\0\0II*\0")
    with Image.open(tmp_path / "damaged.png") as picture:
        with pytest.raises(struct.error):
            picture.getexif()
        assert np.array_equal(to_rgb(picture), mountains())
    with Image.open(tmp_path / "damaged.png") as picture:
        value = {"picture": mountains(), "mask": None}
        assert _mask.upload_mask(value, str(tmp_path / "damaged.png"))["mask"]
    with pytest.raises(gr.Error, match="not a picture that can be read"):
        Picture(type="pil", image_mode=None).preprocess(
            Picture.data_model(path=str(tmp_path / "damaged.png"), orig_name="damaged.png")
        )


def test_no_file_is_told_in_a_sentence():
    for handler, values in ((settings_of, (None,)), (_mask.upload_mask, ({"picture": mountains()}, None))):
        with pytest.raises((Refused, gr.Error), match="not a picture"):
            handler(*values)


def test_settings_are_not_looked_for_in_a_picture_too_large_to_be_ours(tmp_path, monkeypatch):
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((64, 64, 3), np.uint8), {"app": 1}))
    assert settings_of(tmp_path / "saved.png") == {"app": 1}
    monkeypatch.setattr(images, "LARGE", 64 * 64 - 1)
    with pytest.raises(Refused, match="not a picture with settings"):
        settings_of(tmp_path / "saved.png")


def test_two_specks_far_apart_are_no_digit():
    page = Image.new("L", (2000, 2000), 255)
    page.putpixel((10, 10), 0)
    page.putpixel((1990, 1990), 0)
    with pytest.raises(Refused, match="There is no digit yet"):
        digit_of(page)


@pytest.mark.parametrize("name", ["pocket", "if-xl", "", None, [], {}, 3])
def test_only_what_learned_digits_tells_how(name):
    with pytest.raises(gr.Error, match="The model must be one of"):
        mnist_learned.show(name)


def test_half_a_character_in_a_prompt_does_not_reach_the_page():
    assert prompt_of("a dog \ud800 and 🐧").encode() == "a dog ? and 🐧".encode()


# ---- the machine ----------------------------------------------------------------------------------------------------


def test_a_download_leaves_room_for_the_app(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    free = download.RESERVE + 1000
    monkeypatch.setattr(
        download.shutil, "disk_usage", lambda folder: (0, 0, free) and type("Usage", (), {"free": free})
    )
    repository = next(iter(REPOSITORIES.values()))
    download._check_disk(repository, 1000)
    with pytest.raises(ModelError, match="must stay free for the app"):
        download._check_disk(repository, 1001)


def test_old_files_are_deleted_though_one_comes_in_meanwhile(monkeypatch):
    seen = []

    def delete(demo, age):
        seen.append(age)
        if len(seen) < 3:
            raise RuntimeError("Set changed size during iteration")
        raise SystemExit  # enough

    monkeypatch.setattr(app, "delete_files_created_by_app", delete)
    monkeypatch.setattr(app.time, "sleep", lambda seconds: None)
    with pytest.raises(SystemExit):
        app.clean(gr.Blocks())
    assert seen == [app.OLD] * 3


def test_the_app_remembers_a_bounded_number_of_pages(monkeypatch):
    launched = {}
    monkeypatch.setattr(app, "clean", lambda demo: None)  # it would go on for as long as the tests
    monkeypatch.setattr(
        app, "create_app", lambda *_: type("Demo", (), {"launch": lambda self, **k: launched.update(k)})()
    )
    app.main([])
    assert launched["state_session_capacity"] == app.SESSIONS <= 300


def test_what_takes_any_file_says_what_it_is_for():
    with gr.Blocks() as page:
        _mask.mask_upload(canvas("canvas", "", mountains(), "mask"))
        settings_input()
    found = [b.get_config() for b in page.blocks.values() if isinstance(b, (gr.File, gr.UploadButton))]
    assert [c["label"] for c in found] == ["Upload mask", "Settings from a PNG that was saved here"]
    assert [c["file_types"] for c in found] == [["image"], [".png"]]


def test_a_file_is_read_as_before(tmp_path):
    mountains().save(tmp_path / "saved.png")
    made = settings_input()
    value = made.data_model.model_validate(sent(tmp_path / "saved.png"), context={"validate_meta": True})
    assert isinstance(value, FileData) and str(made.preprocess(value)) == str(tmp_path / "saved.png")
