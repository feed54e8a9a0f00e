"""The one question that every network answers: what noise, and so what clean image, is in x_t?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from core.diffusion.schedule import Schedule
from core.locks import new_lock

NETWORK_LOCK = new_lock()
"""Held around each single network call, never across a yield: two jobs take turns on one device."""


@dataclass(frozen=True)
class Prediction:
    """The two ends of the path through x_t, x_t = a_t x_0 + s_t eps.

    Both are kept because neither yields the other everywhere: x_0 is lost in eps where a_t = 0
    (flow matching starts there), eps is lost in x_0 where s_t = 0.

    Args:
        x_0: (B, C, H, W) clean estimate.
        eps: (B, C, H, W) noise estimate.
        v: (B, C, H, W) learned-variance interpolation in [-1, 1], or None.
        parts: named noise estimates (B, C, H, W) that a technique made eps from, to be looked at.
    """

    x_0: Tensor
    eps: Tensor
    v: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Denoiser(Protocol):
    """A network, or a technique that wraps one.

    Attributes:
        schedule: the path it was trained on.
        shape: (C, H, W) of one image.
        device: where `predict` wants its tensors.
    """

    schedule: Schedule
    shape: tuple[int, int, int]
    device: torch.device

    def encode(self, prompts: Sequence) -> Tensor:
        """Conditioning rows (B, ...) for B prompts; None stands for "no condition"."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """The prediction for x_t (B, C, H, W) at timesteps t (B,), one per sample, given cond (B, ...)."""


class Technique:
    """Base of every function from Denoiser to Denoiser: answers like the one inside until it overrides `predict`."""

    def __init__(self, inner: Denoiser):
        self.inner = inner
        self.schedule, self.shape, self.device = inner.schedule, inner.shape, inner.device

    def encode(self, prompts: Sequence) -> Tensor:
        """As the denoiser inside."""
        return self.inner.encode(prompts)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """As the denoiser inside."""
        return self.inner.predict(x_t, t, cond)
