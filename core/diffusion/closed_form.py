"""Denoisers in closed form: the output of a perfect network for data from one Gaussian or from a mixture.

Tests compare samplers and techniques with these exact results; in two dimensions they can be plotted.
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
        shape: the shape of one sample: (C, H, W), (2,), any.

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
    to B K.

    Args:
        schedule: any path.
        weights: (K,) positive, not necessarily normalised.
        means: (K, ...); what follows K is the shape of one sample.
        variances: (K,), from 0.
        labels: (K,) the class of each component, whole numbers; None for no classes.

    A prompt is a class, which restricts the data to its components, or None for all components.
    """

    def __init__(
        self, schedule: Schedule, weights: Tensor, means: Tensor, variances: Tensor, labels: Tensor | None = None
    ):
        self.schedule, self.shape, self.device = schedule, tuple(means.shape[1:]), means.device
        self.log_weights, self.means, self.variances = weights.log().log_softmax(0), means.flatten(1), variances
        self.labels = labels
        self._spread = variances[:1] if (variances == variances[0]).all() else variances  # (1,) or (K,)

    @classmethod
    def of_points(cls, schedule: Schedule, points: Tensor, variance: float, labels: Tensor | None = None) -> "Mixture":
        """A kernel density estimate: the data points (K, ...), each blurred with this variance."""
        alike = torch.ones(len(points), dtype=points.dtype, device=points.device)
        return cls(schedule, alike, points, variance * alike, labels)

    def encode(self, prompts: Sequence[int | None]) -> Tensor:
        """(B, K) logarithms of the components' weights, -inf for components of other classes.

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
        log_joint, v = self._components(x_t, t, cond)
        a, s = (level.flatten(1) for level in self.schedule.at(t, x_t))  # (B, 1)
        r, x = log_joint.softmax(1), x_t.flatten(1)
        pulled = self._pull(r / v, x, a)
        if len(self._spread) == 1:  # one variance for all
            x_0 = r @ self.means.to(x) + a * self._spread.to(x) * pulled
        else:
            x_0 = r @ self.means.to(x) + a * self._pull(r * self.variances.to(x) / v, x, a)
        return Prediction(x_0.view_as(x_t), (s * pulled).view_as(x_t))

    def score(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """The gradient of `log_density` in x_t, -eps / s_t, shaped as x_t: sum_k r_k (a mu_k - x_t) / v_k.

        Args:
            x_t: (B, ...).
            t: (B,).
            cond: of `encode`; None for no condition.
        """
        log_joint, v = self._components(x_t, t, cond)
        a = self.schedule.at(t, x_t)[0].flatten(1)
        return -self._pull(log_joint.softmax(1) / v, x_t.flatten(1), a).view_as(x_t)

    def log_density(self, x_t: Tensor, t: Tensor, cond: Tensor | None = None) -> Tensor:
        """log p_t(x_t | class) of samples (B, ...) at timesteps t (B,), as (B,); `cond` as in `score`."""
        return self._components(x_t, t, cond)[0].logsumexp(1)

    def _components(self, x_t: Tensor, t: Tensor, cond: Tensor | None) -> tuple[Tensor, Tensor]:
        """log w_k N(x_t; a mu_k, v_k I) as (B, K), and v_k as (B, K), or (B, 1) if all variances are equal."""
        a, s = (level.flatten(1) for level in self.schedule.at(t, x_t))  # (B, 1)
        log_weights = (self.encode([None]) if cond is None else cond).to(x_t)
        v, x, means = a**2 * self._spread.to(x_t) + s**2, x_t.flatten(1), self.means.to(x_t)
        # coordinate by coordinate: (B, K, D) would not fit the cache, and |x|^2 - 2 x mu + |mu|^2 loses digits
        squares = sum((x[:, d, None] - a * means[:, d]).square() for d in range(x.shape[1]))
        return log_weights - (squares / v + x.shape[1] * (2 * torch.pi * v).log()) / 2, v

    def _pull(self, weights: Tensor, x: Tensor, a: Tensor) -> Tensor:
        """sum_k w_k (x - a mu_k) of weights (B, K), as (B, D)."""
        return x * weights.sum(1, keepdim=True) - a * (weights @ self.means.to(x))
