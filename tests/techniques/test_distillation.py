"""Distillation against paths in closed form: targets, the teacher's path, consistency sampling, and students' refusals."""

from itertools import pairwise

import pytest
import torch

from core.checks import Refused
from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.noise import generator, generators, randn
from core.diffusion.samplers import adams, consistency, ddim, update
from core.diffusion.schedule import Schedule
from core.diffusion.students import FEW_STEPS, checked
from core.diffusion.visits import visits_together
from core.techniques.distillation import consistency_loss, consistency_pair, step_target, teacher_path

SHAPE = (3,)
FLOW, COSINE = Schedule.flow(1000), Schedule.cosine(1000)
EVERY_PATH = pytest.mark.parametrize("path", [COSINE, FLOW], ids=["ddpm", "flow"])
VARIANCES = torch.tensor([0.04, 0.5, 2.0], dtype=torch.float64)
MEAN = torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64)
TURN = torch.linalg.qr(torch.randn(3, 3, generator=generator(3)).double())[0]
COVARIANCE = TURN @ VARIANCES.diag() @ TURN.T


def flow_map(path: Schedule, x: torch.Tensor, t: torch.Tensor, t_next: torch.Tensor) -> torch.Tensor:
    """Where the deterministic path through x (B, 3) at t is at t_next: each axis keeps its number of deviations."""
    (a, s), (a_next, s_next) = path.at(t, x), path.at(t_next, x)
    ratio = ((a_next**2 * VARIANCES + s_next**2) / (a**2 * VARIANCES + s**2)).sqrt()
    return a_next * MEAN + (ratio * ((x - a * MEAN) @ TURN)) @ TURN.T


class Exact(Denoiser):
    """The perfect consistency student of the Gaussian: its clean estimate is the end of the path through x_t."""

    shape, device = SHAPE, torch.device("cpu")

    def __init__(self, path: Schedule):
        self.schedule = path

    def predict(self, x_t, t, cond):
        x_0 = flow_map(self.schedule, x_t, t, torch.full_like(t, -1))
        return Prediction(x_0, self.schedule.eps(x_t, t, x_0))


def start(n: int = 5) -> torch.Tensor:
    return randn((n, *SHAPE), generator(1)).double()


@EVERY_PATH
def test_targets_from_the_teachers_path_tend_to_the_exact_flow_map(path):
    teacher, x = Gaussian(path, COVARIANCE, SHAPE), start()
    errors = []
    for steps in (20, 40, 80):
        states = teacher_path(teacher, x, teacher.encode([MEAN] * len(x)), steps)
        levels = torch.tensor([*path.timesteps(steps), -1])
        t, t_next = levels[steps // 4].expand(len(x)), levels[steps // 2].expand(len(x))
        target = step_target(path, states[steps // 4], t, states[steps // 2], t_next)
        reached = update(path, states[steps // 4], t, t_next, target)
        errors.append((reached - flow_map(path, x, levels[0].expand(len(x)), t_next)).abs().max().item())
    assert errors[2] < errors[1] / 2.5 and errors[1] < errors[0] / 2.5 and errors[2] < 5e-3  # second order


def test_adams_is_more_accurate_than_euler_with_as_many_calls():
    teacher, x = Gaussian(FLOW, COVARIANCE, SHAPE), start()
    visits, cond = visits_together(FLOW.timesteps(16), len(x)), teacher.encode([MEAN] * len(x))
    exact = flow_map(FLOW, x, visits[0], visits[-1])
    gaps = [([*run(teacher, x, visits, cond)][-1].x_t - exact).abs().max() for run in (ddim, adams)]
    assert gaps[1] < gaps[0] / 3


@EVERY_PATH
def test_a_step_with_its_target_ends_where_it_should(path):
    x, x_next = start(), randn((5, *SHAPE), generator(2)).double()
    t, t_next = torch.tensor([999, 999, 600, 400, 30]), torch.tensor([499, -1, 300, -1, 29])
    target = step_target(path, x, t, x_next, t_next)
    a, s = path.at(t, x)
    torch.testing.assert_close(a * target.x_0 + s * target.eps, x)
    torch.testing.assert_close(update(path, x, t, t_next, target), x_next)


def test_the_target_on_the_straight_path_is_the_mean_velocity():
    x, x_next = start(), randn((5, *SHAPE), generator(2)).double()
    target = step_target(FLOW, x, torch.full((5,), 749), x_next, torch.full((5,), 249))
    torch.testing.assert_close(target.x_0 - target.eps, (x_next - x) / 0.5)


def test_the_timesteps_of_few_steps_lie_within_each_other():
    for few, more in pairwise(FEW_STEPS):
        assert FLOW.timesteps(more)[::2] == FLOW.timesteps(few)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_consistency_sampling_of_a_gaussian_is_exact(steps):
    x, cond = randn((100_000, *SHAPE), generator(0)).double(), torch.zeros(100_000, 0)
    visits = visits_together(FLOW.timesteps(steps), len(x))
    *_, last = consistency(Exact(FLOW), x, visits, cond, generator(1))
    torch.testing.assert_close(last.x_t.mean(0), MEAN, atol=0.02, rtol=0)
    torch.testing.assert_close(last.x_t.T.cov(), COVARIANCE, atol=0.03, rtol=0)


def test_one_consistency_step_is_the_flow_map():
    x, visits = start(), visits_together([999], 5)
    *_, last = consistency(Exact(FLOW), x, visits, torch.zeros(5, 0))
    torch.testing.assert_close(last.x_t, flow_map(FLOW, x, visits[0], visits[1]))


def test_the_same_noise_is_that_of_the_start_and_fresh_noise_is_each_samples_own():
    x, visits, model = start(), visits_together([999, 499], 5), Exact(FLOW)
    first, second, _ = consistency(model, x, visits, torch.zeros(5, 0), same_noise=True)
    torch.testing.assert_close(second.x_t, 0.5 * first.x_0 + 0.5 * x)
    runs = [[*consistency(model, x[:n], visits[:, :n], torch.zeros(n, 0), generators(7, n))] for n in (5, 2)]
    torch.testing.assert_close(runs[0][-1].x_t[:2], runs[1][-1].x_t)
    assert not torch.equal(runs[0][1].x_t, second.x_t)


def test_the_noise_levels_of_consistency_tuning_start_at_the_clean_end_and_come_closer():
    t = torch.tensor([0.01, 0.3, 1.0], dtype=torch.float64)
    assert not consistency_pair(t, 0).any()
    gaps = torch.stack([(t - consistency_pair(t, stage)) / t for stage in range(2, 9)])
    assert (gaps.diff(dim=0) <= 0).all() and (gaps > 0).all() and gaps[-1].max() < 0.02
    expected = 1 - (1 + 8 / (1 + torch.tensor(1.0).exp())) / 2**4
    torch.testing.assert_close(consistency_pair(torch.ones(1), 3), expected.view(1))


def test_the_consistency_loss_is_the_distance_over_the_gap_and_its_target_has_no_gradient():
    ahead, behind = torch.zeros(2, 4, requires_grad=True), torch.ones(2, 4, requires_grad=True)
    loss = consistency_loss(ahead, behind, torch.tensor([0.5, 1.0]))
    assert loss.item() == pytest.approx((2 / 0.5 + 2 / 1) / 2, abs=1e-4)
    loss.backward()
    assert ahead.grad.any() and behind.grad is None


@pytest.mark.parametrize("steps", [3, 300, 0])
def test_steps_that_a_student_did_not_learn_are_refused(steps):
    with pytest.raises(Refused, match=rf"^This student draws in 1, 2 or 4 steps, not in {steps}\.$"):
        checked((1, 2, 4), (1.0, 5.0), steps, 1.5)


@pytest.mark.parametrize("w", [0, 0.9, 5.1, 10, float("nan")])
def test_guidance_that_a_student_did_not_learn_is_refused(w):
    with pytest.raises(Refused, match="which has it inside, must be a number from 1 to 5"):
        checked((1, 2, 4), (1.0, 5.0), 2, w)
