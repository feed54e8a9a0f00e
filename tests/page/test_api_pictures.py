"""The text-to-image tabs as a program calls them: streaming, results, and bad input answered in one sentence."""

import json

import numpy as np
import pytest
from calling import raw
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs.denoise import DenoiseRequest

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")

FAST = {
    "prompt": "an emoji of a rose",
    "negative": "",
    "n": 2,
    "model": "pocket",
    "sampler": "ddim",
    "steps": 3,
    "guidance": 3,
    "threshold": "clip",
    "seed": 7,
    "timesteps": "even",
    "ratio": 0.95,
    "top": 1.5,
    "guide_from": 999,
    "guide_to": 0,
    "sweep_steps": "2, 4",
    "sweep_prompts": "",
    "device": "cpu",
}
NOISED = {
    "levels": "250, 500",
    "prompt": "a photo",
    "guidance": 1,
    "model": "pocket",
    "stride": 100,
    "seed": 3,
    "device": "cpu",
}


@pytest.fixture
def photo(tmp_path):
    """A picture as a client sends it."""
    mountains().save(tmp_path / "photo.png")
    return handle_file(str(tmp_path / "photo.png"))


def test_sampling_streams_and_keeps_every_step(client):
    values = list(client.submit(**FAST | {"steps": 20}, api_name="/sample_pictures"))
    assert len(values) >= 2 and values[0]["running"]
    last = values[-1]
    assert not last["running"] and len(last["frames"]) == 21
    assert "an emoji of a rose" in last["caption"] and "seed 7" in last["caption"]
    assert last["grid"]["across"] == ["seed 7", "seed 8"]


@pytest.mark.parametrize(
    ("name", "count", "labels"),
    [
        ("with_and_without", 4, ["seed 7", "seed 8"]),
        ("guidance_sweep", 5, ["w = 0", "w = 1", "w = 3", "w = 7", "w = 20"]),
        ("when_to_guide", 5, ["off, w = 1", "t = 999 – 667", "t = 666 – 334", "t = 333 – 0", "always, w = 3"]),
    ],
)
def test_experiments_are_labelled(client, name, count, labels):
    value = client.predict(**FAST, api_name=f"/{name}")
    assert value["grid"]["count"] == count and value["grid"]["across"] == labels


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"prompt": 5}, "prompt must be text"),
        ({"prompt": "x" * 3000}, "at most 2,000 characters"),
        ({"negative": ["a"]}, "negative prompt must be text"),
        ({"n": 9}, "number of pictures must be a whole number from 1 to 8"),
        ({"n": 1.5}, "number of pictures"),
        ({"steps": 10**6}, "number of steps with DDIM must be a whole number from 1 to 250"),
        ({"steps": "many"}, "number of steps"),
        ({"guidance": 21}, "guidance must be a number from 0 to 20"),
        ({"guidance": None}, "guidance must be a number"),
        ({"sampler": "euler"}, "sampler must be one of"),
        ({"timesteps": "smart"}, "timesteps must be one of"),
        ({"ratio": 2}, "quantile of the dynamic threshold must be a number from 0.5 to 1"),
        ({"guide_from": 1000}, "timestep from which guidance is on must be a whole number from 0 to 999"),
        ({"guide_from": 10, "guide_to": 20}, "t falls during a run"),
        ({"top": "high"}, "largest dynamic threshold must be a number"),
        ({"model": "if-xl"}, "Needs a download of"),
        ({"threshold": {}}, "threshold must be one of"),
        ({"seed": 2**40}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"model": "flow-class"}, "does not draw from a prompt"),
        ({"model": "no-such-model"}, "There is no model called"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_bad_requests_get_one_sentence(client, bad, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(**FAST | bad, api_name="/sample_pictures")
    assert "Traceback" not in str(error.value)


def test_guidance_that_is_not_a_number(server):
    values = [v if k != "guidance" else float("nan") for k, v in FAST.items()]
    assert "The guidance must be a number from 0 to 20." in raw(server, "sample_pictures", json.dumps({"data": values}))


@pytest.mark.parametrize("prompt", ["", "🐧", "一隻企鵝", "word " * 300])
def test_strange_prompts_are_drawn_all_the_same(client, prompt):
    assert client.predict(**FAST | {"prompt": prompt, "steps": 1}, api_name="/sample_pictures")["frames"]


def test_denoising_tells_every_method_and_its_number_of_network_calls(client, photo):
    forward, compared, steps, plot, view, status = client.predict(photo, **NOISED, api_name="/denoise_picture")
    assert forward.count("<img") == 9
    assert compared.count("<img") == 2 * 6 and compared.count(" dB") == 2 * 6
    assert "1 network call<" in compared and "6 network calls" in compared and "σ = " in compared
    assert steps.count("<img") and plot and view["run"] and status.startswith("done")


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"levels": ""}, "Give 1 to 9 timesteps"),
        ({"levels": "0,1,2,3,4,5,6,7,8,9"}, "Give 1 to 9 timesteps"),
        ({"levels": "1000"}, "Every timestep t must be a whole number from 0 to 999"),
        ({"levels": "nan"}, "Every timestep t"),
        ({"stride": 0}, "stride must be a whole number from 5 to 200"),
        ({"prompt": {}}, "prompt must be text"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"model": "classifier"}, "does not draw from a prompt"),
    ],
)
def test_bad_denoising_gets_one_sentence(client, photo, bad, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(photo, **NOISED | bad, api_name="/denoise_picture")


def test_denoising_without_a_picture(client):
    with pytest.raises(AppError, match="There is no picture yet"):
        client.predict(None, **NOISED, api_name="/denoise_picture")


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "I;16", "CMYK", "LA"])
def test_any_kind_of_picture_is_taken(client, tmp_path, mode):
    picture = mountains().resize((90, 50))
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L"), dtype=np.uint16) * 257)
    else:
        picture = picture.convert(mode)
    path = tmp_path / f"picture.{'tif' if mode == 'CMYK' else 'png'}"
    picture.save(path)
    forward, *_ = client.predict(
        handle_file(str(path)), **NOISED | {"levels": "250", "stride": 200}, api_name="/denoise_picture"
    )
    assert forward.count("<img") == 9


def test_a_picture_of_one_pixel(client, tmp_path):
    Image.new("RGB", (1, 1), "red").save(tmp_path / "one.png")
    *_, status = client.predict(
        handle_file(str(tmp_path / "one.png")), **NOISED | {"levels": "250", "stride": 200}, api_name="/denoise_picture"
    )
    assert status.startswith("done")


def test_the_model_draws_the_input(client):
    made = client.predict("an emoji of a rose", "pocket", 1, "cpu", api_name="/make_picture")
    with Image.open(made) as picture:
        assert picture.size == (512, 512)


@pytest.mark.parametrize("data", [b"no picture", b"\x89PNG\r\n\x1a\n and no more"])
def test_a_file_that_is_no_picture_gets_one_sentence(client, tmp_path, data):
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(AppError, match="This file is not a picture that can be read") as error:
        client.predict(handle_file(str(tmp_path / "bad.png")), **NOISED, api_name="/denoise_picture")
    assert "Traceback" not in str(error.value)


def test_a_saved_comparison_restores_picture_and_settings(client, tmp_path):
    pixels = images.enlarge(np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8), 8)
    request = DenoiseRequest((690, 250), "a rose", 2.5, stride=60, seed=9, filtered="as-it-is")
    settings = request.settings() | {"original": images.packed(pixels)}
    (tmp_path / "saved.png").write_bytes(images.png(np.zeros((8, 8, 3), np.uint8), settings))
    picture, *values = client.predict(handle_file(str(tmp_path / "saved.png")), api_name="/restore_denoise")
    assert values == ["690, 250", "a rose", 2.5, "pocket", 60, 9, "as-it-is"]
    with Image.open(picture) as large:
        np.testing.assert_array_equal(np.asarray(large), images.enlarge(pixels, 8))
    mountains().save(tmp_path / "plain.png")
    with pytest.raises(AppError, match="holds no settings of this tab"):
        client.predict(handle_file(str(tmp_path / "plain.png")), api_name="/restore_denoise")
