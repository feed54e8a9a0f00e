"""The examples that the page shows before anything is run: small, complete, and as alive as a run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core.models.registry import availability
from core.runs.frame import Frame
from core.runs.recording import Recording
from core.runs.sampling import PictureRequest
from core.runs.single_step import SIGMAS, SingleStepRequest
from tabs.anagrams.job import JOB as ANAGRAMS
from tabs.guides.classifier import JOB as GUIDES
from tabs.guides.thresholds import JOB as THRESHOLDS
from tabs.hybrids.job import JOB as HYBRIDS
from tabs.inpainting.job import JOB as INPAINTING
from tabs.interpolation import JOB as INTERPOLATION
from tabs.mnist.canvas import digit_on, first_digit
from tabs.mnist.denoiser import JOB as DENOISER
from tabs.mnist.families import JOB as FAMILIES
from tabs.mnist.generate import JOB as DIGITS
from tabs.sampling.page import JOB as SAMPLING
from tabs.sdedit.page import JOB as SDEDIT
from tabs.ui import examples as _examples
from tabs.ui.examples import FOLDER, FRAMES, PREFIX, example, fetched, from_bytes, pointer, recorded, thinned, to_bytes
from tabs.ui.viewer import RUNS
from tabs.words.job import JOB as WORDS
from tabs.words.network import of_block

ALIVE = {
    "sampling": lambda view: (SAMPLING.look_at(view, 2), SAMPLING.pick(view, 2)),
    "interpolation": lambda view: (INTERPOLATION.look_at(view, 2), INTERPOLATION.pick(view, 2)),
    "words": lambda view: (WORDS.look_at(view, 1), WORDS.pick(view, 1)),
    "network": lambda view: (of_block(view["run"], "up1") and None, None),
    "sdedit": lambda view: (SDEDIT.look_at(view, 2), SDEDIT.pick(view, 2)),
    "inpainting": lambda view: (INPAINTING.look_at(view, 2), INPAINTING.pick(view, 2)),
    "anagrams": lambda view: (next(ANAGRAMS.look_at(view, 2))[1], ANAGRAMS.pick(view, 2)),
    "hybrids": lambda view: (next(HYBRIDS.look_at(view, 2))[1], HYBRIDS.pick(view, 2)),
    "guides": lambda view: (GUIDES.look_at(view, 2), None),
    "thresholds": lambda view: (THRESHOLDS.look_at(view, 2), THRESHOLDS.pick(view, 2)),
    "digits": lambda view: (None, DIGITS.pick(view, 2)),
    "families": lambda view: (FAMILIES.look_at(view, 22), None),
}
NOT_SENT = {"network", "guides", "families"}
"""Examples without a picture to send to another tab."""
NO_LOOK = {"network", "digits"}
"""Examples without a look inside one picture that has frames."""


def run(parts: bool = True, colours: int = 3) -> Recording:
    """A smooth run of three pictures, with two noise estimates that differ little."""
    y, x = np.mgrid[:64, :64]
    frames = []
    for i in range(11):
        one = np.stack([np.stack([2 * y + i, 3 * x, x + y + 9 * k], -1)[..., :colours] for k in range(3)])
        x_0 = one.clip(0, 240).astype(np.uint8)
        halves = {"unconditional": x_0, "conditional": x_0 + 6} if parts and i < 10 else {}
        frames.append(Frame(i, 10, 990 - 99 * i if i < 10 else -1, x_0[:, ::-1], x_0, halves))
    return Recording(SAMPLING.planned("samples", PictureRequest("“a panda”", n=3, seed=7), {}), frames=frames)


@pytest.mark.parametrize("parts", (True, False))
@pytest.mark.parametrize("colours", (3, 1))
def test_a_recording_survives_its_small_file(parts, colours):
    before = run(parts, colours)
    after = from_bytes(to_bytes(before), "example-x", SAMPLING.recalled)
    assert after.id == "example-x" and after.settings == before.settings and after.done and after.notes == ()
    assert np.array_equal(after.result, before.result) and np.array_equal(after.frames[-1].x_t, before.frames[-1].x_t)
    assert len(after.frames) == FRAMES
    for small, whole in zip(after.frames, thinned(before.frames), strict=True):
        assert (small.i, small.n, small.t, list(small.parts)) == (whole.i, whole.n, whole.t, list(whole.parts))
        for name in ("x_t", "x_0"):
            assert np.abs(getattr(small, name).astype(int) - getattr(whole, name)).mean() < 8
        if small.parts:
            gap = small.parts["conditional"].astype(int) - small.parts["unconditional"]
            assert np.abs(gap - 6).mean() < 3, "the difference is kept better than the noises themselves"


def test_a_step_without_noise_estimates_stays_one():
    recording = run()
    recording.frames[4] = Frame(4, 10, 594, recording.frames[4].x_t, recording.frames[4].x_0)
    assert [bool(f.parts) for f in from_bytes(to_bytes(recording), "r", SAMPLING.recalled).frames] == [
        True,
        True,
        False,
        True,
        True,
        False,
    ]


def test_maps_and_the_parts_of_a_result_survive_when_they_are_asked_for():
    recording = run()
    y, x = np.mgrid[:32, :32]
    for k, frame in enumerate(recording.frames):
        large = np.stack([np.stack([3 * x + c, 4 * y + k], 0) for c in range(16)], -1).astype(np.uint8)
        maps = {"up.0": large, "few": np.array([0, k, 255], np.uint8).reshape(1, 1, 1, 3)}
        recording.frames[k] = replace(frame, maps=maps, parts=frame.parts or recording.frames[0].parts)
    after = from_bytes(to_bytes(recording, maps=True), "example-x", SAMPLING.recalled)
    for small, whole in zip(after.frames, thinned(recording.frames), strict=True):
        assert {n: m.shape for n, m in small.maps.items()} == {"up.0": (2, 32, 32, 16), "few": (1, 1, 1, 3)}
        assert np.array_equal(small.maps["few"], whole.maps["few"])
        assert np.abs(small.maps["up.0"].astype(int) - whole.maps["up.0"]).mean() < 6
        assert [*small.parts] == [*whole.parts]
    assert np.array_equal(after.result, recording.result)
    assert not from_bytes(to_bytes(recording), "example-x", SAMPLING.recalled).frames[0].maps


def test_a_page_carries_the_name_of_an_example_and_asks_for_it():
    assert pointer("sampling") == {"run": "example-sampling", "example": "sampling"} and pointer("nothing") == {}
    assert fetched("sampling") == example("sampling") and RUNS.get(pointer("sampling")).done
    for name in ("nothing", "", "../examples/sampling", "../../../../checkpoints/pocket/card", None, ["sampling"], {}):
        assert fetched(name) == {}


def test_no_other_name_finds_a_recording():
    for name in ("nothing", "../examples/sampling", "denoiser", ""):
        assert recorded(PREFIX + name) is None
        with pytest.raises(ValueError, match="no finished picture"):
            RUNS.get({"run": PREFIX + name})
    assert recorded(None) is None and recorded(["example-sampling"]) is None


@pytest.mark.parametrize("name", ALIVE)
def test_an_example_is_as_alive_as_a_run(name):
    if name not in ("digits", "families") and not availability("pocket")[0]:
        pytest.skip("pocket is not in checkpoints/")
    view = example(name)
    recording = RUNS.get(view)
    assert recording.done and len(recording.frames) == len(view["frames"]) == FRAMES
    assert view["frames"][-1]["end"] and not view["running"] and "example" in view["status"]
    inner, picture = ALIVE[name](view)
    assert (picture is None) == (name in NOT_SENT) and (inner is None) == (name in NO_LOOK)
    assert picture is None or picture.size == ((280, 280) if name == "digits" else (64, 64))
    assert inner is None or len(inner["frames"]) == FRAMES
    for k in range(40):  # more runs than are kept
        RUNS.add(Recording(recording.plan, id=f"run-{k}"))
    assert RUNS.get(view) is recording


@pytest.mark.parametrize("number", ("two", None, True, 0, 21))
def test_a_digit_that_is_not_there_is_refused_in_one_sentence(number):
    with pytest.raises(ValueError, match="Choose a picture from 1 to 20, counted row by row"):
        DIGITS.pick(example("digits"), number)


def test_the_example_of_the_denoiser_is_what_its_button_makes():
    """Up to float error, so the figure is compared by its words and its number of pictures, and the chart by its values."""
    plan = DENOISER.planned("levels", SingleStepRequest(), digit_on(first_digit()))
    ((figure, chart),) = DENOISER.stream(plan, "cpu")
    shown = example("denoiser")
    assert shown["figure"].count("<img") == figure.count("<img") == 2 * len(SIGMAS)
    (kept,), (made,) = shown["chart"]["charts"], chart["charts"]
    assert {k: kept[k] for k in ("title", "x", "y")} == {k: made[k] for k in ("title", "x", "y")}
    for before, now in zip(kept["series"], made["series"], strict=True):
        assert before["name"] == now["name"] and before["x"] == now["x"] == [*SIGMAS]
        assert before["y"] == pytest.approx(now["y"], abs=1e-3)


def test_the_examples_are_small_and_none_is_missing():
    files = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert max(files.values()) < 300_000, files
    names = {*ALIVE, "denoise-inside", "denoiser", "compare", "anagrams-motion", "hybrids-distance"}
    assert {f"{name}.json" for name in names} <= set(files)
    assert {f"{name}.npz" for name in (*ALIVE, "denoise")} <= set(files)
    assert len(example("anagrams-motion")["frames"]) > 10 and example("hybrids-distance")["image"].startswith("data:")
    assert _examples.example("no such example") == {}
    for name in names:
        json.loads((FOLDER / f"{name}.json").read_text())
