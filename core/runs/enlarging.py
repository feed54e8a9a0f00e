"""Enlarge pictures from 64 to 256 and 1024 pixels, with DeepFloyd's stage II and the x4 upscaler if they are here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.checks import ModelError, real
from core.diffusion.noise import generators
from core.diffusion.samplers import Step
from core.models.device import pick_device
from core.models.registry import availability, load, of_task, spec
from core.models.spec import named
from core.pictures.enlargements import bicubic
from core.pictures.images import decibels, to_pil, to_tensor
from core.runs.frame import Frame
from core.runs.plan import Plan

MOST_NOISE, USUAL_NOISE = 0.5, 0.05
"""The noise on a small picture in [-1, 1]: the maximum, and the default of pocket's upsampler."""


def enlarger(side: int) -> str:
    """The model that enlarges pictures of that side four times: stage II from 64, stage III from 256.

    Raises:
        ModelError: there is none for that side, or it is not here; the sentence says what it needs.
    """
    sides = sorted({model.enlarges for model in of_task("upscale")})
    if side not in sides:
        raise ModelError(f"Only pictures of {' or '.join(map(str, sides))} pixels are enlarged, not of {side}.")
    largest_first = [model.name for model in reversed(of_task("upscale")) if model.enlarges == side]
    states = {name: availability(name) for name in largest_first}
    here = [name for name in largest_first if states[name][0]]
    if not here:
        last = largest_first[-1]
        raise ModelError(
            f"The picture stays at {side} pixels: enlarging takes {last}, which is not ready here. {states[last][1]}"
        )
    return here[0]


@dataclass(frozen=True, kw_only=True)
class Larger(Plan):
    """One picture of a run, four times larger.

    Args:
        of: the plan of that run.
        k: the picture's index in that run.
        pixels: the picture, (S, S, 3) uint8, S = 64 or 256.
        by: the model that enlarges it.
        noise: what a model that asks for it adds to the picture first; None for its usual amount.
    """

    of: Plan
    k: int
    pixels: np.ndarray
    by: str
    noise: float | None = None

    @property
    def model(self) -> str:
        return self.by

    @property
    def prompts(self) -> Sequence[str]:
        return [self.prompt]

    @property
    def prompt(self) -> str:
        """The prompt of the picture."""
        return self.of.made_from(self.k)[0]

    @property
    def count(self) -> int:
        return 1

    def cost(self) -> None:
        return None

    @property
    def side(self) -> int:
        """The side of the enlarged picture, in pixels."""
        return 4 * len(self.pixels)

    @property
    def seed(self) -> int:
        """The seed of the picture."""
        return self.of.made_from(self.k)[1]

    @property
    def lane_titles(self) -> Sequence[str]:
        return [f"x_0 at {self.side} pixels", "bicubic", *["as it was given"] * (self.true is not None)]

    @property
    def true(self) -> np.ndarray | None:
        """The picture as it is at that size, (4 S, 4 S, 3) uint8; None if nobody knows."""
        true = self.of.truth(self.k)
        return true if true is not None and len(true) == self.side else None

    @property
    def beside(self) -> int:
        return len(self.lane_titles)

    @property
    def origins(self) -> Sequence[str]:
        return []

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [frame.x_0, *(picture[None] for picture in (bicubic(self.pixels), self.true) if picture is not None)]

    @property
    def caption(self) -> str:
        noised = f" with noise {self.noise:g} on the small picture" if self.noise is not None else ""
        return f"Picture {self.k + 1}, enlarged by {self.by}{noised}; seed {self.seed}."

    def judged(self, pixels: np.ndarray, device: str) -> str:
        if self.true is None:
            return ""
        ours, plain = (decibels(x, self.true) for x in (pixels[0], bicubic(self.pixels)))
        return f"PSNR to the picture as it was given: {ours:.1f} dB, bicubic {plain:.1f} dB."

    @property
    def name(self) -> str:
        return f"picture-{self.k + 1}-at-{self.side}-pixels"

    def settings(self) -> dict:
        """The settings of the picture's run, and how it was enlarged."""
        return self.of.settings() | {"enlarged": self.k, "enlarger": self.by, "side": self.side} | self.noised

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps; the last holds the picture. Raises ModelError if the model does not fit."""
        low = to_tensor(to_pil(self.pixels), -1, 1).to(pick_device(device))
        return named(spec(self.by).enlarge)(
            load(self.by, device), low, [self.asked], generators(self.seed, 1), **self.views, **self.noised
        )

    @property
    def asked(self) -> str | tuple[str, ...] | None:
        """The condition: the prompt, or one prompt for every view."""
        return self.prompt or None

    @property
    def noised(self) -> dict:
        """The noise as a keyword of the enlarger; empty where it has its own."""
        return {} if self.noise is None else {"noise": self.noise}

    @property
    def views(self) -> dict:
        """The views of an anagram as a keyword of the enlarger; empty for other pictures."""
        return {}


def larger(plan: Plan, k: int, pixels: np.ndarray, by: str | None = None, noise: float | None = None) -> Larger:
    """The plan to enlarge picture k of a run, (S, S, 3) uint8; an enlarged picture is enlarged again.

    Args:
        by: the model; None for the best one that is here.
        noise: 0 .. 0.5 on the picture, for a model that adds some; None for its usual amount.

    Raises:
        ModelError: no model for it is here.
        Refused: the noise is out of range.
    """
    plan, k = (plan.of, plan.k) if isinstance(plan, Larger) else (plan, k)
    by = by or enlarger(len(pixels))
    noise = real(noise, 0, MOST_NOISE, "The noise") if spec(by).noised and noise is not None else None
    return (plan.LARGER or Larger)(request=plan.request, of=plan, k=k, pixels=pixels, by=by, noise=noise)
