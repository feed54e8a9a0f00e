"""Guidance on Gaussians, where its result has a mean and a variance in closed form; autoguidance against its formula."""

import math

import pytest
import torch

from core.diffusion.closed_form import Gaussian, Mixture
from core.diffusion.guidance import autoguide, classifier_guide, guide
from core.diffusion.noise import generator, randn
from core.diffusion.point_sets import gaussians, tree
from core.diffusion.samplers import ddim, heun
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together

PATHS = {"cosine": Schedule.cosine(1000), "linear": Schedule.linear(1000), "flow": Schedule.flow(1000)}
EVERY_PATH = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
SAMPLERS = pytest.mark.parametrize("sampler, steps", [(heun, 100), (ddim, 800)], ids=["heun", "ddim"])
MEAN, VARIANCE = torch.tensor([0.8, -0.5]).double(), 0.3
T = torch.tensor([990, 700, 300, 20, 0])


def standard(n: int) -> torch.Tensor:
    """(n, 2) noise whose own mean is 0 and whose covariance is the identity: a linear flow keeps them exact."""
    x = randn((n, 2), generator(1)).double()
    x = x - x.mean(0)
    return x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov(correction=0))).T


def run(sampler, steps: int, model, prompts) -> torch.Tensor:
    """The last state of all points from the standard noise."""
    visits = visits_together(model.schedule.timesteps(steps), len(prompts))
    *_, last = sampler(model, standard(len(prompts)), visits, model.encode(prompts))
    return last.x_t


def assert_moments(x: torch.Tensor, mean: torch.Tensor, variance: float):
    """To 1 % of the mean's length and of the variance."""
    assert (x.mean(0) - mean).norm() < 0.01 * mean.norm()
    torch.testing.assert_close(x.T.cov(correction=0), variance * torch.eye(2).double(), atol=0.01 * variance, rtol=0)


def narrow(path: Schedule, variance: float = VARIANCE) -> Gaussian:
    """A round Gaussian; a prompt is its mean, None the mean 0."""
    return Gaussian(path, variance * torch.eye(2).double(), (2,))


# ---- equal variances: the guided score is that of a Gaussian at w times the mean, at every t ----


@SAMPLERS
@EVERY_PATH
@pytest.mark.parametrize("w", [0.5, 1.0, 3.0])
def test_classifier_free_guidance_moves_a_gaussian_and_keeps_its_variance(path, sampler, steps, w):
    """p(x) = N(0, v), p(x | y) = N(m, v): p(x) p(y | x)^w is N(w m, v), also when noised."""
    x = run(sampler, steps, guide(narrow(path), w), [MEAN] * 40)
    assert_moments(x, w * MEAN, VARIANCE)


@SAMPLERS
@EVERY_PATH
@pytest.mark.parametrize("w", [1.0, 3.0])
def test_classifier_guidance_does_the_same(path, sampler, steps, w):
    """With log p(y | x_t) = log N(x_t; a m, v_t) - log N(x_t; 0, v_t) + c from torch.distributions; a must not be 0."""
    plain = narrow(path)

    def log_prob(x, t):
        a, s = path.at(t, x)
        deviation = (a**2 * VARIANCE + s**2).sqrt()
        normal = torch.distributions.Normal
        return (normal(a * MEAN, deviation).log_prob(x) - normal(0 * x, deviation).log_prob(x)).sum(1)

    model = classifier_guide(plain, log_prob, w)
    timesteps = [t for t in path.timesteps(steps) if path.a[t] > 0.01]
    x = math.sqrt(path.a[timesteps[0]] ** 2 * VARIANCE + path.s[timesteps[0]] ** 2) * standard(40)
    x = x + w * path.a[timesteps[0]] * MEAN  # p_t where the run begins
    *_, last = sampler(model, x, visits_together(timesteps, 40), model.encode([None] * 40))
    assert_moments(last.x_t, w * MEAN, VARIANCE)


# ---- two Gaussians, one per class: the guided score is that of p(x) p(y | x)^w ----


def two(path: Schedule) -> Mixture:
    """N(m, v) and N(-m, v) as two classes."""
    means, ones = torch.stack([MEAN, -MEAN]), torch.ones(2).double()
    return Mixture(path, ones, means, VARIANCE * ones, torch.tensor([0, 1]))


def states(path: Schedule) -> torch.Tensor:
    """(5, 2) noisy points at T."""
    return path.forward(MEAN.expand(5, 2), T, randn((5, 2), generator(2)).double())


@EVERY_PATH
@pytest.mark.parametrize("w", [0.0, 1.0, 4.0])
def test_guidance_is_the_score_of_the_data_times_the_classifier_to_the_power_w(path, w):
    """p(y | x_t) of two Gaussians of one variance is the logistic function of 2 a m x / v_t, by hand."""
    model, x = two(path), states(path).requires_grad_()
    a, s = path.at(T, x)
    v = a**2 * VARIANCE + s**2
    log_class = torch.nn.functional.logsigmoid((2 * a * MEAN * x / v).sum(1))
    log_p = torch.stack([-((x - k * a * MEAN) ** 2 / (2 * v)).sum(1) for k in (1, -1)]).logsumexp(0)
    (score,) = torch.autograd.grad((log_p + w * log_class).sum(), x)
    expected = (-s * score).detach()
    free = guide(model, w)
    torch.testing.assert_close(free.predict(x.detach(), T, free.encode([0] * 5)).eps, expected, atol=1e-8, rtol=1e-8)

    def log_prob(x, t):
        a, s = path.at(t, x)
        return torch.nn.functional.logsigmoid((2 * a * MEAN * x / (a**2 * VARIANCE + s**2)).sum(1))

    by_classifier = classifier_guide(model, log_prob, w)
    p = by_classifier.predict(x.detach(), T, by_classifier.encode([None] * 5))
    torch.testing.assert_close(p.eps, expected, atol=1e-8, rtol=1e-8)


# ---- autoguidance ----


def test_the_scale_one_is_the_denoiser_itself_and_zero_the_weaker_one():
    model, weaker = narrow(PATHS["flow"]), narrow(PATHS["flow"], 1.0)
    assert autoguide(model, weaker, 1) is model and autoguide(model, weaker, 0) is weaker


@EVERY_PATH
@pytest.mark.parametrize("w", [0.5, 2.0, 5.0])
def test_autoguidance_extrapolates_from_a_wider_gaussian_by_its_formula(path, w):
    """eps_weak + w (eps - eps_weak) with eps = s (x - a m) / (a^2 v + s^2) of each, and the same for x_0."""
    x, wide = states(path), 0.9
    model = autoguide(narrow(path), narrow(path, wide), w)
    p = model.predict(x, T, model.encode([MEAN] * 5))
    a, s = path.at(T, x)
    eps, x_0 = (
        [make(v) for v in (VARIANCE, wide)]
        for make in (
            lambda v: s * (x - a * MEAN) / (a**2 * v + s**2),
            lambda v: MEAN + a * v * (x - a * MEAN) / (a**2 * v + s**2),
        )
    )
    torch.testing.assert_close(p.eps, eps[1] + w * (eps[0] - eps[1]), atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(p.x_0, x_0[1] + w * (x_0[0] - x_0[1]), atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(path.forward(p.x_0, T, p.eps), x)
    torch.testing.assert_close((p.parts["stronger"], p.parts["weaker"]), (eps[0], eps[1]))


def narrowed(w: float, strong: float, weak: float, n: int = 20_000) -> float:
    """The variance to which autoguidance on the straight path leads, from the linear equation of the deviation.

    dx/ds = eps - x_0 = g(s) (x - ...) with g = w g_strong + (1 - w) g_weak and g_v = (s - a v) / (a^2 v + s^2), so the
    deviation at the end is exp(-int_0^1 g ds), by the midpoint rule.
    """
    s = (torch.arange(n).double() + 0.5) / n
    g = [(s - (1 - s) * v) / ((1 - s) ** 2 * v + s**2) for v in (strong, weak)]
    return math.exp(-2 * (w * g[0] + (1 - w) * g[1]).mean().item())


def test_the_equation_of_the_deviation_gives_the_data_without_guidance():
    assert narrowed(1.0, VARIANCE, 0.9) == pytest.approx(VARIANCE, rel=1e-6)
    assert narrowed(0.0, VARIANCE, 0.9) == pytest.approx(0.9, rel=1e-6)


@SAMPLERS
@pytest.mark.parametrize("w", [0.5, 2.0, 3.0])
def test_autoguided_samples_keep_their_mean_and_have_the_predicted_variance(sampler, steps, w):
    path = PATHS["flow"]
    x = run(sampler, steps, autoguide(narrow(path), narrow(path, 0.9), w), [MEAN] * 40)
    assert_moments(x, MEAN, narrowed(w, VARIANCE, 0.9))
    assert (x.var(0).mean() < VARIANCE) == (w > 1)


@EVERY_PATH
def test_the_weaker_one_is_told_the_same_class(path):
    """Both are mixtures; the weaker one has more components, so its condition is another tensor."""
    strong, weak = gaussians(4).denoiser(path), tree().denoiser(path, blur=0.3)
    model, x, told = autoguide(strong, weak, 2.0), states(path).float(), [0, 1, None, 1, 0]
    p = model.predict(x, T, model.encode(told))
    a, b = strong.predict(x, T, strong.encode(told)), weak.predict(x, T, weak.encode(told))
    torch.testing.assert_close(p.eps, b.eps + 2 * (a.eps - b.eps))
    other = model.predict(x, T, model.encode([None] * 5))
    assert not torch.allclose(p.eps, other.eps, atol=1e-3)
