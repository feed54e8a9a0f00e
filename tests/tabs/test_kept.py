"""What is kept of a run, whether it reached its end or was stopped: captions, files, and what the page may say of it."""

import dataclasses
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.pictures import images
from core.pictures.figures import figure, gif
from core.runs.mnist import DigitRequest, read
from core.runs.recording import Frame, Recording
from core.runs.sampling import PictureRequest
from tabs.mnist import compare as mnist_compare
from tabs.mnist import generate as mnist_generate
from tabs.mnist import shared as _mnist
from tabs.sampling import page as sampling
from tabs.ui import job as _run
from tabs.ui.viewer import RUNS

SO_FAR = "Stopped at step 3 of 4: the clean estimate so far."


def recorded(settings: dict, shape: tuple[int, ...], done: bool) -> Recording:
    """A run of four steps, its end left out unless it is done, whose states are not its estimates; it can be kept."""
    pixels = np.random.default_rng(1).integers(0, 256, (2, 5, *shape), np.uint8)
    frames = [Frame(i, 4, 900 - i, *pixels[:, i]) for i in range(3)]
    if done:
        frames.append(Frame(4, 4, -1, pixels[1, 4], pixels[1, 4]))
    recording = Recording(settings, frames=frames)
    RUNS.add(recording)
    return recording


def digits(done: bool) -> Recording:
    """Two digits."""
    return recorded(DigitRequest(digits="38", each=1, steps=4, seed=7).settings(), (2, 28, 28, 1), done)


def pictures(done: bool) -> Recording:
    """Two pictures."""
    return recorded(PictureRequest(n=2, steps=4).settings() | {"experiment": "samples"}, (2, 64, 64, 3), done)


@pytest.fixture
def written(monkeypatch):
    """What was written under pictures."""
    lines = []
    monkeypatch.setattr(_run, "figure", lambda pixels, words: lines.append(words.below) or figure(pixels, words))
    return lines


def file(button) -> str:
    """The path behind a download button."""
    return button.value["path"]


@pytest.mark.parametrize("done", (False, True))
@pytest.mark.parametrize(("run", "keep"), [(digits, mnist_generate.keep), (pictures, sampling.keep)])
def test_a_run_that_was_stopped_says_so_in_the_viewer_and_in_its_png(written, run, keep, done):
    value, *_ = keep({"run": run(done).id})
    assert written == [value["caption"]]
    assert value["caption"].endswith(SO_FAR) != done
    assert value["status"] == ("done" if done else "stopped at step 3 / 4")


def test_a_comparison_that_was_stopped_says_so_too():
    one, two = digits(False), digits(False)
    RUNS.add(one, two)
    assert mnist_compare.keep({"run": one.id})["caption"].endswith(SO_FAR)


@pytest.mark.parametrize("done", (False, True))
def test_the_digits_that_are_saved_are_the_result(monkeypatch, done):
    recording, loops = digits(done), []
    monkeypatch.setattr(_run, "gif", lambda sheets, **how: loops.append(sheets) or gif(sheets, **how))
    _, _, _, _, everything = mnist_generate.keep({"run": recording.id})
    result = images.grid(recording.result, 2)
    with zipfile.ZipFile(file(everything)) as archive, Image.open(io.BytesIO(archive.read("grid.png"))) as small:
        np.testing.assert_array_equal(np.asarray(small)[..., None], result)
    np.testing.assert_array_equal(loops[0][-1], result)
    np.testing.assert_array_equal(loops[0][0], images.grid(recording.frames[0].x_t, 2))
    assert len(loops[0]) == len(recording.frames)


def test_at_the_end_of_a_run_of_digits_state_and_result_are_the_same():
    recording = Recording({})
    for _ in recording.follow(dataclasses.replace(DigitRequest(), digits="3", each=1, steps=2).run("cpu")):
        pass
    np.testing.assert_array_equal(recording.frames[-1].x_t, recording.result)


FORGED = [{"caption": "x" * 5_000_000, "status": "y" * 5_000_000}, {"caption": {"a": 1}, "status": [1]}]


def last(run) -> dict:
    """The last value of a run."""
    *_, value = run
    return value


@pytest.mark.parametrize("forged", FORGED)
def test_what_is_said_of_digits_comes_from_the_server(written, forged):
    shown = last(mnist_generate.run("38", 1, "flow-class", "euler", 2, 2.0, 7, "cpu"))
    value, *_ = mnist_generate.keep({"run": shown["run"]} | forged)
    assert written == [shown["caption"]] == [value["caption"]] and len(written[0]) < 300
    (made,) = RUNS.get(shown)
    right = sum(a == b for a, b in zip(read(made.result, "cpu"), "38", strict=True))
    assert value["caption"].endswith(f"seed 7. The classifier reads {right} of 2 as asked.")
    assert value["status"] == shown["status"]


def test_the_classifier_s_reading_is_counted_digit_by_digit(monkeypatch):
    pixels = np.zeros((4, 28, 28, 1), np.uint8)
    monkeypatch.setattr(_mnist, "read", lambda pixels, device: "3083")
    count = lambda model: _mnist.as_read(DigitRequest(digits="3805", each=1, model=model), pixels, "cpu")  # noqa: E731
    assert count("flow-class") == "The classifier reads 1 of 4 as asked."
    assert count("flow-time") == "The classifier reads 3083."


@pytest.mark.parametrize("forged", FORGED)
def test_what_is_said_of_two_models_comes_from_the_server(forged):
    shown = last(mnist_compare.run("38", 2, 2.0, 7, "cpu"))
    value = mnist_compare.keep({"run": shown["run"]} | forged)
    assert shown["caption"].count("as asked.") == 2
    assert (value["caption"], value["status"]) == (shown["caption"], shown["status"])


@pytest.mark.parametrize("forged", FORGED)
def test_how_long_a_run_took_comes_from_the_server(written, forged):
    recording = pictures(True)
    recording.took = 1.25
    value, *_ = sampling.keep({"run": recording.id} | forged)
    assert value["status"] == "done in 1.2 s" and written == [value["caption"]] and len(written[0]) < 300
