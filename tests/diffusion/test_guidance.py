"""Guidance and thresholding against their formulas, diffusers, and the exact posterior of a Gaussian."""

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler

from core.diffusion.closed_form import Gaussian
from core.diffusion.denoiser import Prediction, Technique
from core.diffusion.guidance import (
    ALONE,
    GRADIENT,
    THRESHOLDS,
    bounded,
    classifier_guide,
    clip,
    dynamic_threshold,
    guide,
)
from core.diffusion.noise import generator, randn
from core.diffusion.samplers import ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together

SHAPE = (1, 2, 2)
LINEAR, FLOW = Schedule.linear(1000), Schedule.flow(1000)
EVERY_PATH = pytest.mark.parametrize("path", [LINEAR, FLOW], ids=["ddpm", "flow"])
CAT, DOG = randn((2, *SHAPE), generator(1)).double()
T = torch.tensor([900, 500, 20])
X_T = randn((3, *SHAPE), generator(2)).double()


class Spy(Technique):
    """Notes the rows of every network call; its learned variance gives the conditioning away."""

    def __init__(self, inner):
        super().__init__(inner)
        self.rows = []

    def predict(self, x_t, t, cond):
        self.rows.append(len(x_t))
        p = super().predict(x_t, t, cond)
        return Prediction(p.x_0, p.eps, torch.tanh(cond))


def gaussian(path: Schedule) -> Gaussian:
    """A closed-form denoiser of correlated pixels in float64; a prompt is its mean, None the mean zero."""
    root = randn((4, 4), generator(3)).double()
    return Gaussian(path, root @ root.T / 4 + 0.1 * torch.eye(4), SHAPE)


def cond(denoiser, *prompts):
    return denoiser.encode(prompts)


def assert_same(p: Prediction, expected: Prediction):
    torch.testing.assert_close((p.x_0, p.eps, p.v), (expected.x_0, expected.eps, expected.v))


def assert_consistent(path: Schedule, p: Prediction):
    """x_t = a_t x_0 + s_t eps."""
    torch.testing.assert_close(path.forward(p.x_0, T, p.eps), X_T)


# ---- Classifier-free guidance ----


@pytest.mark.parametrize("negative", [None, DOG], ids=["null", "negative"])
@pytest.mark.parametrize(
    "w, half", [(0, "unconditional"), (0.0, "unconditional"), (1, "conditional"), (1.0, "conditional")]
)
def test_no_guidance_is_one_half_alone(w, half, negative):
    spy = Spy(gaussian(LINEAR))
    positive = cond(spy, CAT, CAT, CAT)
    p = guide(spy, w, negative).predict(X_T, T, positive)
    assert spy.rows == [3]
    expected = positive if half == "conditional" else cond(spy, negative, negative, negative)
    assert_same(p, spy.predict(X_T, T, expected))


@pytest.mark.parametrize("negative", [None, DOG], ids=["null", "negative"])
@pytest.mark.parametrize("w", [-1, 0.5, 2, 7.5])
@EVERY_PATH
def test_guidance_is_its_formula_in_one_call(path, w, negative):
    spy = Spy(gaussian(path))
    p = guide(spy, w, negative).predict(X_T, T, cond(spy, CAT, CAT, CAT))
    assert spy.rows == [6]
    u, c = (spy.predict(X_T, T, cond(spy, k, k, k)) for k in (negative, CAT))
    assert_same(p, Prediction(u.x_0 + w * (c.x_0 - u.x_0), u.eps + w * (c.eps - u.eps), c.v))
    torch.testing.assert_close(p.parts, {"unconditional": u.eps, "conditional": c.eps})
    assert_consistent(path, p)


def test_each_sample_has_its_own_scale_and_prompt():
    spy = Spy(gaussian(LINEAR))
    scales, positive = [0.0, 1.0, 7.5], cond(spy, CAT, DOG, None)
    p = guide(spy, torch.tensor(scales)).predict(X_T, T, positive)
    assert spy.rows == [6]
    for k, w in enumerate(scales):
        row = slice(k, k + 1)
        alone = guide(spy, w).predict(X_T[row], T[row], positive[row])
        torch.testing.assert_close((p.x_0[row], p.eps[row]), (alone.x_0, alone.eps))


def test_guidance_inside_guidance_is_still_one_call():
    spy = Spy(gaussian(LINEAR))
    p = guide(guide(spy, 2.0), 3.0, DOG).predict(X_T, T, cond(spy, CAT, CAT, CAT))
    assert spy.rows == [12]
    null, dog, cat = (spy.predict(X_T, T, cond(spy, k, k, k)).eps for k in (None, DOG, CAT))
    dog, cat = null + 2 * (dog - null), null + 2 * (cat - null)
    torch.testing.assert_close(p.eps, dog + 3 * (cat - dog))


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_noise_estimate_that_stands_alone_is_to_be_looked_at_too(threshold):
    model, positive = gaussian(LINEAR), cond(gaussian(LINEAR), CAT, DOG, CAT)
    p = bounded(model, threshold).predict(X_T, T, positive)
    assert set(p.parts) == {ALONE} and p.parts[ALONE] is p.eps
    assert set(bounded(guide(model, 2.0), threshold).predict(X_T, T, positive).parts) == {
        "unconditional",
        "conditional",
    }


# ---- Guidance in an interval of the run ----


@pytest.mark.parametrize("interval, rows", [((999, 0), 6), ((999, 500), 5), ((20, 20), 4), ((499, 21), 3)])
@pytest.mark.parametrize("w", [0.5, 7.5])
def test_guidance_is_on_in_its_interval_alone_and_asks_twice_there_alone(w, interval, rows):
    spy = Spy(gaussian(LINEAR))
    first, last = interval
    positive = cond(spy, CAT, DOG, CAT)
    p = guide(spy, w, None, interval).predict(X_T, T, positive)
    assert spy.rows == [rows]
    for k, t in enumerate(T.tolist()):
        row = slice(k, k + 1)
        alone = guide(spy, w if last <= t <= first else 1).predict(X_T[row], T[row], positive[row])
        assert_same(Prediction(p.x_0[row], p.eps[row], p.v[row]), alone)
        apart = (p.parts["conditional"][row] - p.parts["unconditional"][row]).abs().max()
        assert (apart > 0) == (last <= t <= first)


def test_each_sample_has_its_own_interval():
    spy = Spy(gaussian(LINEAR))
    positive, at = cond(spy, CAT, CAT, DOG), torch.full((3,), 500)
    p = guide(spy, 4.0, DOG, torch.tensor([[-1, -1], [999, 0], [500, 499]])).predict(X_T, at, positive)
    assert spy.rows == [5]
    for k, w in enumerate((1, 4, 4)):
        row = slice(k, k + 1)
        alone = guide(spy, w, DOG).predict(X_T[row], at[row], positive[row])
        torch.testing.assert_close((p.x_0[row], p.eps[row]), (alone.x_0, alone.eps))


def test_a_changed_condition_is_noticed():
    d = guide(gaussian(LINEAR), 4.0, None, (540, 0))
    cat, dog = cond(d, CAT, CAT, CAT), cond(d, DOG, DOG, DOG)
    for positive, t in ((cat, T), (cat, T + 50), (cat, T + 90), (dog, T + 90)):
        fresh = guide(gaussian(LINEAR), 4.0, None, (540, 0)).predict(X_T, t, positive)
        assert torch.equal(d.predict(X_T, t, positive).eps, fresh.eps)


# ---- Classifier guidance ----


def linear_measurement(path: Schedule):
    """y = H x_0 + noise of variance 0.3 on the prior of `gaussian`: log p(y | x_t), and the posterior of x_0 given y.

    Given x_t, x_0 is N(E, C) with E the denoiser's answer and C = (S^-1 + (a/s)^2 I)^-1, so
    y is N(H E, H C H^T + 0.3). Given y, x_0 is N(S_y H^T y / 0.3, S_y) with S_y = (S^-1 + H^T H / 0.3)^-1.
    """
    prior = gaussian(path)
    S = prior.basis @ torch.diag(prior.variances) @ prior.basis.T
    H, y = randn((2, 4), generator(5)).double(), torch.tensor([1.0, -2.0], dtype=torch.float64)

    def log_prob(x_t, t):
        a, s = (level.flatten(1)[..., None] for level in path.at(t, x_t))  # (B, 1, 1)
        C = torch.linalg.inv(torch.linalg.inv(S) + (a / s) ** 2 * torch.eye(4))
        E = prior.predict(x_t, t, torch.zeros_like(x_t)).x_0.flatten(1)
        noise = H @ C @ H.T + 0.3 * torch.eye(2)
        return torch.distributions.MultivariateNormal(E @ H.T, noise).log_prob(y)

    S_y = torch.linalg.inv(torch.linalg.inv(S) + H.T @ H / 0.3)
    return prior, log_prob, Gaussian(path, S_y, SHAPE), (S_y @ H.T @ y / 0.3).view(SHAPE)


@torch.no_grad()
@EVERY_PATH
def test_classifier_guidance_turns_the_prior_into_the_posterior(path):
    """grad log p(x_t | y) = grad log p(x_t) + grad log p(y | x_t), and eps = -s grad log p."""
    prior, log_prob, posterior, mean = linear_measurement(path)
    p = classifier_guide(prior, log_prob, 1.0).predict(X_T, T, cond(prior, None, None, None))
    assert_same(p, posterior.predict(X_T, T, cond(posterior, mean, mean, mean)))
    assert not p.eps.requires_grad


@EVERY_PATH
def test_classifier_guidance_shifts_eps_by_the_scaled_gradient(path):
    spy = Spy(gaussian(path))
    null = cond(spy, None, None, None)
    plain = spy.predict(X_T, T, null)
    p = classifier_guide(spy, lambda x_t, t: -(x_t**2).flatten(1).sum(1) / 2, 4.0).predict(X_T, T, null)
    _, s = path.at(T, X_T)
    torch.testing.assert_close(p.eps, plain.eps + 4 * s * X_T)  # the gradient of -|x|^2 / 2 is -x
    assert torch.equal(p.v, plain.v)
    assert_consistent(path, p)


@EVERY_PATH
def test_classifier_guidance_takes_a_scale_per_sample_and_shows_its_gradient(path):
    spy = Spy(gaussian(path))
    null, scales = cond(spy, None, None, None), torch.tensor([0.0, 1.0, 4.0])
    log_prob = lambda x_t, t: -(x_t**2).flatten(1).sum(1) / 2  # noqa: E731
    p = classifier_guide(spy, log_prob, scales).predict(X_T, T, null)
    for k, w in enumerate(scales.tolist()):
        alone = classifier_guide(spy, log_prob, w).predict(X_T, T, null)
        torch.testing.assert_close(p.eps[k], alone.eps[k])
        torch.testing.assert_close(p.x_0[k], alone.x_0[k])
    torch.testing.assert_close(p.parts[GRADIENT], -X_T)


def test_classifier_guidance_works_inside_a_sampler():
    """Whose grad mode is off. From pure noise, the mean of a run moves to the posterior's."""
    prior, log_prob, _, mean = linear_measurement(LINEAR)
    x = randn((512, *SHAPE), generator(6)).double()
    visits = visits_together(LINEAR.timesteps(50), len(x))
    *_, step = ddim(classifier_guide(prior, log_prob, 1.0), x, visits, torch.zeros_like(x))
    torch.testing.assert_close(step.x_t.mean(0), mean, atol=0.1, rtol=0)


# ---- Bounds ----


@EVERY_PATH
def test_clip_is_a_clamp_of_x_0(path):
    spy = Spy(gaussian(path))
    x_0 = spy.predict(X_T, T, cond(spy, CAT, CAT, CAT)).x_0.numpy()
    p = clip(spy, -0.5, 0.3).predict(X_T, T, cond(spy, CAT, CAT, CAT))
    assert (x_0 < -0.5).any() and (x_0 > 0.3).any()
    np.testing.assert_array_equal(p.x_0.numpy(), np.clip(x_0, -0.5, 0.3))
    assert_consistent(path, p)
    assert torch.equal(p.v, torch.tanh(cond(spy, CAT, CAT, CAT)))


@pytest.mark.parametrize("ratio, max_value", [(0.95, 1.5), (0.5, 100.0), (0.9, 1.0)])
@EVERY_PATH
def test_dynamic_threshold_is_that_of_diffusers(path, ratio, max_value):
    options = {"dynamic_thresholding_ratio": ratio, "sample_max_value": max_value}
    spy, far = Spy(gaussian(path)), torch.tensor([0.1, 1.0, 4.0]).view(3, 1, 1, 1) * CAT  # inside, about, outside
    p = dynamic_threshold(spy, ratio, max_value).predict(X_T, T, far)
    expected = DDPMScheduler(**options)._threshold_sample(spy.predict(X_T, T, far).x_0)
    torch.testing.assert_close(p.x_0, expected, atol=1e-6, rtol=0)
    assert p.x_0.abs().max() <= 1
    assert_consistent(path, p)
    assert torch.equal(p.v, torch.tanh(far))


def test_dynamic_threshold_by_hand():
    """Twenty pixels up to 4: the threshold is the 0.95 quantile, capped at 1.5; an image within [-1, 1] is kept."""
    wild, tame = torch.linspace(-4, 4, 20), torch.linspace(-0.9, 0.9, 20)

    class Fixed(Technique):
        def predict(self, x_t, t, cond):
            return Prediction(torch.stack([wild, tame]).view(2, 1, 4, 5), x_t)

    p = dynamic_threshold(Fixed(gaussian(LINEAR))).predict(torch.zeros(2, 1, 4, 5), T[:2], torch.zeros(2))
    torch.testing.assert_close(p.x_0.flatten(1), torch.stack([wild.clamp(-1.5, 1.5) / 1.5, tame]))
