"""A denoiser in closed form: what a perfect network would say if all images came from one Gaussian.

Tests compare samplers and techniques with it, since every answer is known.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.diffusion.denoiser import Prediction
from core.diffusion.schedule import Schedule


class Gaussian:
    """The exact posterior mean of x_0 ~ N(mean, covariance) given x_t.

    Args:
        schedule: any path.
        covariance: (N, N) with N = C H W.
        shape: (C, H, W).

    A prompt is a mean (C, H, W), or None for zero.
    """

    def __init__(self, schedule: Schedule, covariance: Tensor, shape: tuple[int, int, int]):
        self.schedule, self.shape, self.device = schedule, shape, covariance.device
        self.variances, self.basis = torch.linalg.eigh(covariance)  # (N,), (N, N)

    def encode(self, prompts: Sequence[Tensor | None]) -> Tensor:
        """The means themselves, (B, C, H, W)."""
        return torch.stack([torch.zeros(self.shape) if p is None else p for p in prompts]).to(self.basis)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """x_0 = mean + a S (a^2 S + s^2)^-1 (x_t - a mean), S the covariance, in its eigenbasis."""
        a, s = self.schedule.at(t, x_t)
        a, s = a.flatten(1), s.flatten(1)  # (B, 1)
        coordinates = (x_t - a.view(-1, 1, 1, 1) * cond).flatten(1) @ self.basis  # (B, N)
        gain = self.variances / (a**2 * self.variances + s**2)
        x_0 = cond + (a * gain * coordinates @ self.basis.T).view_as(x_t)
        eps = (s * coordinates / (a**2 * self.variances + s**2) @ self.basis.T).view_as(x_t)
        return Prediction(x_0, eps)
