"""Students beside their teacher: ten digits from one noise, by method and by network calls, with the measures of
each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.diffusion.sampler_table import SAMPLERS, generate
from core.diffusion.samplers import Step
from core.diffusion.students import FEW_STEPS
from core.models.mnist import CLASSES
from core.models.registry import CHECKPOINTS, availability, load
from core.models.scores import rows_of
from core.pictures.images import WAITING
from core.runs.fields import SEED
from core.runs.mnist import DigitModel
from core.runs.plan import EstimateAlone
from core.runs.request import Real, Request, asked

FILE = CHECKPOINTS / "fewer_steps.json"
"""The results of `python -m benchmarks.fewer_steps`."""
ROWS = {
    "teacher, Euler": ("flow-class", "euler"),
    "distilled": ("flow-class-fast", "few-steps"),
    "consistency, fresh noise": ("flow-class-consistency", "consistency"),
    "consistency, same noise": ("flow-class-consistency", "consistency-same"),
}
"""Label of a row -> its model and sampler."""
MEASURED_AT = 1.5
"""The guidance scale of the benchmark."""
ACROSS = 5
"""Digits beside each other in a picture, which has all ten."""
FOOT = 22
"""Rows of pixels below the digits, for what was measured."""


@dataclass(frozen=True)
class StudentsRequest(Request):
    """Ten digits from one noise. The students have guidance inside, from 1 to 5."""

    KIND = "students"
    guidance: float = asked(
        1.5, Real("Guidance w", "1 to 5; the students take it as an input.", "The guidance", low=1, high=5, step=0.5)
    )
    seed: int = asked(180, SEED)

    @property
    def model(self) -> str:
        """The teacher."""
        return "flow-class"

    def agreed(self) -> "StudentsRequest":
        """Raises ModelError if the teacher is not here."""
        DigitModel().check(self.model, self)
        return self


def measured() -> list[Mapping]:
    """The benchmark's rows: model, sampler, steps, accuracy, frechet, ms_for_ten; empty if it was not run."""
    return rows_of(FILE)


def sheet(digits: Tensor) -> Tensor:
    """Ten digits (10, 1, H, W) as one picture (1, 1, 2 H + FOOT, 5 W)."""
    rows = digits.unflatten(0, (CLASSES // ACROSS, ACROSS))  # (2, 5, 1, H, W)
    return pad(rows.permute(2, 0, 3, 1, 4).flatten(1, 2).flatten(2, 3)[None], (0, 0, 0, FOOT))


@dataclass(frozen=True, kw_only=True)
class Students(EstimateAlone):
    """A row per method, a column per number of network calls; a student draws only in the steps that it learned."""

    RANGE = (0.0, 1.0)

    request: StudentsRequest

    @property
    def rows(self) -> dict[str, tuple[str, str]]:
        """The rows of ROWS whose model is here."""
        return {label: row for label, row in ROWS.items() if availability(row[0])[0]}

    @property
    def cells(self) -> list[tuple[str, str, int] | None]:
        """Model, sampler and steps of every picture, row by row; None where a student did not learn them."""
        return [
            (model, sampler, n) if n in (SAMPLERS[sampler].counts or FEW_STEPS) else None
            for model, sampler in self.rows.values()
            for n in FEW_STEPS
        ]

    @property
    def count(self) -> int:
        return len(self.cells)

    @property
    def columns(self) -> int:
        return len(FEW_STEPS)

    @property
    def ours(self) -> Sequence[int]:
        return [k for k, cell in enumerate(self.cells) if cell]

    @property
    def across(self) -> Sequence[str]:
        return [f"{n} call{'s' * (n > 1)}" for n in FEW_STEPS]

    @property
    def down(self) -> Sequence[str]:
        return list(self.rows)

    @property
    def lane_titles(self) -> Sequence[str]:
        return ("Ten digits in each",)

    @property
    def caption(self) -> str:
        r = self.request
        return (
            f"The digits 0 to 9 from the same ten noises (seed {r.seed}), guidance {r.guidance:g}. {self.measured_words} "
            "The teacher runs the network twice a call, with the digit and without."
        )

    @property
    def measured_words(self) -> str:
        """A sentence on the numbers under the digits, or on why there are none."""
        if self.request.guidance == MEASURED_AT:
            return (
                f"Under each, where there is room, as measured on 2,000 digits at guidance {MEASURED_AT}: "
                "digits right, and Fréchet distance."
            )
        return f"What was measured stands under them at guidance {MEASURED_AT}, where it was."

    @property
    def work(self) -> str:
        twice = self.request.guidance != 1
        return f"{self.cost()[0]} network calls on ten digits each" + ", the teacher's on twenty" * twice

    def cost(self) -> tuple[int, float]:
        calls = [cell[2] for cell in self.cells if cell]
        halves = [
            cell[2] * CLASSES * (2 if cell[0] == self.model and self.request.guidance != 1 else 1)
            for cell in self.cells
            if cell
        ]
        return sum(calls), sum(halves) / sum(calls)

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, todo = self.request, [(k, cell) for k, cell in enumerate(self.cells) if cell]
        x = None
        for i, (k, (name, sampler, steps)) in enumerate(todo):
            model = load(name, device)
            *_, last = generate(model, list(range(CLASSES)), sampler, steps, r.guidance, r.seed)
            made = sheet(last.x_t.clamp(0, 1))
            x = torch.full((self.count, *made.shape[1:]), WAITING / 255).to(made) if x is None else x.clone()
            x[k] = made[0]
            t = 0 if i + 1 < len(todo) else -1
            yield Step(i, len(todo) - 1, torch.full((self.count,), t), x, x)

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        """Accuracy and Frechet distance of every method and number of calls, as measured; nothing at other guidance."""
        if self.request.guidance != MEASURED_AT:
            return []
        found = {
            (m["model"], m["sampler"], m["steps"]): f"{m['accuracy']:.1%} · {m['frechet']:.2f}" for m in measured()
        }
        return [found.get(cell, "") for cell in self.cells]


PLANS = {"students": lambda r: Students(request=r)}
