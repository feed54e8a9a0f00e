"""A denoiser read on another path, against the closed form there."""

import pytest
import torch

from core.diffusion.guidance import autoguide
from core.diffusion.noise import generator, randn
from core.diffusion.paths import on_path
from core.diffusion.point_sets import gaussians
from core.diffusion.samplers import ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together

PATHS = {"linear": Schedule.linear(300), "cosine": Schedule.cosine(1000), "flow": Schedule.flow(1000)}
PAIRS = [pytest.param(PATHS[a], PATHS[b], id=f"{a} on {b}") for a in PATHS for b in PATHS if a != b]
TOLD = [0, 1, 1, None, 0]


def test_its_own_path_changes_nothing():
    model = gaussians(4).denoiser(PATHS["flow"])
    assert on_path(model, PATHS["flow"]) is model


@pytest.mark.parametrize("own, other", PAIRS)
def test_the_answer_is_that_of_the_closed_form_on_the_other_path(own, other):
    """Where the own path has a timestep of nearly the same noise: the linear one ends before pure noise, and its first
    steps are long."""
    model, there = on_path(gaussians(4).denoiser(own), other), gaussians(4).denoiser(other)
    ratio = (other.s / other.a)[:-1]
    first, last = int((ratio < 0.1).sum()), int((ratio <= (own.s / own.a)[-2]).sum()) - 1
    for t in (first, (first + last) // 2, last):
        t = torch.full((5,), t)
        x = other.forward(randn((5, 2), generator(1)), t, randn((5, 2), generator(2)))
        p, q = model.predict(x, t, model.encode(TOLD)), there.predict(x, t, there.encode(TOLD))
        torch.testing.assert_close(p.x_0, q.x_0, atol=0.03, rtol=0.03)
        torch.testing.assert_close(p.eps, q.eps, atol=0.03, rtol=0.03)
        torch.testing.assert_close(other.forward(p.x_0, t, p.eps), x)


@pytest.mark.parametrize("own, other", PAIRS)
def test_states_beyond_its_noisiest_level_get_finite_answers(own, other):
    model, x = on_path(gaussians(4).denoiser(own), other), randn((5, 2), generator(3))
    p = model.predict(x, torch.full((5,), other.T - 1), model.encode(TOLD))
    assert p.x_0.isfinite().all() and p.eps.isfinite().all()


def test_samples_on_the_other_path_are_those_of_the_data():
    """From the same noise, with the same classes, as with the closed form of that path."""
    data = gaussians(4)
    model = on_path(data.denoiser(PATHS["cosine"]), PATHS["flow"])
    told = [k % 2 for k in range(40)]
    visits = visits_together(PATHS["flow"].timesteps(50), 40)
    *_, last = ddim(model, randn((40, 2), generator(4)), visits, model.encode(told))
    own = data.denoiser(PATHS["flow"])
    *_, exact = ddim(own, randn((40, 2), generator(4)), visits, own.encode(told))
    torch.testing.assert_close(last.x_t, exact.x_t, atol=0.02, rtol=0)


def test_a_network_guides_one_of_another_path():
    strong, weak = gaussians(4).denoiser(PATHS["linear"]), gaussians(4).denoiser(PATHS["flow"], blur=0.3)
    x, t = randn((5, 2), generator(5)), torch.tensor([290, 200, 100, 50, 5])
    there = gaussians(4).denoiser(PATHS["linear"], blur=0.3)
    p, q = (autoguide(strong, other, 2.0) for other in (on_path(weak, PATHS["linear"]), there))
    told = p.predict(x, t, p.encode(TOLD)), q.predict(x, t, q.encode(TOLD))
    torch.testing.assert_close(told[0].eps, told[1].eps, atol=0.05, rtol=0.05)
    assert not torch.allclose(told[0].eps, strong.predict(x, t, strong.encode(TOLD)).eps, atol=0.05)
