"""The effect of a threshold on the clean estimate at high guidance: none, clipping or dynamic, from one noise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from core.checks import Refused, real
from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import generator, randn
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_together
from core.models.registry import CHECKPOINTS, load
from core.models.scores import rows_of
from core.pictures.histogram import histogram
from core.pictures.images import from_uint8
from core.runs.fields import LARGEST, MODEL, PROMPT, QUANTILE, SAMPLER, SEED, STEPS
from core.runs.plan import EstimateAlone, in_pixels
from core.runs.prompts import MAX_GUIDANCE
from core.runs.request import Request, Text, asked
from core.wording import clipped, counted

FILE = CHECKPOINTS / "thresholds.json"
"""The results of `python -m benchmarks.thresholds`."""
ROWS = {"none": "no threshold", "clip": "clipped", "dynamic": "dynamic"}
"""A key of `core.diffusion.guidance.THRESHOLDS` -> the label of its row."""
MOST_COLUMNS = 6
TALL, FOOT = 26, 12
"""Rows of pixels below a picture of 64: the histogram, and a place for a number."""
UNBOUNDED = "unbounded"
"""The part with the clean estimate before its threshold."""


def scales_of(text: object) -> tuple[float, ...]:
    """Guidance scales from comma-separated text, ascending. Raises Refused."""
    parts = [p for p in text.replace(";", ",").split(",") if p.strip()] if isinstance(text, str) else []
    if not 1 <= len(parts) <= MOST_COLUMNS:
        raise Refused(f"Give 1 to {MOST_COLUMNS} guidance scales, separated by commas, such as 1, 7, 20.")
    return tuple(sorted({real(p, 0, MAX_GUIDANCE, "Every guidance scale") for p in parts}))


SCALES = Text(
    "Guidance w, a column each", f"1 to {MOST_COLUMNS} of 0 to {MAX_GUIDANCE:g}.", read=lambda text: ", ".join(f"{s:g}" for s in scales_of(text)),
)  # fmt: skip


@dataclass(frozen=True)
class ThresholdsRequest(Request):
    """What to draw, at which guidance scales, and the two numbers of the dynamic threshold."""

    KIND = "thresholds"
    prompt: str = asked("a photo of a school bus", PROMPT)
    scales: str = asked("1, 3, 7, 15, 20", SCALES)
    ratio: float = asked(0.95, QUANTILE)
    top: float = asked(10.0, LARGEST)
    seed: int = asked(180, SEED)
    model: str = asked("pocket", MODEL)
    sampler: str = asked("ddim", SAMPLER)
    steps: int = asked(10, STEPS)


def measured() -> list[Mapping]:
    """The benchmark's rows: threshold, scale, photos, steps, top_1, top_5, frechet; empty if it was not run."""
    return rows_of(FILE)


class _Noted(Technique):
    """The same denoiser; its clean estimate becomes the only part."""

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        p = self.inner.predict(x_t, t, cond)
        return replace(p, parts={UNBOUNDED: p.x_0})


@dataclass(frozen=True, kw_only=True)
class Thresholds(EstimateAlone):
    """A row per threshold, a column per guidance scale; under each picture the histogram of its |x_0|."""

    TALL = 1 + (TALL + FOOT) / 64

    request: ThresholdsRequest

    @property
    def prompts(self) -> Sequence[str]:
        return [self.request.prompt]

    @property
    def scales(self) -> tuple[float, ...]:
        """The guidance scales, one per column."""
        return scales_of(self.request.scales)

    @property
    def columns(self) -> int:
        return len(self.scales)

    @property
    def count(self) -> int:
        return self.columns * len(ROWS)

    @property
    def across(self) -> Sequence[str]:
        return [f"w = {s:g}" for s in self.scales]

    @property
    def down(self) -> Sequence[str]:
        return list(ROWS.values())

    @property
    def caption(self) -> str:
        r = self.request
        return (
            f"{r.model}: “{clipped(r.prompt, 200)}”; {TEXT_SAMPLERS[r.sampler].title}, {counted(r.steps)}; seed {r.seed}. Below each "
            f"picture how often its clean estimate has which size before the threshold, from 0 to 3, orange above 1; blue its "
            f"{100 * r.ratio:g} % quantile; black where it is cut. Under that, how much of the result is at an end of its range."
        )

    @property
    def guiding(self) -> dict:
        return {"guidance": self.scales[-1]}

    def cost(self) -> tuple[int, float]:
        return self.request.steps, 2 * self.count

    # ---- the run ----

    def row(self, model: Denoiser, threshold: str) -> Iterator[Step]:
        """The Steps of one row."""
        r, scales = self.request, torch.tensor(self.scales, device=model.device)
        guided = bounded(_Noted(guide(model, scales)), threshold, r.ratio, r.top)
        noise = randn((1, *model.shape), generator(r.seed)).to(model.device).repeat(self.columns, 1, 1, 1)
        source = [generator(r.seed) for _ in self.scales]  # DDPM adds the same noise to all pictures
        visits = visits_together(model.schedule.timesteps(r.steps), self.columns)
        cond = guided.encode([r.prompt or None] * self.columns)
        return in_pixels(guided, TEXT_SAMPLERS[r.sampler].run(guided, noise, visits, cond, source))

    def run(self, device: str = "auto") -> Iterator[Step]:
        model = load(self.request.model, device)
        feet: list[Tensor] = []
        for steps in zip(*(self.row(model, threshold) for threshold in ROWS), strict=True):
            if steps[0].parts:  # the result has no estimate of its own: it keeps the last one's histogram
                feet = [self.foot(step.parts[UNBOUNDED], name) for name, step in zip(ROWS, steps, strict=True)]
            x_t, x_0 = (
                torch.cat(
                    [torch.cat([getattr(step, name).cpu(), foot], 2) for step, foot in zip(steps, feet, strict=True)]
                )
                for name in ("x_t", "x_0")
            )
            yield Step(steps[0].i, steps[0].n, steps[0].t[:1].expand(self.count), x_t, x_0)

    def foot(self, x_0: Tensor, threshold: str) -> Tensor:
        """The histograms (B, 3, h, W) of clean estimates (B, 3, H, W), from -1 to 1."""
        r, rows = self.request, x_0.flatten(1).abs().float().cpu().numpy()
        quantiles = np.quantile(rows, r.ratio, axis=1)
        cuts = {"none": lambda q: None, "clip": lambda q: 1.0, "dynamic": lambda q: min(max(q, 1.0), r.top)}
        made = [
            histogram(row, q, cuts[threshold](q), x_0.shape[3], TALL) for row, q in zip(rows, quantiles, strict=True)
        ]
        return pad(from_uint8(np.stack(made), -1, 1), (0, 0, 0, FOOT), value=1)

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        square = pixels[:, : pixels.shape[2]]
        return [f"{100 * np.isin(picture, (0, 255)).mean():.0f} %" for picture in square]


PLANS = {"thresholds": lambda r: Thresholds(request=r)}
"""Experiment -> function that makes its plan."""
