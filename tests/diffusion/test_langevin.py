"""Langevin dynamics: one step by hand, its bias as predicted, and the weights that annealing finds."""

import math

import pytest
import torch

from core.diffusion.closed_form import Gaussian
from core.diffusion.langevin import STEP, annealed_langevin, geometric
from core.diffusion.noise import generator, randn
from core.diffusion.point_sets import gaussians, unequal
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together

PATHS = {"cosine": Schedule.cosine(1000), "linear": Schedule.linear(1000), "flow": Schedule.flow(1000)}
EVERY_PATH = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)


@EVERY_PATH
def test_a_step_is_along_the_score_with_the_published_size_and_twice_its_noise(path):
    """x <- x + alpha score + sqrt(2 alpha) z with alpha = STEP s^2, by hand from the same noise."""
    model, levels, repeats, n = gaussians(3).denoiser(path), [600, 200, 5], 4, 6
    x = randn((n, 2), generator(1)).double()
    cond = model.encode([None, 0, 1, None, 0, 1])
    steps = list(annealed_langevin(model, x, visits_together(levels, n), cond, generator(2), repeats))
    noise = generator(2)
    for i, step in enumerate(steps[:-1]):
        t = torch.full((n,), levels[i // repeats])
        torch.testing.assert_close(step.x_t, x)
        assert (step.i, step.n) == (i, 12) and torch.equal(step.t, t)
        alpha = STEP * path.s[levels[i // repeats]].item() ** 2
        x = x + alpha * model.score(x, t, cond) + math.sqrt(2 * alpha) * randn((n, 2), noise)
    t = torch.full((n,), levels[-1])
    torch.testing.assert_close(steps[-1].x_t, model.predict(x, t, cond).x_0)
    assert len(steps) == 13 and steps[-1].i == steps[-1].n == 12 and (steps[-1].t == -1).all()


@EVERY_PATH
@pytest.mark.parametrize("t", [700, 300])
def test_the_walk_is_too_wide_by_as_much_as_its_step_says(path, t):
    """On N(0, v), v = a^2 var + s^2, a step is x <- c x + s sqrt(2 STEP) z with c = 1 - STEP s^2 / v.

    Its stationary variance is 2 STEP s^2 / (1 - c^2) = v / (1 - STEP s^2 / (2 v)), not v.
    """
    n, var = 20_000, 0.3
    model = Gaussian(path, var * torch.eye(2), (2,))
    a, s = path.a[t].item(), path.s[t].item()
    v = a**2 * var + s**2
    x = math.sqrt(v) * randn((n, 2), generator(1))
    visits = visits_together([t], n)
    *_, before, _ = annealed_langevin(model, x, visits, model.encode([None] * n), generator(2), 60)
    found = before.x_t.var().item()
    assert found == pytest.approx(v / (1 - STEP * s**2 / (2 * v)), rel=5 / math.sqrt(2 * n))
    assert found > 1.03 * v


@EVERY_PATH
def test_ten_levels_fall_by_one_factor_from_3_to_0_03(path):
    levels = geometric(path, 10)
    assert len(levels) == 10 and levels == sorted(levels, reverse=True)
    ratio = (path.s / path.a)[levels]
    assert ratio[0] == pytest.approx(3, rel=0.02) and ratio[-1] == pytest.approx(0.03, rel=0.2)
    falls = (ratio[:-1] / ratio[1:])[:6]  # lower, timesteps are too coarse to be met exactly
    torch.testing.assert_close(falls, torch.full_like(falls, 100 ** (1 / 9)), rtol=0.08, atol=0)


@pytest.mark.parametrize("name, T", [("cosine", 20), ("flow", 10)])
def test_a_short_path_has_fewer_levels_and_none_twice(name, T):
    path = getattr(Schedule, name)(T)
    levels = geometric(path, 40)
    assert levels == sorted(set(levels), reverse=True) and levels[-1] == 0 and len(levels) < T


def right(path: Schedule, levels: list[int], repeats: int, seed: int, n: int = 6000) -> float:
    """The share of a walk's points that end in the Gaussian whose weight is 0.8."""
    model, x = unequal().denoiser(path), randn((n, 2), generator(seed))
    visits = visits_together(levels, n)
    *_, last = annealed_langevin(model, x, visits, model.encode([None] * n), generator(seed + 100), repeats)
    assert (last.x_t[:, 0].abs() - 1.6).abs().max() < 1.6
    return (last.x_t[:, 0] > 0).float().mean().item()


@pytest.mark.slow
@EVERY_PATH
def test_annealing_recovers_the_weights_of_two_gaussians(path):
    """To 2 %; the share of 6,000 points has a standard error of 0.5 %."""
    assert right(path, geometric(path, 10), 100, 0) == pytest.approx(0.8, abs=0.02)


@pytest.mark.slow
@EVERY_PATH
def test_without_annealing_the_points_stay_on_the_side_where_they_began(path):
    assert right(path, geometric(path, 10)[-1:], 1000, 0, 2000) == pytest.approx(0.5, abs=0.05)
