"""The same noise through two models: one plan and one recording, whose lanes are the four grids."""

import numpy as np
import pytest

from core.models.registry import availability
from core.runs import mnist
from core.runs.frame import Frame
from core.runs.mnist import DigitRequest
from core.runs.recording import Recording
from core.runs.same_noise import Pair, PairRequest

MODELS = ("ddpm-class", "flow-class")
pytestmark = pytest.mark.skipif(
    not all(availability(name)[0] for name in MODELS), reason="a model is not in checkpoints/"
)


def recorded(request: DigitRequest | PairRequest, plan: type) -> Recording:
    """A run from its beginning to its end."""
    recording = Recording(plan(request=request))
    list(recording.follow(recording.plan.run("cpu")))
    return recording


def test_the_two_requests_differ_in_the_model_and_its_sampler_alone():
    ddpm, flow = PairRequest("38", 4, 2.5, 7).both
    assert (ddpm.model, ddpm.sampler, flow.model, flow.sampler) == ("ddpm-class", "ddim", "flow-class", "euler")
    for name in ("digits", "each", "steps", "guidance", "seed"):
        assert getattr(ddpm, name) == getattr(flow, name)
    assert (flow.digits, flow.each, flow.steps, flow.guidance, flow.seed) == ("38", 1, 4, 2.5, 7)


def test_each_lane_is_what_its_model_draws_alone():
    r = PairRequest("38", 4, 2.0, 7)
    both, alone = recorded(r, Pair), [recorded(one, mnist.Digits) for one in r.both]
    assert len(both.frames) == 5 and both.done and both.result.shape == (4, 28, 28, 1)
    for frame, ddpm, flow in zip(both.frames, *(one.frames for one in alone), strict=True):
        for lane, expected in zip(both.plan.lanes(frame), (ddpm.x_t, flow.x_t, ddpm.x_0, flow.x_0), strict=True):
            np.testing.assert_array_equal(lane, expected)
    first = both.plan.lanes(both.frames[0])
    np.testing.assert_array_equal(first[0], first[1], "both come from one noise")


def test_the_cost_is_that_of_both_runs():
    r = PairRequest("0123456789", 20, 2.0)
    calls, images = (one.cost() for one in r.both)
    assert calls == images == (20, 20)
    assert Pair(request=r).cost() == (40, 20)


@pytest.mark.parametrize(("digits", "columns"), [("7", 1), ("01234", 5), ("012345", 3), ("0123456789", 5)])
def test_up_to_five_digits_stand_in_a_row_and_more_in_two(digits, columns):
    plan = Pair(request=PairRequest(digits))
    assert plan.columns == columns and plan.count == 2 * len(digits) and plan.beside == 2
    assert len(plan.lane_titles) == len(plan.origins) == 4


@pytest.mark.parametrize(("n", "columns", "rows"), [(2, 2, 1), (10, 10, 1), (11, 10, 2)])
def test_the_files_show_ddpm_above_flow_matching_with_a_label_for_every_row(n, columns, rows):
    plan = Pair(request=PairRequest("0" * n))
    x = np.repeat(np.uint8([60, 120]), n)[:, None, None, None] * np.ones((1, 28, 28, 1), np.uint8)
    sheet = plan.sheet(Frame(0, 1, -1, x, x))
    assert sheet.shape == (2 * rows * 29 - 1, columns * 29 - 1, 1)
    assert (sheet[:28, :28] == 60).all() and (sheet[-28 * rows - rows + 1 :][:28, :28] == 120).all()
    assert len(plan.printed[1]) == 2 * rows and plan.printed[1][rows] == "Flow matching"
    assert plan.titles[0] == "ddpm-01" and plan.titles[n] == "flow-01"


def test_the_classifier_reads_each_model_s_digits(monkeypatch):
    said = {0: "38", 255: "11"}
    monkeypatch.setattr(mnist, "read", lambda pixels, device: said[int(pixels.max())])
    pixels = np.repeat(np.uint8([0, 255]), 2)[:, None, None, None] * np.ones((1, 28, 28, 1), np.uint8)
    reads = Pair(request=PairRequest("38")).judged(pixels, "cpu")
    assert reads == ("DDPM: The classifier reads 2 of 2 as asked. Flow matching: The classifier reads 0 of 2 as asked.")


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"digits": "x"}, "Type digits from 0 to 9"),
        ({"digits": "1" * 101}, "101 pictures; at most 100"),
        ({"steps": 1}, "number of steps must be a whole number from 2 to 100"),
        ({"steps": 101}, "number of steps must be a whole number from 2 to 100"),
        ({"guidance": 11}, "guidance must be a number from 0 to 10"),
        ({"seed": None}, "seed must be a whole number"),
    ],
)
def test_bad_values_get_one_sentence(bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        PairRequest.checked(**bad)
