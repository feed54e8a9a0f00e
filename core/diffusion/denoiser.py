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
        x_0: (B, ...) clean estimate.
        eps: (B, ...) noise estimate.
        v: (B, ...) learned-variance interpolation in [-1, 1], or None.
        parts: named noise estimates (B, ...) that a technique made eps from, to be looked at.
    """

    x_0: Tensor
    eps: Tensor
    v: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Denoiser(Protocol):
    """A network, or a technique that wraps one. A class that inherits from it shows its states as they are.

    Attributes:
        schedule: the path it was trained on.
        shape: of one sample in the model's space: (C, H, W) of a picture or its latents, (2,) of a point.
        device: where `predict` wants its tensors.
    """

    schedule: Schedule
    shape: tuple[int, ...]
    device: torch.device

    def encode(self, prompts: Sequence) -> Tensor:
        """Conditioning rows (B, ...) for B prompts; None stands for "no condition"."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """The prediction for x_t (B, ...) at timesteps t (B,), one per sample, given cond (B, ...)."""

    def to_pixels(self, x: Tensor) -> Tensor:
        """From the model's space (B, ...) to pictures (B, C, H, W), for everything that is shown; pictures as they are."""
        return x


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

    def to_pixels(self, x: Tensor) -> Tensor:
        """As the denoiser inside."""
        return self.inner.to_pixels(x)
