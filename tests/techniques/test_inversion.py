"""Inversion: exact on closed forms as steps grow, and the same path up and down."""

import pytest
import torch

from core.checks import Refused
from core.diffusion.closed_form import Gaussian
from core.diffusion.noise import generator, randn
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.techniques.inversion import CALLS, SAMPLE, invert

COVARIANCE = torch.tensor([[0.3, 0.1], [0.1, 0.05]], dtype=torch.float64)
MEAN = torch.tensor([0.4, -0.2], dtype=torch.float64)


def gaussian(path: Schedule) -> Gaussian:
    """Points of one Gaussian."""
    return Gaussian(path, COVARIANCE, (2,))


def clean(n: int = 50) -> torch.Tensor:
    """Points of that Gaussian."""
    return MEAN + randn((n, 2), generator(3)).double() @ torch.linalg.cholesky(COVARIANCE).T


def there(path: Schedule, steps: int, solver: str) -> torch.Tensor:
    """The noises of the points."""
    model, x = gaussian(path), clean()
    *_, last = invert(model, x, path.timesteps(steps), model.encode([MEAN] * len(x)), solver)
    return last.x_t


def back(path: Schedule, noise: torch.Tensor, steps: int, solver: str) -> torch.Tensor:
    """The points of the noises."""
    model = gaussian(path)
    visits = visits_together(path.timesteps(steps), len(noise))
    *_, last = SAMPLE[solver](model, noise, visits, model.encode([MEAN] * len(noise)))
    return last.x_t


@pytest.mark.slow
@pytest.mark.parametrize("solver, limit", [("ddim", 3e-2), ("heun", 1e-6)])
def test_a_round_trip_is_exact_as_steps_grow(solver, limit):
    path = Schedule.flow(4000)
    errors = [(back(path, there(path, n, solver), n, solver) - clean()).abs().max().item() for n in (20, 200, 4000)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < limit


def test_the_noise_is_that_of_the_exact_map():
    """For a Gaussian, probability flow maps a point to the noise of the same coordinates: L^-1 (x - mean)."""
    noise = there(Schedule.flow(4000), 4000, "heun")
    root = torch.linalg.eigh(COVARIANCE)
    exact = (clean() - MEAN) @ root.eigenvectors @ torch.diag(root.eigenvalues**-0.5) @ root.eigenvectors.T
    torch.testing.assert_close(noise, exact, atol=2e-3, rtol=2e-3)


def test_steps_go_from_clean_to_noise():
    path, x = Schedule.linear(100), clean(3)
    model = gaussian(path)
    steps = list(invert(model, x, path.timesteps(4), model.encode([MEAN] * 3)))
    assert [int(s.t[0]) for s in steps] == [-1, *reversed(path.timesteps(4))]
    assert [s.i for s in steps] == [0, 1, 2, 3, 4] and all(s.n == 4 for s in steps)
    assert torch.equal(steps[0].x_t, x) and torch.equal(steps[0].x_0, x)


@pytest.mark.parametrize("solver", ["ddim", "heun"])
def test_calls_are_counted(solver):
    path, calls = Schedule.linear(100), 0
    model = gaussian(path)
    predict = model.predict

    def counted(*args):
        nonlocal calls
        calls += 1
        return predict(*args)

    model.predict = counted
    list(invert(model, clean(2), path.timesteps(7), model.encode([MEAN] * 2), solver))
    assert calls == CALLS[solver](7) + 1  # one more for the clean estimate of the noise, which is shown


def test_noise_has_no_way_back():
    path = Schedule.linear(100)
    model = gaussian(path)
    with pytest.raises(Refused, match="deterministic"):
        next(invert(model, clean(2), path.timesteps(5), model.encode([None] * 2), "ddpm"))
