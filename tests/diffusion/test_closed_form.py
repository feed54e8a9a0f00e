"""The mixture of Gaussians against autograd, torch.distributions and quadrature; points in the plane through all samplers."""

import math
from functools import partial

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from core.checks import Refused
from core.diffusion.closed_form import Gaussian, Mixture
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim, dpm_solver, heun, posterior
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_from, visits_together
from core.techniques.inpainting import inpaint, zigzag
from core.techniques.sdedit import sdedit

LINEAR, FLOW = Schedule.linear(1000), Schedule.flow(1000)
EVERY_PATH = pytest.mark.parametrize("path", [LINEAR, FLOW], ids=["ddpm", "flow"])
WEIGHTS = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
MEANS = torch.tensor([[-1.5, 0.0], [1.0, 1.0], [1.0, -1.5]], dtype=torch.float64)
VARIANCES = torch.tensor([0.04, 0.09, 0.25], dtype=torch.float64)
LABELS = torch.tensor([0, 1, 1])
T = torch.tensor([999, 700, 300, 20, 0])


def mixture(path: Schedule) -> Mixture:
    """Three components of two classes."""
    return Mixture(path, WEIGHTS, MEANS, VARIANCES, LABELS)


def states(path: Schedule) -> torch.Tensor:
    """x_t of data and noise at the timesteps T."""
    return path.forward(MEANS[[0, 1, 2, 1, 0]], T, randn((5, 2), generator(1)).double())


# ---- Density, score and posterior mean ----


@EVERY_PATH
@pytest.mark.parametrize("prompt", [None, 0, 1])
def test_the_score_is_the_gradient_of_the_log_density(path, prompt):
    model, x = mixture(path), states(path).requires_grad_()
    cond = model.encode([prompt] * len(x))
    (gradient,) = torch.autograd.grad(model.log_density(x, T, cond).sum(), x)
    torch.testing.assert_close(model.score(x, T, cond), gradient, atol=1e-8, rtol=1e-8)


@EVERY_PATH
@pytest.mark.parametrize("prompt, members", [(None, [0, 1, 2]), (0, [0]), (1, [1, 2])])
def test_the_density_is_that_of_torch_distributions(path, prompt, members):
    model, x = mixture(path), states(path)
    found = model.log_density(x, T, model.encode([prompt] * len(x)))
    for k, t in enumerate(T):
        a, s = path.a[t], path.s[t]
        deviation = (a**2 * VARIANCES[members] + s**2).sqrt()[:, None].expand(-1, 2)
        parts = Independent(Normal(a * MEANS[members], deviation), 1)
        expected = MixtureSameFamily(Categorical(WEIGHTS[members]), parts).log_prob(x[k])
        torch.testing.assert_close(found[k], expected)


@EVERY_PATH
def test_the_two_ends_meet_in_x_t_and_eps_is_minus_s_times_the_score(path):
    model, x = mixture(path), states(path)
    p = model.predict(x, T, model.encode([None] * len(x)))
    torch.testing.assert_close(path.forward(p.x_0, T, p.eps), x)
    torch.testing.assert_close(p.eps, -path.s[T][:, None] * model.score(x, T))


@EVERY_PATH
def test_the_clean_estimate_is_the_posterior_mean_by_quadrature(path):
    """E[x_0 | x_t] = int x_0 p(x_0) p(x_t | x_0) / int p(x_0) p(x_t | x_0), on a line."""
    weights, means, deviations = WEIGHTS / WEIGHTS.sum(), MEANS[:, 0], VARIANCES.sqrt()
    model = Mixture(path, WEIGHTS, means[:, None], VARIANCES)
    grid = torch.linspace(-6, 6, 200_001, dtype=torch.float64)
    prior = (weights * Normal(means, deviations).log_prob(grid[:, None]).exp()).sum(1)
    t, x = torch.tensor([900, 500, 100]), torch.tensor([[0.3], [-0.2], [0.9]], dtype=torch.float64)
    found = model.predict(x, t, model.encode([None] * 3)).x_0
    for k in range(3):
        mass = prior * Normal(path.a[t[k]] * grid, path.s[t[k]]).log_prob(x[k]).exp()
        torch.testing.assert_close(found[k, 0], (grid * mass).sum() / mass.sum(), atol=1e-8, rtol=0)


@EVERY_PATH
def test_one_component_is_the_gaussian(path):
    x, mean = states(path), MEANS[:1]
    one = Mixture(path, WEIGHTS[:1], mean, VARIANCES[2:])
    gaussian = Gaussian(path, VARIANCES[2] * torch.eye(2, dtype=torch.float64), (2,))
    p, q = one.predict(x, T, one.encode([None] * 5)), gaussian.predict(x, T, gaussian.encode([mean[0]] * 5))
    torch.testing.assert_close((p.x_0, p.eps), (q.x_0, q.eps))


@EVERY_PATH
def test_pictures_are_points_of_many_coordinates(path):
    """Components shaped (C, H, W) answer as the same ones flattened."""
    means = randn((4, 1, 2, 3), generator(5)).double()
    weights, variances = torch.ones(4).double(), torch.full((4,), 0.1).double()
    x = randn((5, 1, 2, 3), generator(6)).double()
    wide, flat = Mixture(path, weights, means, variances), Mixture(path, weights, means.flatten(1), variances)
    p, q = wide.predict(x, T, wide.encode([None] * 5)), flat.predict(x.flatten(1), T, flat.encode([None] * 5))
    assert wide.shape == (1, 2, 3) and flat.shape == (6,)
    torch.testing.assert_close((p.x_0.flatten(1), p.eps.flatten(1)), (q.x_0, q.eps))
    torch.testing.assert_close(wide.score(x, T).flatten(1), flat.score(x.flatten(1), T))


@EVERY_PATH
def test_float32_is_stable_far_from_all_components(path):
    """Where every density is zero in float32: as float64, to float32's digits."""
    exact = Mixture.of_points(path, MEANS, 1e-6)
    model = Mixture.of_points(path, MEANS.float(), 1e-6)
    x, t = torch.tensor([[40.0, -30.0], [0.2, 0.1]]), torch.tensor([0, 5])
    assert (model.log_density(x, t).exp() == 0).all()
    for ours, theirs in (
        (model.log_density(x, t), exact.log_density(x.double(), t)),
        (model.score(x, t), exact.score(x.double(), t)),
        (model.predict(x, t, model.encode([None] * 2)).x_0, exact.predict(x.double(), t, exact.encode([None] * 2)).x_0),
    ):
        torch.testing.assert_close(ours, theirs.float(), rtol=1e-4, atol=1e-4)


@EVERY_PATH
def test_the_points_themselves_are_what_little_noise_leads_back_to(path):
    model = Mixture.of_points(path, MEANS, 0.0, LABELS)
    x = path.forward(MEANS, torch.tensor([10] * 3), 0.5 * randn((3, 2), generator(1)).double())
    p = model.predict(x, torch.tensor([10] * 3), model.encode([0, 1, None]))
    torch.testing.assert_close(p.x_0, MEANS, atol=1e-8, rtol=0)


def test_a_class_that_is_not_there_is_refused():
    with pytest.raises(Refused, match="no class 7"):
        mixture(LINEAR).encode([0, 7])
    with pytest.raises(Refused, match="no class 0"):
        Mixture.of_points(LINEAR, MEANS, 0.1).encode([0])


@EVERY_PATH
def test_guidance_follows_the_class_score(path):
    """score_u + w grad log p(class | x_t), with p(class | x_t) by Bayes' rule."""
    model, x = mixture(path), states(path).requires_grad_()
    cond = model.encode([1] * len(x))
    log_class = model.log_density(x, T, cond) + math.log(0.75) - model.log_density(x, T)
    (gradient,) = torch.autograd.grad(log_class.sum(), x)
    guided = guide(model, 3.0)
    p = guided.predict(x.detach(), T, guided.encode([1] * len(x)))
    expected = -path.s[T][:, None] * (model.score(x, T) + 3.0 * gradient)
    torch.testing.assert_close(p.eps, expected.detach(), atol=1e-8, rtol=1e-6)


# ---- Samplers on points ----

N = 2000
RUNS = {
    "ddim": (LINEAR, ddim, 200),
    "ddpm": (LINEAR, partial(ddim, eta=1.0), 200),
    "posterior": (LINEAR, posterior, 200),
    "dpm-solver": (LINEAR, dpm_solver, 50),
    "euler": (FLOW, ddim, 200),
    "heun": (FLOW, heun, 50),
    "flow with noise": (FLOW, partial(ddim, eta=1.0), 200),
}


@pytest.mark.slow
@pytest.mark.parametrize("prompt, members", [(None, [0, 1, 2]), (1, [1, 2])], ids=["all", "one class"])
@pytest.mark.parametrize("name", RUNS)
def test_every_sampler_reaches_the_mixture(name, prompt, members):
    """Shares of the components, their means and deviations: within 5 standard errors, and 0.01 for the steps' length."""
    path, sampler, steps = RUNS[name]
    model = mixture(path)
    x = randn((N, 2), generator(4)).double()
    *_, step = sampler(model, x, visits_together(path.timesteps(steps), N), model.encode([prompt] * N), generator(5))
    nearest = torch.cdist(step.x_t, MEANS).div(VARIANCES.sqrt()).argmin(1)
    shares = WEIGHTS[members] / WEIGHTS[members].sum()
    for k, share in zip(members, shares.tolist(), strict=True):
        own, deviation = step.x_t[nearest == k], VARIANCES[k].sqrt().item()
        assert abs(len(own) / N - share) < 5 * math.sqrt(share * (1 - share) / N) + 0.01
        assert ((own.mean(0) - MEANS[k]).abs() < 5 * deviation / math.sqrt(len(own)) + 0.01).all()
        assert ((own.std(0) - deviation).abs() < 5 * deviation / math.sqrt(2 * len(own)) + 0.01).all()
    if prompt is not None:
        assert (nearest > 0).all()


@EVERY_PATH
@pytest.mark.parametrize("threshold", ["clip", "dynamic", "none"])
def test_points_go_through_guidance_and_bounds(path, threshold):
    model = bounded(guide(mixture(path), torch.tensor([1.0, 2.0, 4.0]).double()), threshold)
    x = randn((3, 2), generator(4)).double()
    steps = list(ddim(model, x, visits_together(path.timesteps(20)[1:], 3), model.encode([0, 1, None])))
    assert steps[-1].x_t.shape == (3, 2) and steps[-1].x_t.isfinite().all()
    assert {part.shape for step in steps[:-1] for part in step.parts.values()} == {(3, 2)}


@EVERY_PATH
def test_a_known_coordinate_of_points_is_kept(path):
    """Inpainting: the hole is the second coordinate, and where the first is 1 the points of class 1 are."""
    model, n = mixture(path), 400
    points = torch.tensor([[1.0, 0.0]]).double().expand(n, 2)
    visits = visits_together(zigzag(path.timesteps(60)[1:], 5, 3), n)
    hole = torch.tensor([[0.0, 1.0]])
    *_, step = inpaint(model, points, hole, visits, model.encode([None] * n), generator(3))
    assert (step.x_t[:, 0] == 1).all()
    near = (step.x_t[:, 1:] - MEANS[1:, 1]).abs() < 4 * VARIANCES[1:].sqrt()
    assert near.any(1).all() and near.any(0).all()


@EVERY_PATH
def test_a_point_that_is_noised_less_stays_nearer(path):
    model, n = mixture(path), 200
    timesteps = path.timesteps(20)[1:]
    places = [0, 10, 16, len(timesteps)]
    visits = visits_from(timesteps, [place for place in places for _ in range(n)])
    start = MEANS[:1]
    *_, step = sdedit(model, start, visits, model.encode([None] * 4 * n), generator(3), 1.0)
    distance = (step.x_t - start).norm(dim=1).view(4, n).mean(1)
    assert (distance.diff() < 0).all() and distance[-1] == 0


# ---- From the model's space to pictures ----


class Latents(Denoiser):
    """Four-channel latents whose pictures are three of them, twice as large."""

    schedule, shape, device = FLOW, (4, 2, 2), torch.device("cpu")

    def encode(self, prompts):
        return torch.zeros(len(prompts), 1)

    def predict(self, x_t, t, cond):
        return Prediction(x_t / 2, x_t / 2)

    def to_pixels(self, x):
        return x[:, :3].repeat_interleave(2, 2).repeat_interleave(2, 3)


def test_a_technique_shows_what_the_denoiser_inside_shows():
    x = randn((2, 4, 2, 2), generator(1))
    assert torch.equal(bounded(guide(Latents(), 3.0), "dynamic").to_pixels(x), Latents().to_pixels(x))
    assert Latents().to_pixels(x).shape == (2, 3, 4, 4)


def test_states_are_shown_as_they_are_unless_a_denoiser_says_otherwise():
    x = randn((2, 2), generator(1))
    assert guide(mixture(FLOW), 2.0).to_pixels(x) is x
