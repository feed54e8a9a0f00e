"""Every endpoint as a program calls it: streaming, results, Stop, and bad input answered in one sentence."""

import base64
import io
import os
import time

import numpy as np
import pytest
from calling import free_port, raw
from gradio_client.exceptions import AppError
from PIL import Image

from core.runs.single_step import SIGMAS
from tabs.mnist import page as mnist
from tabs.ui.page import alone
from tabs.ui.viewer import RUNS

FAST = {"digits": "38", "each": 1, "model": "flow-class", "sampler": "euler", "steps": 4, "guidance": 3, "seed": 7}


def test_generate_streams_live_frames_and_ends_with_every_step(client):
    job = client.submit(**FAST | {"steps": 20}, device="cpu", api_name="/generate_digits")
    values = list(job)
    assert len(values) >= 2
    assert values[0]["running"] and len(values[0]["frames"]) == 1 and 0 <= values[0]["fraction"] < 1
    last = values[-1]
    assert not last["running"] and len(last["frames"]) == 21
    assert all(uri.startswith("data:image/png;base64,") for f in last["frames"] for uri in f["images"])
    assert last["frames"][-1]["label"] == "result · 20 steps" and "guidance 3; seed 7" in last["caption"]


def test_a_fresh_client_can_use_every_kind_of_model(server):
    from gradio_client import Client

    fresh = Client(server.url, verbose=False)
    ddpm = FAST | {"digits": "1", "model": "ddpm-class", "sampler": "ddim", "steps": 2, "guidance": 1}
    assert len(fresh.predict(**ddpm, device="cpu", api_name="/generate_digits")["frames"]) == 3


def test_same_seed_same_picture(client):
    first, again, other = (
        client.predict(**FAST | {"seed": seed}, device="cpu", api_name="/generate_digits") for seed in (7, 7, 8)
    )
    pictures = [value["frames"][-1]["images"][0] for value in (first, again, other)]
    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"digits": "12a"}, "Type digits from 0 to 9"),
        ({"digits": ""}, "Type digits from 0 to 9"),
        ({"digits": "³"}, "Type digits from 0 to 9"),
        ({"digits": "1234567890" * 20}, "at most 100"),
        ({"each": 0}, "number of each digit must be a whole number from 1"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": 2**40}, "seed must be a whole number from 0"),
        ({"steps": 0}, "number of steps with Euler must be a whole number from 1 to 300"),
        ({"steps": 10**6}, "number of steps with Euler"),
        ({"guidance": 99}, "guidance must be a number from 0 to 10"),
        ({"sampler": "heun", "model": "ddpm-class"}, "sampler for ddpm-class must be one of"),
        ({"model": "no-such-model"}, "There is no model called"),
        ({"each": 1.5}, "number of each digit must be a whole number"),
        ({"each": "two"}, "number of each digit must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"steps": [1]}, "number of steps with Euler"),
        ({"guidance": "NaN"}, "guidance must be a number"),
        ({"guidance": None}, "guidance must be a number"),
        ({"model": ["flow-class"]}, "There is no model called"),
        ({"sampler": {}}, "sampler for flow-class must be one of"),
        ({"device": ["cpu"]}, "device must be one of"),
        ({"device": "cuda"}, "no usable CUDA device"),
    ],
)
def test_bad_input_gets_one_sentence_and_the_app_keeps_running(client, bad, sentence):
    import torch

    if bad.get("device") == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(**FAST | {"device": "cpu"} | bad, api_name="/generate_digits")
    assert "Traceback" not in str(error.value)
    assert client.predict(**FAST, device="cpu", api_name="/generate_digits")["frames"]


def test_guidance_that_is_not_a_number(server):
    body = '{"data": ["38", 1, "flow-class", "euler", 4, NaN, 7, "cpu", "noise"]}'
    assert "The guidance must be a number from 0 to 10." in raw(server, "generate_digits", body)


@pytest.fixture
def here():
    """A client of the digits' tab in this process, where the recordings of its runs can be watched."""
    from gradio_client import Client

    page = alone("Digits", mnist.build)
    _, url, _ = page.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False)
    yield Client(url, verbose=False)
    page.close()


@pytest.mark.slow
def test_stop_ends_a_run_on_the_server(here):
    many = FAST | {"digits": "0123456789"}
    long = many | {"model": "ddpm-class", "sampler": "ddpm", "steps": 300}
    job = here.submit(**long, device="cpu", api_name="/generate_digits")
    late = time.monotonic() + 300
    while not job.outputs():
        assert time.monotonic() < late, "the run shows nothing"
        time.sleep(0.05)
    recording = RUNS.get(job.outputs()[0])
    job.cancel()
    reached = []
    for _ in range(2):  # another run gets the network, and meanwhile the first goes no further
        here.predict(**many | {"steps": 20}, device="cpu", api_name="/generate_digits")
        reached.append(recording.frames[-1].i)
    assert reached[0] == reached[1] < 300
    assert all(value["running"] for value in job.outputs())


def test_same_noise_runs_two_models_together(client):
    value = client.predict(digits="07", steps=3, guidance=2, seed=1, device="cpu", api_name="/same_noise")
    assert len(value["lanes"]) == 4 and all(len(f["images"]) == 4 for f in value["frames"])
    assert "DDPM" in value["caption"] and "Flow" in value["caption"]


def test_how_it_learned_answers_for_every_model(client):
    for name in ("ddpm-class", "flow-class", "classifier"):
        plot, strips, facts = client.predict(name, api_name="/how_it_learned")
        assert "parameters" in facts and plot
        assert ("epoch 1" in strips) == (name != "classifier")


def editor(picture: Image.Image, folder) -> dict:
    """A picture as a client of Gradio's own editor sends it."""
    from gradio_client import handle_file

    path = os.path.join(folder, "digit.png")
    picture.save(path)
    return {"background": handle_file(path), "layers": [], "composite": handle_file(path)}


def seven() -> Image.Image:
    """A hand-drawn seven, ink on paper."""
    from PIL import ImageDraw

    page = Image.new("RGB", (280, 280), "white")
    ImageDraw.Draw(page).line([(80, 70), (200, 70), (130, 220)], fill="black", width=22)
    return page


def test_denoise_a_drawn_digit(client, tmp_path):
    figure, plot = client.predict(
        editor(seven(), tmp_path), ", ".join(map(str, SIGMAS)), 3, "cpu", api_name="/denoise_digit"
    )
    assert figure.count("<img") == 2 * len(SIGMAS) and plot


@pytest.mark.parametrize(
    ("sigmas", "seed", "sentence"),
    [
        ("", 0, "1 to 10 noise levels"),
        ("abc", 0, "Every noise level"),
        ("5", 0, "from 0 to 2"),
        ("nan", 0, "from 0 to 2"),
    ],
)
def test_denoise_bad_input(client, tmp_path, sigmas, seed, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(editor(seven(), tmp_path), sigmas, seed, "cpu", api_name="/denoise_digit")


def test_denoise_without_a_digit(client, tmp_path):
    with pytest.raises(AppError, match="There is no digit yet"):
        client.predict(
            editor(Image.new("RGB", (280, 280), "white"), tmp_path), "0.5", 0, "cpu", api_name="/denoise_digit"
        )
    with pytest.raises(AppError, match="There is no digit yet"):
        client.predict(
            {"background": None, "layers": [], "composite": None}, "0.5", 0, "cpu", api_name="/denoise_digit"
        )


def test_make_digit_and_mean_digit(client):
    made = client.predict(4, 11, "cpu", api_name="/make_digit")
    picture = opened(made["picture"])
    assert picture.size == (280, 280) and np.asarray(picture.convert("L")).std() > 20
    figure, _ = client.predict(made, "0.5", 3, "cpu", api_name="/denoise_digit")
    assert figure.count("<img") == 2, "what the app gives it takes"
    assert client.predict(0, "cpu", api_name="/mean_digit").count("<img") == 10


def opened(uri: str) -> Image.Image:
    """A data URI's picture."""
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_restore_settings_from_a_foreign_file(client, tmp_path):
    from gradio_client import handle_file

    seven().save(tmp_path / "foreign.png")
    with pytest.raises(AppError, match="holds no settings"):
        client.predict(handle_file(str(tmp_path / "foreign.png")), api_name="/restore_digits")


def test_eight_digits_at_every_level(client):
    figure = client.predict("0, 0.5, 1", 3, "denoiser", "cpu", api_name="/denoise_digits")
    assert figure.count("<img") == 8 * 2 * 3 and figure.count("seeds 3 and on") == 1
    assert figure == client.predict("0, 0.5, 1", 3, "denoiser", "cpu", api_name="/denoise_digits")
    with pytest.raises(AppError, match="noise levels"):
        client.predict("", 3, "denoiser", "cpu", api_name="/denoise_digits")


ROWS = {"digits": "38", "steps": 3, "seed": 7, "digit": 4, "other": 11, "device": "cpu"}


@pytest.mark.parametrize(("endpoint", "columns"), [("draw_families", 2), ("families_between", 9)])
def test_three_families_draw_from_one_seed(client, endpoint, columns):
    values = list(client.submit(**ROWS, api_name=f"/{endpoint}"))
    last = values[-1]
    assert not last["running"] and last["grid"]["down"] == ["GAN", "VAE", "Diffusion"]
    assert last["grid"]["count"] == 3 * columns and len(last["frames"]) == 4 and "8 numbers" in last["caption"]
    again = client.predict(**ROWS, api_name=f"/{endpoint}")
    assert again["frames"][-1]["images"] == last["frames"][-1]["images"]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"digits": "x"}, "Type digits from 0 to 9"),
        ({"digits": "1" * 13}, "At most 12 digits stand in a row"),
        ({"steps": 101}, "steps of diffusion must be a whole number"),
        ({"digit": 11}, "digit between two seeds must be"),
        ({"other": -1}, "seed at the other end must be"),
    ],
)
def test_three_families_refuse_bad_input_in_one_sentence(client, bad, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(**ROWS | bad, api_name="/draw_families")
