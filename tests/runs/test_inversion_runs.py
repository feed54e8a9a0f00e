"""Inversion runs: what stands in which column, what is announced, and how near it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import tiny_pocket

from core.checks import Refused
from core.diffusion.visits import visits_together
from core.pictures.images import WAITING, from_uint8, to_uint8
from core.runs import inversion
from core.runs.inversion import COUNTS, PLANS, InversionRequest
from core.runs.recording import Recording
from core.techniques.inversion import SAMPLE, invert

R = InversionRequest("a rose", "a blue bird", guidance=2.0, solver="heun", steps=5)
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture(autouse=True)
def pocket(monkeypatch):
    """A tiny pocket in the place of the shipped one."""
    pocket = tiny_pocket()
    monkeypatch.setattr(inversion, "load", lambda name, device="auto": pocket)
    return pocket


def plan(name: str, r: InversionRequest = R):
    """An experiment's plan on the picture."""
    return replace(PLANS[name](r), inputs={"original": PICTURE})


@pytest.mark.slow
def test_the_first_column_is_the_picture_the_second_its_noise_the_third_the_way_back(pocket):
    *_, last = plan("edit").run()
    x, path = from_uint8(PICTURE[None], -1, 1), pocket.schedule.timesteps(5)
    cond = pocket.encode(["a rose"])
    *_, up = invert(pocket, x, path, cond, "heun")
    *_, back = SAMPLE["heun"](pocket, up.x_t, visits_together(path, 1), cond)
    torch.testing.assert_close(last.x_0[:1], x)
    torch.testing.assert_close(last.x_0[1:2], up.x_t, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(last.x_0[2:3], back.x_t, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(last.x_0[3], last.x_0[2], atol=0.05)


def test_what_is_still_to_come_is_grey():
    first = next(iter(plan("edit").run()))
    assert (to_uint8(first.x_0[2:], -1, 1) == WAITING).all() and first.i == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_steps_count_up_to_their_number_and_the_last_is_the_result(name):
    steps = list(plan(name).run())
    assert [s.i for s in steps[:-1]] == list(range(len(steps) - 1))
    assert steps[-1].i == steps[-1].n == len(steps) - 1 and (steps[-1].t == -1).all()
    assert all((s.t >= 0).all() for s in steps[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["ddim", "heun"])
def test_the_announced_work_is_about_what_is_done(solver, pocket):
    made = []
    pocket.net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    this = plan("edit", replace(R, solver=solver))
    calls, images = this.cost()
    list(this.run())
    assert sum(made) == pytest.approx(calls * images, rel=0.15)


@pytest.mark.slow
def test_sdedit_starts_from_the_seed():
    a, b, c = (list(plan("edit", replace(R, seed=s)).run())[-1].x_0 for s in (1, 1, 2))
    assert torch.equal(a, b) and torch.equal(a[:4], c[:4]) and not torch.equal(a[4], c[4])


@pytest.mark.slow
def test_more_steps_bring_more_of_the_picture_back():
    """A tiny network is no denoiser, but its path is smooth enough to be gone back."""
    this = plan("by-steps")
    recording = Recording(this)
    for _ in recording.follow(this.run()):
        pass
    near = [float(words.split()[0]) for words in recording.under]
    ddim, heun = near[: len(COUNTS)], near[len(COUNTS) :]
    assert ddim[-1] > ddim[0] and heun[-1] > heun[0]


@pytest.mark.parametrize("values, what", [({"steps": 4}, "number of steps"), ({"solver": "ddpm"}, "solver must be")])
def test_bad_values_are_refused(values, what):
    with pytest.raises(Refused, match=what):
        InversionRequest.checked(**values)
