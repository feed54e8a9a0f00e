"""Guides of digits that an unconditional model draws: a classifier, beside classifier-free guidance, or a weaker model; all
from the same noise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.checks import ModelError, Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import GRADIENT, LogProb, classifier_guide, guide, halves
from core.diffusion.noise import generator, randn, seeds
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.mnist import CLASSES
from core.models.registry import CHECKPOINTS, availability, load, spec
from core.models.scores import rows_of
from core.runs.digit_guides import COLOURS, GUIDES, in_colour, log_prob, slope_in_colour
from core.runs.fields import SEED
from core.runs.guided_digits import guided_model, images_a_picture
from core.runs.mnist import DIGITS, read
from core.runs.plan import EstimateAlone
from core.runs.request import Choice, Real, Request, Whole, asked
from core.wording import counted

FILE = CHECKPOINTS / "guides.json"
"""The results of `python -m benchmarks.guides`."""
PATHS = {"ddpm": "DDPM", "flow": "Flow matching"}
BOTH = {"ddpm": ("ddpm-time", "ddpm-class"), "flow": ("flow-time", "flow-class")}
"""Path -> its unconditional and its conditional model."""
SCALES = (0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0)
"""The columns of the experiment."""
WEAKER = (0.0, 1.0, 1.5, 2.0, 3.0)
"""The rows of autoguidance: the weaker model, the model itself, and three scales above."""
SLOPE = "its gradient"
"""The label of the row with the gradient."""
SCALE = Real(
    "Classifier scale", "0 to 10: an unconditional model learns the digit from the classifier alone.",
    "The classifier scale", high=10, step=0.5,
)  # fmt: skip
GUIDANCE = Real("CFG w", "0.5 to 4: a conditional model knows the digit already.", "The guidance", low=0.5, high=4, step=0.5)  # fmt: skip


@dataclass(frozen=True)
class GuidesRequest(Request):
    """Which digits, and how each row is guided.

    Args:
        digits: the classes, one per column; column k starts from the noise of seed + k.
        scale: of the classifier's gradient.
        guidance: w of classifier-free guidance.
        guide: the classifier, a key of GUIDES.
        path: a key of BOTH.
    """

    KIND = "guides"
    digits: str = asked(
        "0123456789", replace(DIGITS, label="Digits, a column each", info="1 to 10, such as 0123456789 or 333.")
    )
    scale: float = asked(10.0, SCALE)
    guidance: float = asked(2.5, GUIDANCE)
    guide: str = asked("classifier-noisy", Choice("Guiding classifier", "", options=GUIDES))
    path: str = asked("ddpm", Choice("Path", "Each has an unconditional model and a conditional one.", options=PATHS))
    steps: int = asked(25, Whole("Steps", "5 to 100.", low=5, high=100))
    seed: int = asked(180, SEED)

    @property
    def model(self) -> str:
        """The unconditional model."""
        return BOTH[self.path][0]

    @property
    def labels(self) -> list[int]:
        """The class of every column."""
        return [int(d) for d in self.digits]

    def agreed(self) -> "GuidesRequest":
        """Raises Refused for too many digits, ModelError if a model is not here."""
        if len(self.digits) > CLASSES:
            raise Refused(f"Give at most {CLASSES} digits, one for each column, not {len(self.digits)}.")
        for name in (*BOTH[self.path], self.guide):
            ready, sentence = availability(name)
            if not ready:
                raise ModelError(sentence)
        return self


def measured() -> list[Mapping]:
    """The benchmark's rows: way, scale, digits, steps, accuracy, frechet; empty if it was not run."""
    return rows_of(FILE)


@dataclass(frozen=True)
class Row:
    """One row of pictures: its denoiser, its prompts, and whether the next row shows the gradient."""

    model: Denoiser
    prompts: Sequence[int | None]
    gradient: bool = False


@dataclass(frozen=True, kw_only=True)
class Guides(EstimateAlone):
    """Rows of digits from the same noise, each guided in its own way."""

    RANGE = (0.0, 1.0)
    FOOT = 0.28

    request: GuidesRequest

    @property
    def classes(self) -> list[int]:
        """The class that every column asks for."""
        return self.request.labels

    @property
    def columns(self) -> int:
        return len(self.classes)

    @property
    def count(self) -> int:
        return self.columns * len(self.down)

    @property
    def ours(self) -> Sequence[int]:
        return [k for k in range(self.count) if self.down[k // self.columns] != SLOPE]

    @property
    def across(self) -> Sequence[str]:
        return [str(c) for c in self.classes]

    @property
    def down(self) -> Sequence[str]:
        r = self.request
        return ("no guidance", f"classifier × {r.scale:g}", SLOPE, f"CFG, w = {r.guidance:g}")

    def inner_titles(self, k: int) -> tuple[str, str]:
        return super().inner_titles(k) if k in self.ours else ("x_t: what the classifier reads", COLOURS)

    @property
    def caption(self) -> str:
        r = self.request
        return (
            f"{' and '.join(BOTH[r.path])}; {counted(r.steps)}, no noise on the way; {self.starts}; the classifier "
            f"{GUIDES[r.guide]}.{f' Its gradient: {COLOURS}.' * (SLOPE in self.down)} Under each digit what the judge reads: "
            f"{'here the guide itself' if r.guide == 'classifier' else 'another classifier, which guides none'}."
        )

    @property
    def starts(self) -> str:
        """The start of the columns, in words."""
        return f"a column starts from one noise, the first from seed {self.request.seed}"

    def cost(self) -> tuple[int, float]:
        return self.request.steps, self.columns * (2 + halves(self.request.guidance))

    # ---- the run ----

    def rows(self, device: str) -> list[Row]:
        """All rows except the row of the gradient."""
        r, nothing = self.request, [None] * self.columns
        plain, conditional = (load(name, device) for name in BOTH[r.path])
        guided = classifier_guide(plain, self.log_prob(plain, device), r.scale)
        return [Row(plain, nothing), Row(guided, nothing, True), Row(guide(conditional, r.guidance), self.classes)]

    def log_prob(self, model: Denoiser, device: str) -> LogProb:
        """log p of every column's class."""
        return log_prob(self.request.guide, model.schedule, torch.tensor(self.classes), device)

    @property
    def seeds(self) -> Sequence[int]:
        """The seed of every column's noise."""
        return seeds(self.request.seed, self.columns)

    def steps_of(self, row: Row) -> Iterator[Step]:
        """The Steps of one row."""
        noise = randn((self.columns, *row.model.shape), [generator(s) for s in self.seeds], row.model.device)
        visits = visits_together(row.model.schedule.timesteps(self.request.steps), self.columns)
        return ddim(row.model, noise, visits, row.model.encode(row.prompts))

    def run(self, device: str = "auto") -> Iterator[Step]:
        rows = self.rows(device)
        slope = None  # the result has no gradient of its own: it shows the last one
        for steps in zip(*map(self.steps_of, rows), strict=True):
            x_t, x_0 = [], []
            for row, step in zip(rows, steps, strict=True):
                x_t, x_0 = [*x_t, in_colour(step.x_t)], [*x_0, in_colour(step.x_0)]
                slope = step.parts.get(GRADIENT, slope)
                if row.gradient:
                    x_t, x_0 = [*x_t, in_colour(step.x_t)], [*x_0, slope_in_colour(slope)]
            t = step.t[:1].expand(self.count)
            yield Step(step.i, step.n, t, torch.cat(x_t), torch.cat(x_0))

    # ---- what the judge reads ----

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        """How the judge reads every picture; on the CPU, as the device of the run is not known here."""
        return [self.reading(k, name) for k, name in enumerate(read(pixels[..., :1], "cpu"))]

    def reading(self, k: int, name: str) -> str:
        """How the judge reads picture k, and whether it is right; "" for a gradient."""
        right = int(name) == self.classes[k % self.columns]
        return f"{name} {'✓' if right else '✗'}" if k in self.ours else ""

    def judged(self, pixels: np.ndarray, device: str) -> str:
        words = self.under(pixels)
        counts = [sum("✓" in w for w in words[k : k + self.columns]) for k in range(0, self.count, self.columns)]
        said = [f"{label}: {n}" for label, n in zip(self.down, counts, strict=True) if label != SLOPE]
        return f"Read as asked, of {self.columns} — {'; '.join(said)}."


@dataclass(frozen=True, kw_only=True)
class ByScale(Guides):
    """The first digit from one noise, a column per scale: the classifier with either model, and classifier-free guidance."""

    @property
    def classes(self) -> list[int]:
        return self.request.labels[:1] * len(SCALES)

    @property
    def seeds(self) -> Sequence[int]:
        return (self.request.seed,) * len(SCALES)

    @property
    def across(self) -> Sequence[str]:
        return [f"{s:g}" for s in SCALES]

    @property
    def down(self) -> Sequence[str]:
        return ("classifier", "classifier and class", "CFG")

    @property
    def starts(self) -> str:
        return (
            f"all start from one noise, seed {self.request.seed}, and ask for a {self.classes[0]}; a column per scale"
        )

    def cost(self) -> tuple[int, float]:
        return self.request.steps, self.columns * 4

    def rows(self, device: str) -> list[Row]:
        plain, conditional = (load(name, device) for name in BOTH[self.request.path])
        log_p, scales = self.log_prob(plain, device), torch.tensor(SCALES)
        return [
            Row(classifier_guide(plain, log_p, scales), [None] * self.columns),
            Row(classifier_guide(conditional, log_p, scales), self.classes),
            Row(guide(conditional, scales), self.classes),
        ]


@dataclass(frozen=True, kw_only=True)
class ByWeaker(Guides):
    """A row per scale of autoguidance, whatever digit comes; a column per noise."""

    @property
    def across(self) -> Sequence[str]:
        return [f"seed {s}" for s in self.seeds]

    @property
    def down(self) -> Sequence[str]:
        model = self.request.model
        named = {0.0: f"{spec(model).weaker} alone", 1.0: f"{model} alone"}
        return [named.get(w, f"w = {w:g}") for w in WEAKER]

    @property
    def caption(self) -> str:
        r = self.request
        weaker = spec(r.model).weaker
        return (
            f"Away from {weaker}, a smaller network that is told no class: w = 0 is {weaker} alone, 1 {r.model} alone, more "
            f"leads away. {counted(r.steps).capitalize()}, no noise on the way; a column starts from one noise, and the digits "
            "asked for only count the columns. Under each digit what the judge reads."
        )

    def cost(self) -> tuple[int, float]:
        return self.request.steps, self.columns * sum(map(images_a_picture, WEAKER))

    def rows(self, device: str) -> list[Row]:
        return [Row(guided_model(self.request.model, w, device)[0], [None] * self.columns) for w in WEAKER]

    def reading(self, k: int, name: str) -> str:
        return name

    def judged(self, pixels: np.ndarray, device: str) -> str:
        return ""


PLANS = {
    "guides": lambda r: Guides(request=r),
    "by-scale": lambda r: ByScale(request=r),
    "by-weaker": lambda r: ByWeaker(request=r),
}
"""Experiment -> function that makes its plan; the first is the plain run."""
