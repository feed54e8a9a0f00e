"""Denoisers in closed form: what a perfect network would say if the data came from one Gaussian, or from a mixture.

Tests compare samplers and techniques with them, since every answer is known; in two dimensions they can be drawn.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.schedule import Schedule


class Gaussian(Denoiser):
    """The exact posterior mean of x_0 ~ N(mean, covariance) given x_t.

    Args:
        schedule: any path.
        covariance: (N, N) with N the product of the shape.
        shape: of one sample: (C, H, W), (2,), any.

    A prompt is a mean of that shape, or None for zero.
    """

    def __init__(self, schedule: Schedule, covariance: Tensor, shape: tuple[int, ...]):
        self.schedule, self.shape, self.device = schedule, shape, covariance.device
        self.variances, self.basis = torch.linalg.eigh(covariance)  # (N,), (N, N)

    def encode(self, prompts: Sequence[Tensor | None]) -> Tensor:
        """The means themselves, (B, ...)."""
        return torch.stack([torch.zeros(self.shape) if p is None else p for p in prompts]).to(self.basis)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """x_0 = mean + a S (a^2 S + s^2)^-1 (x_t - a mean), S the covariance, in its eigenbasis."""
        a, s = self.schedule.at(t, x_t)
        coordinates = (x_t - a * cond).flatten(1) @ self.basis  # (B, N)
        a, s = a.flatten(1), s.flatten(1)  # (B, 1)
        gain = self.variances / (a**2 * self.variances + s**2)
        x_0 = cond + (a * gain * coordinates @ self.basis.T).view_as(x_t)
        eps = (s * coordinates / (a**2 * self.variances + s**2) @ self.basis.T).view_as(x_t)
        return Prediction(x_0, eps)


class Mixture(Denoiser):
    """The exact posterior mean of x_0 ~ sum_k w_k N(mu_k, var_k I) given x_t, and the score of x_t.

    At timestep t the density is sum_k w_k N(a mu_k, v_k I) with v_k = a^2 var_k + s^2. A call takes memory in proportion
    to B K D, with D the product of the shape.

    Args:
        schedule: any path.
        weights: (K,) positive, in proportion to which the components count.
        means: (K, ...); what follows K is the shape of one sample.
        variances: (K,), from 0.
        labels: (K,) the class of each component, whole numbers; None for no classes.

    A prompt is a class, and then its components alone make up the data, or None for all of them.
    """

    def __init__(
        self, schedule: Schedule, weights: Tensor, means: Tensor, variances: Tensor, labels: Tensor | None = None
    ):
        self.schedule, self.shape, self.device = schedule, tuple(means.shape[1:]), means.device
        self.log_weights, self.means, self.variances = weights.log().log_softmax(0), means.flatten(1), variances
        self.labels = labels

    @classmethod
    def of_points(cls, schedule: Schedule, points: Tensor, variance: float, labels: Tensor | None = None) -> "Mixture":
        """The data points (K, ...) themselves, each blurred with this variance: a kernel density estimate."""
        alike = torch.ones(len(points), dtype=points.dtype, device=points.device)
        return cls(schedule, alike, points, variance * alike, labels)

    def encode(self, prompts: Sequence[int | None]) -> Tensor:
        """(B, K) logarithms of the components' weights, -inf for those of other classes.

        Raises:
            Refused: a class that no component has.
        """
        return torch.stack([self._weights_of(p) for p in prompts])

    def _weights_of(self, prompt: int | None) -> Tensor:
        if prompt is None:
            return self.log_weights
        if self.labels is None or not (self.labels == prompt).any():
            raise Refused(f"This mixture has no class {str(prompt)[:40]}.")
        return self.log_weights.masked_fill(self.labels != prompt, -torch.inf).log_softmax(0)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """x_0 = sum_k r_k (mu_k + a var_k / v_k (x_t - a mu_k)) with r_k = p(k | x_t), and eps = -s score."""
        log_joint, gap, v = self._components(x_t, t, cond)
        a, s = (level.flatten(1) for level in self.schedule.at(t, x_t))  # (B, 1)
        r = log_joint.softmax(1)
        x_0 = r @ self.means.to(x_t) + a * _combined(r * self.variances.to(x_t) / v, gap)
        return Prediction(x_0.view_as(x_t), (s * _combined(r / v, gap)).view_as(x_t))

    def score(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """The gradient of `log_density` in x_t, -eps / s_t, shaped as x_t: sum_k r_k (a mu_k - x_t) / v_k.

        Args:
            x_t: (B, ...).
            t: (B,).
            cond: of `encode`; None for no condition.
        """
        log_joint, gap, v = self._components(x_t, t, cond)
        return -_combined(log_joint.softmax(1) / v, gap).view_as(x_t)

    def log_density(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """log p_t(x_t | class) of samples (B, ...) at timesteps t (B,), as (B,); `cond` as in `score`."""
        return self._components(x_t, t, cond)[0].logsumexp(1)

    def _components(self, x_t: Tensor, t: Tensor, cond: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """log w_k N(x_t; a mu_k, v_k I) as (B, K), x_t - a mu_k as (B, K, D), and v_k as (B, K)."""
        a, s = (level.flatten(1) for level in self.schedule.at(t, x_t))  # (B, 1)
        log_weights = (self.encode([None]) if cond is None else cond).to(x_t)
        v = a**2 * self.variances.to(x_t) + s**2
        gap = x_t.flatten(1)[:, None] - a[..., None] * self.means.to(x_t)  # not cdist, which loses digits
        log_normal = -(gap.square().sum(2) / v + gap.shape[2] * (2 * torch.pi * v).log()) / 2
        return log_weights + log_normal, gap, v


def _combined(weights: Tensor, vectors: Tensor) -> Tensor:
    """sum_k w_k x_k of weights (B, K) and vectors (B, K, D), as (B, D)."""
    return (weights[:, None] @ vectors)[:, 0]
