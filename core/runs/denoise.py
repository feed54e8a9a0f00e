"""One picture, noised and denoised: by optimal classical filters, in one step, and in many steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import Refused, whole
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import branch, generator
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_each
from core.models.registry import load
from core.pictures.images import from_uint8, to_uint8
from core.runs.fields import GUIDANCE, MODEL, PROMPT, SEED
from core.runs.frame import Frame
from core.runs.plan import Plan, in_pixels
from core.runs.request import Choice, Request, Text, Whole, asked
from core.techniques.filters import (
    STRIDE,  # fmt: skip
    best_blur,
    best_median,
    best_non_local_means,
    noised,
    one_step,
    psnr,
    strided,
)
from core.wording import clipped

LADDER = (0, 125, 250, 375, 500, 625, 750, 875, 999)
CURVE = (25, 50, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900)
METHODS = ("noisy", "Gaussian blur", "median", "non-local means", "one step", "iterative")
BY_NETWORK = ("one step", "iterative")
FILTERED = {"scaled": "x_t at its right brightness", "as-it-is": "x_t as it is, as in the course"}
"""The input of the classical filters: x_t / a_t, or x_t itself."""
MAX_LEVELS = 9
EVERY, MAX_SHOWN = 5, 10  # show every fifth step of the iterative run, at most MAX_SHOWN of a long one


def timesteps_of(text: object) -> tuple[int, ...]:
    """Timesteps from comma-separated text or a list: 1 to MAX_LEVELS different ones in 0 .. 999. Raises Refused."""
    words = text if isinstance(text, (list, tuple)) else str(text or "").replace(";", ",").split(",")
    parts = [p for p in words if str(p).strip()]
    if not 1 <= len(parts) <= MAX_LEVELS:
        raise Refused(f"Give 1 to {MAX_LEVELS} timesteps t, separated by commas, such as 250, 500, 750.")
    levels = tuple(whole(p, 0, 999, "Every timestep t") for p in parts)
    if len(set(levels)) < len(levels):
        raise Refused("Every timestep t may be given only once.")
    return levels


def listed(levels: Sequence[int]) -> str:
    """Timesteps as `timesteps_of` reads them."""
    return ", ".join(map(str, levels))


@dataclass(frozen=True)
class DenoiseRequest(Request):
    """How to noise and denoise one picture.

    Args:
        levels: the timesteps to compare at.
        prompt: what the network is told; the course says "a high quality photo".
        guidance: w of classifier-free guidance; 1 is none.
        stride: timesteps from one iterative step to the next.
        seed: of the noise.
        filtered: what the classical filters are given.
    """

    KIND = "denoise"
    levels: tuple[int, ...] = asked(
        (250, 500, 750),
        Text("Timesteps t to compare at", "1 to 9 of 0 to 999; larger is noisier.", read=timesteps_of, write=listed),
    )
    prompt: str = asked("a high quality photo", replace(PROMPT, info="What the network is told about the picture."))
    guidance: float = asked(1.0, replace(GUIDANCE, info="0 to 20; 1 is none, which is enough for denoising."))
    model: str = asked("pocket", replace(MODEL, info=""))
    stride: int = asked(
        STRIDE,
        Whole("Stride", "5 to 200 timesteps from one step to the next; the course takes 30.", low=5, high=200, step=5),
    )
    seed: int = asked(180, SEED)
    filtered: str = asked(
        "scaled",
        Choice(
            "The filters get",
            "As it is, the brightness that x_t has lost counts against the filters too.",
            "What the filters get",
            options=FILTERED,
        ),
    )

    @property
    def runs(self) -> tuple[int, ...]:
        """The first timesteps of the iterative runs: the levels; a single level gets two below it for its curve."""
        top = max(self.levels)
        more = {2 * top // 3, top // 3} - {0, top} if len(self.levels) == 1 else ()
        return (*self.levels, *sorted(more, reverse=True))

    @property
    def longest(self) -> int:
        """The index of the longest iterative run."""
        return self.levels.index(max(self.levels))

    @property
    def visits(self) -> list[int]:
        """The timesteps of the longest iterative run."""
        return strided(max(self.levels), self.stride)

    @property
    def shown(self) -> list[int]:
        """The shown steps of the longest iterative run: evenly spaced ones and the last."""
        n = len(self.visits)
        return [*range(0, n, EVERY * -(-n // (EVERY * MAX_SHOWN))), n]


@dataclass(frozen=True)
class Estimate:
    """One method's picture at one timestep.

    Args:
        pixels: (64, 64, 3) uint8.
        db: PSNR against the clean picture.
        knob: the best setting, in words, or "".
        calls: the number of network calls; with guidance each is on two pictures.
    """

    t: int
    method: str
    pixels: np.ndarray
    db: float
    knob: str = ""
    calls: int = 0

    @property
    def name(self) -> str:
        """Its name in the list of pictures to choose from."""
        return f"{self.method}, t = {self.t}"


@dataclass(frozen=True)
class Beside:
    """The part of a comparison that takes no iterative run, so far.

    Args:
        ladder: the picture at every timestep of LADDER, (9, 64, 64, 3) uint8.
        quick: the estimates at the levels, by filters and one step.
        curve: the same at the timesteps of CURVE; none before the end.
    """

    ladder: np.ndarray | None = None
    quick: tuple[Estimate, ...] = ()
    curve: tuple[Estimate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Denoising(Plan):
    """The iterative runs from inputs["original"], (64, 64, 3) uint8, and the estimates they are compared with."""

    request: DenoiseRequest

    @property
    def prompts(self) -> Sequence[str]:
        return [self.request.prompt]

    @property
    def subject(self) -> str:
        return ""

    @property
    def count(self) -> int:
        return len(self.request.runs)

    @property
    def lengths(self) -> Sequence[int]:
        return [len(strided(t, self.request.stride)) for t in self.request.runs]

    def cost(self) -> tuple[int, int]:
        """The cost of the whole comparison: the iterative runs, and two calls for the single steps."""
        calls, total = max(self.lengths) + 2, sum(self.lengths) + len(self.request.levels) + len(CURVE)
        return calls, max(1, round(halves(self.request.guidance) * total / calls))

    @property
    def guiding(self) -> dict:
        return {"guidance": self.request.guidance}

    @property
    def caption(self) -> str:
        r = self.request
        prompt = f"“{clipped(r.prompt, 200)}”" if r.prompt else "no prompt"
        given = f"; filters get {FILTERED[r.filtered]}" if r.filtered != DenoiseRequest.filtered else ""
        return f"{r.model}: {prompt}; guidance {r.guidance:g}; stride {r.stride}; seed {r.seed}{given}."

    def run(self, device: str = "auto") -> Iterator[Step]:
        return self.iterate(load(self.model, device))

    def compare(self, device: str = "auto") -> Iterator[Step | Beside]:
        """The whole comparison in order: noise, filters and one step, the Steps of `run`, the curve."""
        model, levels = load(self.model, device), self.request.levels
        beside = Beside(self.ladder(model))
        yield beside
        beside = replace(beside, quick=(*self.classical(model, levels), *self.single(model, levels)))
        yield beside
        yield from self.iterate(model)
        yield replace(beside, curve=(*self.classical(model, CURVE), *self.single(model, CURVE)))

    def iterate(self, model: Denoiser) -> Iterator[Step]:
        """The iterative runs as one batch, with the strided DDPM posterior; each equals its run alone."""
        r, denoiser = self.request, self._bounded(model)
        x_t, t = self._noisy(model, r.runs)
        visits = visits_each([strided(level, r.stride) for level in r.runs])
        source = [generator(branch(r.seed, level)) for level in r.runs]
        return in_pixels(denoiser, ddim(denoiser, x_t, visits, self._condition(denoiser, len(t)), source, 1.0))

    def ladder(self, model: Denoiser) -> np.ndarray:
        """The picture at every timestep of LADDER, all with the same noise: (9, 64, 64, 3) uint8."""
        return to_uint8(self._noisy(model, LADDER)[0], *self.RANGE)

    def classical(self, model: Denoiser, levels: Sequence[int]) -> list[Estimate]:
        """The noisy pictures and the three filters, each with its best setting for each picture."""
        x_t, t = self._noisy(model, levels)
        a, s = model.schedule.at(t, x_t)
        given, noise = (x_t / a, s / a) if self.request.filtered == "scaled" else (x_t, s)
        clean = self._clean(model.device).expand_as(x_t)
        out = self._estimates(levels, "noisy", x_t)
        blurred, sigmas = best_blur(given, clean)
        out += self._estimates(levels, "Gaussian blur", blurred, [f"σ = {s:g} px" for s in sigmas])
        filtered, windows = best_median(given, clean)
        out += self._estimates(levels, "median", filtered, [f"{k} × {k} px" for k in windows])
        averaged, strengths = best_non_local_means(given, clean, noise.flatten())
        return out + self._estimates(levels, "non-local means", averaged, [f"h = {h:g} σ" for h in strengths])

    def single(self, model: Denoiser, levels: Sequence[int]) -> list[Estimate]:
        """The one-step estimates, in one network call."""
        denoiser, (x_t, t) = self._bounded(model), self._noisy(model, levels)
        estimated = one_step(denoiser, x_t, t, self._condition(denoiser, len(t)))
        return self._estimates(levels, "one step", estimated, calls=[1] * len(t))

    def iterated(self, step: Step) -> list[Estimate]:
        """A Step of `run` as estimates: final ones of finished runs, current ones of the others."""
        calls = [min(step.i, length) for length in self.lengths]
        return self._estimates(self.request.runs, "iterative", step.x_0, calls=calls)

    def decibels(self, frames: Sequence[Frame], k: int) -> list[float]:
        """PSNR of the clean estimates of run k in these frames."""
        return self._db(from_uint8(np.stack([frame.x_0[k] for frame in frames]), *self.RANGE))

    def _db(self, x: Tensor) -> list[float]:
        """PSNR of pictures (B, 3, 64, 64), clipped to [-1, 1], against the clean one."""
        return psnr(x.clamp(-1, 1), self._clean(x.device).expand_as(x)).tolist()

    def _clean(self, device: torch.device) -> Tensor:
        """The picture (1, 3, 64, 64) in [-1, 1]."""
        return from_uint8(self.inputs["original"][None], -1, 1).to(device)

    def _noisy(self, model: Denoiser, levels: Sequence[int]) -> tuple[Tensor, Tensor]:
        """x_t (B, 3, 64, 64) and the timesteps (B,)."""
        x_t = noised(model.schedule, self._clean(model.device)[0], levels, self.request.seed)
        return x_t, torch.tensor(levels, device=x_t.device)

    def _bounded(self, model: Denoiser) -> Denoiser:
        """The model with the request's guidance, its clean estimate clipped."""
        return bounded(guide(model, self.request.guidance))

    def _condition(self, denoiser: Denoiser, n: int) -> Tensor:
        return denoiser.encode([self.request.prompt or None] * n)

    def _estimates(
        self, levels: Sequence[int], method: str, x: Tensor, knobs: Sequence[str] = (), calls: Sequence[int] = ()
    ) -> list[Estimate]:
        shown, db = to_uint8(x, *self.RANGE), self._db(x)
        knobs, calls = knobs or [""] * len(db), calls or [0] * len(db)
        return [Estimate(*row) for row in zip(levels, [method] * len(db), shown, db, knobs, calls, strict=True)]
