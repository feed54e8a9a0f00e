"""One noise, many roads: DDIM's picture hardly depends on the number of steps, DDPM's on the noise drawn on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.checks import Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import branch, generator, randn
from core.diffusion.sampler_table import ANCESTRAL
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_each
from core.models.registry import load, of_task, spec
from core.pictures.images import decibels
from core.runs.fields import GUIDANCE, PROMPT, SEED, counts_of
from core.runs.mnist import DigitModel
from core.runs.plan import EstimateAlone, in_pixels
from core.runs.request import SEEDS, Model, Request, Text, Whole, asked
from core.wording import clipped, counted

MOST_COLUMNS = 6
MOST_STEPS = 300


COUNTS = Text(
    "Steps, a column each", "2 to 6 of 1 to 300.", read=lambda text: ", ".join(map(str, counts_of(text, MOST_COLUMNS, MOST_STEPS)))
)  # fmt: skip


@dataclass(frozen=True)
class AnyModel(Model):
    """A model that draws from a prompt, or digits, and is here."""

    def options(self) -> dict[str, str]:
        """name -> what people read."""
        digits = {m.name: m.title for m in of_task("digits") if m.conditional and not getattr(m, "student", "")}
        return super().options() | digits

    def check(self, value: object, request: Request) -> str:
        return DigitModel().check(value, request) if spec(value).task == "digits" else super().check(value, request)


@dataclass(frozen=True)
class RoadsRequest(Request):
    """What to draw from one noise, and in how many steps.

    Args:
        prompt: for a model of digits one digit.
        counts: numbers of steps, a column each, as text.
        ways: rows of DDPM, each with its own noise on the way.
        seed: of the noise that all begin with.
        other: of the noise on the way of the first row of DDPM.
    """

    KIND = "roads"
    prompt: str = asked("3", replace(PROMPT, info="What to draw; for a model of digits one digit."))
    counts: str = asked("5, 10, 20, 50, 100", COUNTS)
    ways: int = asked(
        2, Whole("Rows of DDPM", "0 to 3, each with other noise on the way.", "The number of rows", high=3)
    )
    guidance: float = asked(2.0, GUIDANCE)
    seed: int = asked(180, replace(SEED, label="Seed of the start", info=f"{SEEDS}; all begin with this noise."))
    other: int = asked(1, replace(SEED, label="Seed of the way", info=f"{SEEDS}: of the noise that DDPM adds."))
    model: str = asked("ddpm-class", AnyModel("Model", "The header says what each one needs."))

    def agreed(self) -> "RoadsRequest":
        """Raises Refused if the prompt or a number of steps does not suit the model."""
        if self.of_digits and self.prompt.strip() not in tuple("0123456789"):
            raise Refused("For a model of digits the prompt is one digit, 0 to 9.")
        return self

    @property
    def of_digits(self) -> bool:
        """Whether the model draws digits."""
        return spec(self.model).task == "digits"

    @property
    def condition(self) -> str | int | None:
        """The digit or the prompt for the model's `encode`; None for an empty prompt."""
        return int(self.prompt) if self.of_digits else self.prompt or None


def model_of(request: Request, device: str) -> Denoiser:
    """The guided denoiser of a request. The clean estimates of pictures are clipped; the clean estimates of digits are
    not."""
    guided = guide(load(request.model, device), request.guidance)
    return guided if spec(request.model).task == "digits" else bounded(guided)


@dataclass(frozen=True, kw_only=True)
class Roads(EstimateAlone):
    """A row of DDIM and rows of DDPM, from one noise; a column per number of steps."""

    request: RoadsRequest

    @property
    def RANGE(self) -> tuple[float, float]:
        return (0.0, 1.0) if self.request.of_digits else (-1.0, 1.0)

    @property
    def prompts(self) -> Sequence[str]:
        return [] if self.request.of_digits else [self.request.prompt]

    @property
    def steps(self) -> tuple[int, ...]:
        """The numbers of steps, one per column."""
        return counts_of(self.request.counts, MOST_COLUMNS, MOST_STEPS)

    @property
    def columns(self) -> int:
        return len(self.steps)

    @property
    def count(self) -> int:
        return self.columns * (1 + self.request.ways)

    @property
    def lengths(self) -> Sequence[int]:
        return self.steps * (1 + self.request.ways)

    @property
    def across(self) -> Sequence[str]:
        return [f"{n} step{'s' * (n > 1)}" for n in self.steps]

    @property
    def down(self) -> Sequence[str]:
        return ["DDIM", *(f"DDPM, noise {self.request.other + k}" for k in range(self.request.ways))]

    @property
    def caption(self) -> str:
        r = self.request
        return (
            f"{r.model}: “{clipped(r.prompt, 200)}”; guidance {r.guidance:g}; all from the noise of seed {r.seed}. "
            f"Under each, how near it is to its row's picture of {counted(self.steps[-1])}."
        )

    @property
    def guiding(self) -> dict:
        return {"guidance": self.request.guidance}

    def cost(self) -> tuple[int, float]:
        longest, rows = self.steps[-1], 1 + self.request.ways
        return longest, halves(self.request.guidance) * rows * sum(self.steps) / longest

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, model_of(self.request, device)
        columns = visits_each([model.schedule.timesteps(n) for n in self.steps])
        noise = randn((1, *model.shape), generator(r.seed)).to(model.device)
        rows = [ddim(model, *self._start(model, noise, columns))]
        for k in range(r.ways):
            own = [generator(branch(r.other + k, 1)) for _ in self.steps]  # one noise on the way in all columns
            rows.append(ANCESTRAL(model, *self._start(model, noise, columns), own))
        return in_pixels(model, map(beside, zip(*rows, strict=True)))

    def _start(self, model: Denoiser, noise: torch.Tensor, visits: torch.Tensor) -> tuple:
        """The arguments of a row's sampler: the same noise in every column, the visits, and the condition."""
        return (
            noise.repeat(self.columns, *[1] * len(model.shape)),
            visits,
            model.encode([self.request.condition] * self.columns),
        )

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        """How near each picture (B, H, W, C) is to the last of its row."""
        last = pixels[self.columns - 1 :: self.columns].repeat(self.columns, 0)
        return [
            "" if (k + 1) % self.columns == 0 else f"{decibels(a, b):.1f} dB"
            for k, (a, b) in enumerate(zip(pixels, last, strict=True))
        ]


def beside(steps: Sequence[Step]) -> Step:
    """Join the Steps of parallel runs into Steps of one batch."""
    first, parts = steps[0], {}
    if all(s.parts for s in steps):
        parts = {name: torch.cat([s.parts[name] for s in steps]) for name in first.parts}
    t, x_t, x_0 = (torch.cat([getattr(s, name) for s in steps]) for name in ("t", "x_t", "x_0"))
    return Step(first.i, first.n, t, x_t, x_0, parts)


PLANS = {"roads": lambda r: Roads(request=r)}
