"""The interface of every network: the noise estimate, and so the clean estimate, for x_t."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from core.diffusion.schedule import Schedule
from core.locks import new_lock

NETWORK_LOCK = new_lock()
"""Held for one network call, never across a yield: two jobs take turns on one device."""


@dataclass(frozen=True)
class Prediction:
    """The two ends of the path through x_t, x_t = a_t x_0 + s_t eps.

    Both are kept because neither yields the other everywhere: x_0 is lost in eps where a_t = 0
    (flow matching starts there), eps is lost in x_0 where s_t = 0.

    Args:
        x_0: (B, ...) clean estimate.
        eps: (B, ...) noise estimate.
        v: (B, ...) learned-variance interpolation in [-1, 1], or None.
        parts: the named noise estimates (B, ...) from which a technique made eps, for display; of classifier guidance the
            gradient.
    """

    x_0: Tensor
    eps: Tensor
    v: Tensor | None = None
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Denoiser(Protocol):
    """A network, or a technique that wraps one. Its states are pictures unless a class overrides `to_pixels`.

    Attributes:
        schedule: the path it was trained on.
        shape: the shape of one sample in the model's space: (C, H, W) for a picture or its latents, (2,) for a point.
        device: the device of `predict`'s tensors.
    """

    schedule: Schedule
    shape: tuple[int, ...]
    device: torch.device

    def encode(self, prompts: Sequence) -> Tensor:
        """Conditioning rows (B, ...) for B prompts; None stands for "no condition"."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """The prediction for x_t (B, ...) at timesteps t (B,), one per sample, given cond (B, ...)."""

    def to_pixels(self, x: Tensor) -> Tensor:
        """From the model's space (B, ...) to pictures (B, C, H, W) for display; pictures are not changed."""
        return x


class Technique:
    """Base of all functions from Denoiser to Denoiser: acts like the inner one unless it overrides `predict`."""

    def __init__(self, inner: Denoiser):
        self.inner = inner
        self.schedule, self.shape, self.device = inner.schedule, inner.shape, inner.device

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of steps that a student inside learned; empty for other models."""
        return getattr(self.inner, "counts", ())

    @property
    def scales(self) -> tuple[float, float] | None:
        """The guidance scales that a student inside learned."""
        return getattr(self.inner, "scales", None)

    def for_steps(self, steps: int, guidance: float) -> "Technique":
        """The same technique with the student inside set to a number of steps and a guidance scale."""
        twin = copy.copy(self)
        twin.inner = self.inner.for_steps(steps, guidance)
        return twin

    def encode(self, prompts: Sequence) -> Tensor:
        """Call `encode` of the inner denoiser."""
        return self.inner.encode(prompts)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """Call `predict` of the inner denoiser."""
        return self.inner.predict(x_t, t, cond)

    def to_pixels(self, x: Tensor) -> Tensor:
        """Call `to_pixels` of the inner denoiser."""
        return self.inner.to_pixels(x)
