"""What is kept of a run, whether it reached its end or was stopped: captions, files, and what the page may say of it."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.models.registry import availability
from core.pictures import images
from core.pictures.figures import figure, gif
from core.runs import mnist
from core.runs.anagrams import AnagramRequest
from core.runs.frame import Frame
from core.runs.hybrids import HybridRequest
from core.runs.mnist import DigitRequest, Digits, read
from core.runs.plan import Plan
from core.runs.recording import Recording
from core.runs.same_noise import Pair, PairRequest
from core.runs.sampling import PictureRequest
from tabs.anagrams.job import JOB as ANAGRAMS
from tabs.hybrids.job import JOB as HYBRIDS
from tabs.mnist.compare import JOB as PAIR
from tabs.mnist.generate import JOB as DIGITS
from tabs.sampling.page import JOB as SAMPLING
from tabs.ui import files
from tabs.ui.viewer import RUNS

JOBS = {"anagram": ANAGRAMS, "hybrid": HYBRIDS}
SO_FAR = "Stopped at step 3 of 4: the clean estimate so far."


def recorded(plan: Plan, shape: tuple[int, ...], done: bool) -> Recording:
    """A run of four steps, its end left out unless it is done, whose states are not its estimates; it can be kept."""
    pixels = np.random.default_rng(1).integers(0, 256, (2, 5, *shape), np.uint8)
    frames = [Frame(i, 4, 900 - i, *pixels[:, i]) for i in range(3)]
    if done:
        frames.append(Frame(4, 4, -1, pixels[1, 4], pixels[1, 4]))
    recording = Recording(plan, frames=frames)
    RUNS.add(recording)
    return recording


def digits(done: bool) -> Recording:
    """Two digits."""
    return recorded(Digits(request=DigitRequest(digits="38", each=1, steps=4, seed=7)), (2, 28, 28, 1), done)


def pictures(done: bool) -> Recording:
    """Two pictures."""
    return recorded(SAMPLING.planned("samples", PictureRequest(n=2, steps=4), {}), (2, 64, 64, 3), done)


@pytest.fixture
def written(monkeypatch):
    """What was written under pictures."""
    lines = []
    monkeypatch.setattr(files, "figure", lambda pixels, words: lines.append(words.below) or figure(pixels, words))
    return lines


def file(button) -> str:
    """The path behind a download button."""
    return button.value["path"]


@pytest.mark.parametrize("done", (False, True))
@pytest.mark.parametrize(("run", "keep"), [(digits, DIGITS.keep), (pictures, SAMPLING.keep)])
def test_a_run_that_was_stopped_says_so_in_the_viewer_and_in_its_png(written, run, keep, done):
    value, *_ = keep({"run": run(done).id})
    assert written == [value["caption"]]
    assert value["caption"].endswith(SO_FAR) != done
    assert value["status"] == ("done" if done else "stopped at step 3 / 4")


def test_a_comparison_that_was_stopped_says_so_too():
    both = recorded(Pair(request=PairRequest(digits="3", steps=4)), (2, 28, 28, 1), False)
    assert PAIR.keep({"run": both.id})[0]["caption"].endswith(SO_FAR)


@pytest.mark.parametrize("done", (False, True))
def test_the_digits_that_are_saved_are_the_result(monkeypatch, done):
    recording, loops = digits(done), []
    monkeypatch.setattr(files, "gif", lambda sheets, **how: loops.append(sheets) or gif(sheets, **how))
    _, _, _, _, everything = DIGITS.keep({"run": recording.id})
    result = images.grid(recording.result, 2)
    with zipfile.ZipFile(file(everything)) as archive, Image.open(io.BytesIO(archive.read("grid.png"))) as small:
        np.testing.assert_array_equal(np.asarray(small)[..., None], result)
    np.testing.assert_array_equal(loops[0][-1], result)
    np.testing.assert_array_equal(loops[0][0], images.grid(recording.frames[0].x_t, 2))
    assert len(loops[0]) == len(recording.frames)


def test_at_the_end_of_a_run_of_digits_state_and_result_are_the_same():
    recording = Recording(Digits(request=DigitRequest(digits="3", each=1, steps=2)))
    for _ in recording.follow(recording.plan.run("cpu")):
        pass
    np.testing.assert_array_equal(recording.frames[-1].x_t, recording.result)


FORGED = [{"caption": "x" * 5_000_000, "status": "y" * 5_000_000}, {"caption": {"a": 1}, "status": [1]}]


def last(run) -> dict:
    """The last value of a run."""
    *_, value = run
    return value


@pytest.mark.parametrize("forged", FORGED)
def test_what_is_said_of_digits_comes_from_the_server(written, forged):
    shown = last(DIGITS.handler("digits")("38", 1, "flow-class", "euler", 2, 2.0, 7, "cpu"))
    value, *_ = DIGITS.keep({"run": shown["run"]} | forged)
    assert written == [shown["caption"]] == [value["caption"]] and len(written[0]) < 300
    made = RUNS.get(shown)
    right = sum(a == b for a, b in zip(read(made.result, "cpu"), "38", strict=True))
    assert value["caption"].endswith(f"seed 7. The classifier reads {right} of 2 as asked.")
    assert value["status"] == shown["status"]


def test_the_classifier_s_reading_is_counted_digit_by_digit(monkeypatch):
    pixels = np.zeros((4, 28, 28, 1), np.uint8)
    monkeypatch.setattr(mnist, "read", lambda pixels, device: "3083")
    count = lambda model: mnist.as_read(DigitRequest(digits="3805", each=1, model=model), pixels, "cpu")  # noqa: E731
    assert count("flow-class") == "The classifier reads 1 of 4 as asked."
    assert count("flow-time") == "The classifier reads 3083."


@pytest.mark.parametrize("forged", FORGED)
def test_what_is_said_of_two_models_comes_from_the_server(forged):
    shown = last(PAIR.handler("pair")("38", 2, 2.0, 7, "cpu"))
    value, *_ = PAIR.keep({"run": shown["run"]} | forged)
    assert shown["caption"].count("as asked.") == 2
    assert (value["caption"], value["status"]) == (shown["caption"], shown["status"])


@pytest.mark.parametrize("forged", FORGED)
def test_how_long_a_run_took_comes_from_the_server(written, forged):
    recording = pictures(True)
    recording.took = 1.25
    value, *_ = SAMPLING.keep({"run": recording.id} | forged)
    assert value["status"] == "done in 1.2 s" and written == [value["caption"]] and len(written[0]) < 300


def chosen(request, done: bool) -> Recording:
    """Two pictures that are two things at once; something was said of either."""
    job = JOBS[request.KIND]
    recording = recorded(job.planned(next(iter(job.plans)), request, {}), (2, 64, 64, 3), done)
    recording.notes = ("Picture 1: blocked.", "Picture 2: marked.")
    return recording


@pytest.mark.slow
@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.parametrize("done", (False, True))
@pytest.mark.parametrize("request_", [AnagramRequest(n=2, steps=4), HybridRequest(n=2, steps=4)])
def test_a_picture_that_is_two_things_is_saved_with_its_caption(written, request_, done):
    run, job = chosen(request_, done), JOBS[request_.KIND]
    *_, (*_, _, png, everything) = job.look_at({"run": run.id}, 2)
    ends = "guidance 3; seed 181. Picture 2: marked." + (not done) * f" {SO_FAR}"
    assert len(written) == 1 and written[0].endswith(ends) and "180" not in written[0]
    with zipfile.ZipFile(file(everything)) as archive:
        plain = np.asarray(Image.open(io.BytesIO(archive.read("02-seed-181.png"))))
        assert {n[:2] for n in archive.namelist() if n.endswith(".png")} == {"01", "02"}
    np.testing.assert_array_equal(plain[::8, :512:8], run.result[1])
    with Image.open(file(png)) as picture:
        whole = np.asarray(picture)
    assert len(whole) > len(plain)
    np.testing.assert_array_equal(whole[: len(plain)], plain)
    values, sources = list(request_.parameters().values()), sum(bool(s.write) for s in job.sources.values())
    assert (
        job.restore(file(png))[sources : sources + len(values)] == values
        and images.settings_of(file(png))["picture"] == 1
    )


@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.parametrize("request_", [AnagramRequest(n=2, steps=4), HybridRequest(n=2, steps=4)])
def test_a_picture_that_is_chosen_while_the_run_goes_on_has_no_files_yet(written, request_):
    run = chosen(request_, False)
    run.notes = None  # nobody has looked at it: it goes on
    values = list(JOBS[request_.KIND].look_at({"run": run.id}, 2))
    assert len(values) == 1 and not written
    assert [button.interactive for button in values[0][2:]] == [False] * 3 and values[0][1]["status"] == "picture 2"
