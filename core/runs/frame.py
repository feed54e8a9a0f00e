"""One kept Step of a run, in uint8."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from core.diffusion.samplers import Step
from core.pictures.images import to_uint8

NOISE = (-3.0, 3.0)
"""The values of a noise estimate that are shown as black and as white."""


@dataclass(frozen=True)
class Frame:
    """One kept Step: x_t, x_0 and the parts are (B, H, W, C) uint8; t = -1 marks the result.

    Parts that come in uint8 are no pictures: they are its `maps`, (B, h, w, any) by name, see `core.runs.word_maps`.

    If the pictures take different numbers of steps, t is the largest timestep, and `each` has the timestep of every
    picture, -1 for a finished one.
    """

    i: int
    n: int
    t: int
    x_t: np.ndarray
    x_0: np.ndarray
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    each: tuple[int, ...] = ()
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, step: Step, low: float, high: float, ranges: Mapping[str, tuple[float, float]], each: bool) -> "Frame":
        """A Step in pixels.

        Args:
            low, high: the values of x_t and x_0 shown as black and as white.
            ranges: the same for parts, by name; NOISE for the others.
            each: whether the pictures take different numbers of steps.
        """
        x_t, x_0 = (to_uint8(x, low, high) for x in (step.x_t, step.x_0))
        maps = {name: part for name, part in step.parts.items() if part.dtype == torch.uint8}
        parts = {n: to_uint8(part, *ranges.get(n, NOISE)) for n, part in step.parts.items() if n not in maps}
        maps = {name: part.permute(0, 2, 3, 1).cpu().numpy() for name, part in maps.items()}
        return cls(step.i, step.n, int(step.t.max()), x_t, x_0, parts, tuple(step.t.tolist()) if each else (), maps)

    def own(self, k: int, n: int) -> "Frame":
        """The same as a frame of picture k's own run of n steps."""
        return replace(self, i=min(self.i, n), n=n, t=self.each[k], each=())

    @property
    def nbytes(self) -> int:
        """The bytes of its pictures."""
        return sum(p.nbytes for p in (self.x_t, self.x_0, *self.parts.values(), *self.maps.values()))
