"""One noise, many roads: rows of DDIM and DDPM from one noise, a column per number of steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import tiny_pocket

from core.checks import Refused
from core.runs import roads
from core.runs.fields import counts_of
from core.runs.recording import Recording
from core.runs.roads import Roads, RoadsRequest
from core.runs.sampling import draw

R = RoadsRequest("a rose", counts="2, 3, 5", ways=2, guidance=3.0, model="pocket")


@pytest.fixture(autouse=True)
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    monkeypatch.setattr(roads, "load", lambda name, device="auto": pocket)
    return pocket


def steps(r: RoadsRequest) -> list:
    """All Steps of a run."""
    return list(Roads(request=r).run())


@pytest.mark.slow
def test_every_picture_of_ddim_is_that_of_its_steps_alone(pocket):
    row = steps(R)[-1].x_t[:3]
    for picture, n in zip(row, (2, 3, 5), strict=True):
        *_, alone = draw(pocket, ["a rose"], 3.0, n, R.seed)
        torch.testing.assert_close(picture, alone.x_t[0], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_all_begin_with_one_noise():
    first = steps(R)[0].x_t
    assert len(first) == 9 and all(torch.equal(first[0], x) for x in first)


@pytest.mark.slow
def test_rows_of_ddpm_differ_by_the_noise_on_the_way_alone():
    run = steps(R)[-1].x_t.unflatten(0, (3, 3))
    assert not torch.allclose(run[0], run[1], atol=0.05) and not torch.allclose(run[1], run[2], atol=0.05)
    later = steps(replace(R, other=R.other + 1, ways=1))[-1].x_t.unflatten(0, (2, 3))
    torch.testing.assert_close(
        later[1], run[2], atol=1e-4, rtol=0
    )  # the second row's noise is the first of the next seed
    torch.testing.assert_close(later[0], run[0], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_the_announced_calls_are_those_that_are_made(pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    calls, images = Roads(request=R).cost()
    steps(R)
    assert calls == 5 and sum(made) == pytest.approx(calls * images) and len(made) == calls * 3


def test_under_each_picture_stands_how_near_it_is_to_the_last_of_its_row():
    plan = Roads(request=R)
    pixels = np.zeros((9, 64, 64, 3), np.uint8)
    pixels[0] = 255
    pixels[4] = 10
    assert plan.under(pixels) == ["0.0 dB", "99.0 dB", "", "99.0 dB", "28.1 dB", "", "99.0 dB", "99.0 dB", ""]


@pytest.mark.slow
def test_it_is_known_of_the_result_alone():
    recording, plan = None, Roads(request=R)
    recording = Recording(plan)
    for step in recording.follow(plan.run()):
        assert step.i == step.n or recording.under == ()
    assert len(recording.under) == 9 and recording.under[2] == ""


@pytest.mark.parametrize("text", ["", "5", "5, 5", "5, x", "0, 5", "5, 301", "1,2,3,4,5,6,7", None, 5, "5, 2.5"])
def test_bad_numbers_of_steps_are_refused(text):
    with pytest.raises(Refused, match="number"):
        counts_of(text, 6, 300)


def test_they_are_put_in_order():
    assert counts_of("50; 5, 20", 6, 300) == (5, 20, 50)


@pytest.mark.parametrize("prompt", ["", "10", "x", "an emoji of a rose"])
def test_a_model_of_digits_draws_one_digit(prompt):
    with pytest.raises(Refused, match="one digit, 0 to 9"):
        RoadsRequest.checked(prompt=prompt, model="ddpm-class")


def test_digits_are_shown_between_0_and_1():
    assert Roads(request=RoadsRequest()).RANGE == (0.0, 1.0) and Roads(request=R).RANGE == (-1.0, 1.0)
