"""One picture, noised and brought back: by classical filters at their best, in one step, and in many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import Refused, choice, real, whole
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import MAX_SEED, branch, generator
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_each
from core.models.registry import load
from core.pictures.images import to_uint8
from core.runs.prompts import MAX_GUIDANCE, prompt_of, text_model
from core.runs.recording import Frame, Recording
from core.runs.sampling import carried
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

LADDER = (0, 125, 250, 375, 500, 625, 750, 875, 999)
CURVE = (25, 50, 100, 150, 200, 300, 400, 500, 600, 700, 800, 900)
METHODS = ("noisy", "Gaussian blur", "median", "non-local means", "one step", "iterative")
BY_NETWORK = ("one step", "iterative")
FILTERED = {"scaled": "x_t at its right brightness", "as-it-is": "x_t as it is, as in the course"}
"""What the classical filters are given: x_t / a_t, or x_t itself."""
MAX_LEVELS = 5
EVERY, MAX_SHOWN = 5, 10  # every fifth step of the iterative run is shown, of a long one at most that many


def timesteps_of(text: object) -> tuple[int, ...]:
    """Comma-separated timesteps, or a list. Raises Refused unless there are 1 to MAX_LEVELS, each 1 to 999, none twice."""
    words = text if isinstance(text, (list, tuple)) else str(text or "").replace(";", ",").split(",")
    parts = [p for p in words if str(p).strip()]
    if not 1 <= len(parts) <= MAX_LEVELS:
        raise Refused(f"Give 1 to {MAX_LEVELS} timesteps t, separated by commas, such as 250, 500, 750.")
    levels = tuple(whole(p, 1, 999, "Every timestep t") for p in parts)
    if len(set(levels)) < len(levels):
        raise Refused("Every timestep t may be given only once.")
    return levels


@dataclass(frozen=True)
class DenoiseRequest:
    """How to noise and denoise one picture.

    Args:
        levels: the timesteps to compare at.
        prompt: what the network is told; the course says "a high quality photo".
        guidance: w of classifier-free guidance; 1 is none.
        model: a registry name of the task "text".
        stride: timesteps from one iterative step to the next.
        seed: of the noise.
        filtered: a key of FILTERED.
    """

    levels: tuple[int, ...] = (250, 500, 750)
    prompt: str = "a high quality photo"
    guidance: float = 1.0
    model: str = "pocket"
    stride: int = STRIDE
    seed: int = 180
    filtered: str = "scaled"

    @classmethod
    def checked(
        cls, levels: object, prompt: object, guidance: object, model: object, stride: object, seed: object,
        filtered: object,
    ):  # fmt: skip
        """A request from untrusted values. Raises Refused or ModelError with one sentence."""
        return cls(
            levels=timesteps_of(levels),
            prompt=prompt_of(prompt),
            guidance=real(guidance, 0, MAX_GUIDANCE, "The guidance"),
            model=text_model(model),
            stride=whole(stride, 5, 200, "The stride"),
            seed=whole(seed, 0, MAX_SEED, "The seed"),
            filtered=choice(filtered, FILTERED, "What the filters get"),
        )

    @property
    def runs(self) -> tuple[int, ...]:
        """Where the iterative runs begin: the levels; below a single one two more, so that its curve is a line."""
        top = max(self.levels)
        more = {2 * top // 3, top // 3} - {0, top} if len(self.levels) == 1 else ()
        return (*self.levels, *sorted(more, reverse=True))

    @property
    def visits(self) -> list[int]:
        """The timesteps of the longest iterative run."""
        return strided(max(self.levels), self.stride)

    @property
    def shown(self) -> list[int]:
        """The steps of the longest iterative run that are shown: every few, and the last."""
        n = len(self.visits)
        return [*range(0, n, EVERY * -(-n // (EVERY * MAX_SHOWN))), n]

    def settings(self) -> dict:
        """What a saved picture carries."""
        return carried("denoise", self)

    def cost(self) -> tuple[int, int]:
        """(network calls, pictures in each, on average): the iterative runs, and two calls for the single steps."""
        runs = [len(strided(t, self.stride)) for t in self.runs]
        total = sum(runs) + len(self.levels) + len(CURVE)
        return max(runs) + 2, max(1, round(halves(self.guidance) * total / (max(runs) + 2)))


@dataclass(frozen=True)
class Estimate:
    """One method's picture at one timestep.

    Args:
        pixels: (64, 64, 3) uint8.
        db: PSNR against the clean picture.
        knob: the setting that was best, in words, or "".
        calls: network calls spent; with guidance each is on two pictures.
    """

    t: int
    method: str
    pixels: np.ndarray
    db: float
    knob: str = ""
    calls: int = 0


@dataclass(frozen=True)
class Moment:
    """How far a comparison has got.

    Args:
        n: iterative steps in all.
        i: iterative steps done; -1 before the first estimate.
        ladder: the picture at every timestep of LADDER, (9, 64, 64, 3) uint8.
        found: the estimates at the levels, so far.
        states: of the longest iterative run, those of the steps that are shown, so far, (64, 64, 3) uint8 each.
        inside: of the longest iterative run, this step with its noise estimates, a batch of one; not of every step.
        curve: the estimates of the chart; none before the end.
    """

    n: int
    i: int = -1
    ladder: np.ndarray | None = None
    found: tuple[Estimate, ...] = ()
    states: tuple[np.ndarray, ...] = ()
    inside: Frame | None = None
    curve: tuple[Estimate, ...] = ()


class Denoising:
    """Everything about one request and one clean picture (1, 3, 64, 64) in [-1, 1]."""

    def __init__(self, request: DenoiseRequest, clean: Tensor, device: str = "auto"):
        self.request, self.model = request, load(request.model, device)
        self.clean = clean.to(self.model.device)
        self.denoiser = bounded(guide(self.model, request.guidance))

    def run(self) -> Iterator[Moment]:
        """All of it in turn: noise, filters and one step, the iterative runs, the curve."""
        levels = self.request.levels
        now = Moment(len(self.request.visits), ladder=self.ladder())
        yield now
        quick = (*self.classical(levels), *self.single(levels))
        now = replace(now, found=quick)
        yield now
        longest = int(np.argmax(levels))
        for step in self.iterate():
            iterated = self.iterated(step)
            if step.i in self.request.shown:
                now = replace(now, states=(*now.states, to_uint8(step.x_t[longest, None], -1, 1)[0]))
            inside = self.inside(step, longest) if Recording.keeps(step.i, step.n) else None
            now = replace(now, i=step.i, found=(*quick, *iterated[: len(levels)]), inside=inside)
            yield now
        yield replace(now, inside=None, curve=(*self.classical(CURVE), *self.single(CURVE), *iterated))

    def ladder(self) -> np.ndarray:
        """The picture at every timestep of LADDER, all with the same noise: (9, 64, 64, 3) uint8."""
        return to_uint8(noised(self.model.schedule, self.clean[0], LADDER, self.request.seed), -1, 1)

    def _noisy(self, levels: Sequence[int]) -> tuple[Tensor, Tensor]:
        """x_t (B, 3, 64, 64) and the timesteps (B,)."""
        x_t = noised(self.model.schedule, self.clean[0], levels, self.request.seed)
        return x_t, torch.tensor(levels, device=self.clean.device)

    def _condition(self, n: int) -> Tensor:
        return self.denoiser.encode([self.request.prompt or None] * n)

    def classical(self, levels: Sequence[int]) -> list[Estimate]:
        """The noisy pictures and the three filters, each at its best for each picture."""
        x_t, t = self._noisy(levels)
        a, s = self.model.schedule.at(t, x_t)
        given, noise = (x_t / a, s / a) if self.request.filtered == "scaled" else (x_t, s)
        clean = self.clean.expand_as(x_t)
        out = self._estimates(levels, "noisy", x_t)
        blurred, sigmas = best_blur(given, clean)
        out += self._estimates(levels, "Gaussian blur", blurred, [f"σ = {s:g} px" for s in sigmas])
        filtered, windows = best_median(given, clean)
        out += self._estimates(levels, "median", filtered, [f"{k} × {k} px" for k in windows])
        averaged, strengths = best_non_local_means(given, clean, noise.flatten())
        return out + self._estimates(levels, "non-local means", averaged, [f"h = {h:g} σ" for h in strengths])

    def single(self, levels: Sequence[int]) -> list[Estimate]:
        """The one-step estimates, in one network call."""
        x_t, t = self._noisy(levels)
        return self._estimates(
            levels, "one step", one_step(self.denoiser, x_t, t, self._condition(len(t))), calls=[1] * len(t)
        )

    def iterate(self) -> Iterator[Step]:
        """The iterative runs as one batch, with the strided DDPM posterior; each as it is alone."""
        levels = self.request.runs
        x_t, t = self._noisy(levels)
        visits = visits_each([strided(level, self.request.stride) for level in levels])
        source = [generator(branch(self.request.seed, level)) for level in levels]
        return ddim(self.denoiser, x_t, visits, self._condition(len(t)), source, 1.0)

    def iterated(self, step: Step) -> list[Estimate]:
        """A Step of `iterate` as estimates: those that are done, and the others as far as they have got."""
        calls = [min(step.i, len(strided(t, self.request.stride))) for t in self.request.runs]
        return self._estimates(self.request.runs, "iterative", step.x_0, calls=calls)

    def inside(self, step: Step, k: int) -> Frame:
        """Run k of a Step of `iterate` alone: its state, its clean estimate, and the noise estimates behind that."""
        x_t, x_0, t = step.x_t[k, None], step.x_0[k, None], step.t[k, None]
        parts = {name: part[k, None] for name, part in step.parts.items()}
        return Recording({}, -1, 1).frame(Step(step.i, step.n, t, x_t, x_0, parts))

    def _estimates(
        self, levels: Sequence[int], method: str, x: Tensor, knobs: Sequence[str] = (), calls: Sequence[int] = ()
    ) -> list[Estimate]:
        pixels, db = to_uint8(x, -1, 1), psnr(x.clamp(-1, 1), self.clean.expand_as(x)).tolist()
        knobs, calls = knobs or [""] * len(db), calls or [0] * len(db)
        return [Estimate(*row) for row in zip(levels, [method] * len(db), pixels, db, knobs, calls, strict=True)]
