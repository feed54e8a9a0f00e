"""The SDEdit ladder against separate runs, and at its two ends (Meng et al. 2021)."""

import math

import pytest
import torch

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Technique
from core.diffusion.noise import generator, generators, randn
from core.diffusion.samplers import ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_from, visits_together
from core.techniques.sdedit import LADDER, sdedit

SHAPE = (3, 4, 4)
TIMESTEPS = list(range(990, -1, -30))
COSINE, FLOW = Schedule.cosine(1000), Schedule.flow(1000)
EVERY_PATH = pytest.mark.parametrize("path", [COSINE, FLOW], ids=["cosine", "flow"])
PICTURE = randn((1, *SHAPE), generator(1)).clamp(-1, 1)


class Spy(Technique):
    """Notes the timesteps of every network call."""

    def __init__(self, inner):
        super().__init__(inner)
        self.calls = []

    def predict(self, x_t, t, cond):
        self.calls.append(t.tolist())
        return super().predict(x_t, t, cond)


def correlated(path: Schedule) -> Spy:
    root = randn((48, 48), generator(3))
    return Spy(Gaussian(path, root @ root.T / 48 + 0.05 * torch.eye(48), SHAPE))


def last(steps) -> torch.Tensor:
    *_, step = steps
    return step.x_t


@pytest.mark.parametrize("eta", [0.0, 1.0])
@EVERY_PATH
def test_the_ladder_is_its_runs_one_by_one(path, eta):
    """Each by forward noising and the plain sampler, in another order than they join."""
    model, starts = correlated(path), [5, 1, 20, 34, 10]
    prompts = list(randn((5, *SHAPE), generator(2)))
    cond = model.encode(prompts)
    ladder = last(sdedit(model, PICTURE, visits_from(TIMESTEPS, starts), cond, generators(7, 5), eta))
    for k, start in enumerate(starts[:3] + starts[4:]):
        k = starts.index(start)
        source = generator(7 + k)
        eps = torch.randn(1, *SHAPE, generator=source)
        x = path.forward(PICTURE, torch.tensor([TIMESTEPS[start]]), eps)
        alone = last(ddim(model, x, visits_together(TIMESTEPS[start:], 1), cond[k : k + 1], source, eta))
        torch.testing.assert_close(ladder[k : k + 1], alone, atol=1e-5, rtol=0)
    assert torch.equal(ladder[3:4], PICTURE)  # strength 0


@EVERY_PATH
def test_strength_0_is_the_picture_bit_for_bit_and_asks_nothing(path):
    model = correlated(path)
    pictures = randn((2, *SHAPE), generator(2))
    (step,) = sdedit(model, pictures, visits_from(TIMESTEPS, [34, 34]), model.encode([None] * 2), generator(7))
    assert torch.equal(step.x_t, pictures) and torch.equal(step.x_0, pictures)
    assert step.t.tolist() == [-1, -1] and model.calls == []


def test_the_batch_grows_as_each_strength_joins():
    model = correlated(COSINE)
    list(sdedit(model, PICTURE, visits_from(TIMESTEPS, LADDER), model.encode([None] * 6), generator(7)))
    assert model.calls == [[t] * sum(place <= i for place in LADDER) for i, t in enumerate(TIMESTEPS) if i >= 1]
    assert len(model.calls) == 33 and sum(map(len, model.calls)) == sum(34 - place for place in LADDER)


def test_a_run_that_waits_shows_its_noised_picture():
    model, starts = correlated(COSINE), [1, 3]
    steps = list(sdedit(model, PICTURE, visits_from(TIMESTEPS, starts), model.encode([None] * 2), generators(7, 2)))
    eps = torch.randn(1, *SHAPE, generator=generator(8))
    noised = COSINE.forward(PICTURE, torch.tensor([TIMESTEPS[3]]), eps)
    for step in steps[:2]:
        torch.testing.assert_close((step.x_t[1:], step.x_0[1:]), (noised, noised))
    torch.testing.assert_close(steps[2].x_t[1:], noised)
    assert not torch.allclose(steps[2].x_0[1:], noised)
    assert [step.t.tolist() for step in steps[:4]] == [[960, 900], [930, 900], [900, 900], [870, 870]]
    assert steps[-1].t.tolist() == [-1, -1]
    assert [(step.i, step.n) for step in steps] == [(k, 33) for k in range(34)]


def test_less_noise_stays_nearer_to_the_picture():
    """In the mean over many pictures that the model finds likely."""
    n = 200
    model = correlated(COSINE)
    root = model.inner.basis * model.inner.variances.sqrt()
    pictures = (randn((n, 48), generator(5)) @ root.T).view(n, *SHAPE)
    starts = [k for k in LADDER for _ in range(n)]
    rows = pictures.repeat(len(LADDER), 1, 1, 1)
    result = last(sdedit(model, rows, visits_from(TIMESTEPS, starts), torch.zeros_like(rows), generator(7)))
    distance = (result - rows).square().mean((1, 2, 3)).sqrt().view(len(LADDER), n).mean(1)
    assert (distance.diff() < 0).all()


@pytest.mark.slow
def test_one_rung_of_a_gaussian_has_the_mean_of_the_formula():
    """From a_t picture + s_t eps the model's own path leads to mu + S^(1/2) (a^2 S + s^2)^(-1/2) (x_t - a mu)."""
    n, t = 2000, 600
    variance, mean = 0.25, 0.5
    timesteps = list(range(990, -1, -5))
    model = Gaussian(COSINE, variance * torch.eye(48, dtype=torch.float64), SHAPE)
    cond = torch.full((n, *SHAPE), mean, dtype=torch.float64)
    picture = PICTURE.double()
    visits = visits_from(timesteps, [timesteps.index(t)] * n)
    result = last(sdedit(model, picture, visits, cond, generator(7)))
    abar = COSINE.alpha_bar[t].item()
    gain = math.sqrt(variance / (abar * variance + 1 - abar))
    expected = mean + gain * math.sqrt(abar) * (picture[0] - mean)
    bound = 5 * gain * math.sqrt((1 - abar) / n) + 0.01  # 5 standard errors, and 0.01 for 120 steps
    assert ((result.mean(0) - expected).abs() < bound).all()


def test_the_input_is_left_as_it_was():
    model, before = correlated(COSINE), PICTURE.clone()
    last(sdedit(model, PICTURE, visits_from(TIMESTEPS, LADDER), model.encode([None] * 6), generator(7)))
    assert torch.equal(PICTURE, before)


@pytest.mark.parametrize("starts", [[-1, 3], [35, 3], [1.5, 3], [None, 3], ["x", 3]])
def test_a_start_out_of_range_is_refused_at_once(starts):
    with pytest.raises(ValueError, match="Each start must be a whole number from 0 to 34"):
        visits_from(TIMESTEPS, starts)


@pytest.mark.parametrize("starts", [[3], [3, 3, 3]])
def test_every_run_needs_a_condition(starts):
    model = correlated(COSINE)
    with pytest.raises(ValueError, match=f"{len(starts)} samples need as many .* not {len(starts)} and 2"):
        list(sdedit(model, PICTURE, visits_from(TIMESTEPS, starts), model.encode([None] * 2), generator(7)))


def test_a_ladder_needs_a_start():
    with pytest.raises(ValueError, match="needs a start"):
        visits_from(TIMESTEPS, [])
