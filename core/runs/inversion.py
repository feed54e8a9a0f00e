"""Inversion: a picture's own noise, the way back from it, and another prompt on the way back, beside SDEdit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import generator
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_from, visits_together
from core.models.registry import load
from core.pictures.images import WAITING, decibels, from_uint8
from core.runs.fields import GUIDANCE, MODEL, PROMPT, SEED
from core.runs.plan import EstimateAlone, in_pixels
from core.runs.request import Choice, Request, Whole, asked
from core.techniques.inversion import CALLS, SAMPLE, SOLVERS, invert
from core.techniques.sdedit import sdedit
from core.wording import clipped, counted

COUNTS = (5, 10, 20, 50)
"""Steps of the experiment, a column each."""
STRENGTHS = 6
"""The number of start timesteps of SDEdit. The shown one changes the picture as much as the edit does."""


@dataclass(frozen=True)
class InversionRequest(Request):
    """How to find a picture's noise, and what to draw from it.

    Args:
        prompt: describes the picture; may be empty.
        other: the prompt on the way back.
        guidance: w on the way back with the other prompt; up, and back with the same one, it is 1.
        seed: of SDEdit's noise; inversion draws none.
    """

    KIND = "inversion"
    prompt: str = asked("an emoji of a red apple", replace(PROMPT, info="What the picture shows; may be empty."))
    other: str = asked(
        "an emoji of a lemon", replace(PROMPT, label="Other prompt", info="What it becomes on the way back.")
    )
    guidance: float = asked(
        3.0, replace(GUIDANCE, info="0 to 20 with the other prompt; up, and back with the same, w is 1.")
    )
    solver: str = asked(
        "heun", Choice("Solver", "Heun takes two calls a step and is nearer to the path.", options=SOLVERS)
    )
    steps: int = asked(30, Whole("Steps", "5 to 200, up and down each.", "The number of steps", low=5, high=200))
    model: str = asked("pocket", MODEL)
    seed: int = asked(180, replace(SEED, label="Seed of SDEdit"))


@dataclass(frozen=True, kw_only=True)
class Inversion(EstimateAlone):
    """The part that both experiments share. It starts from the input "original", (64, 64, 3)."""

    request: InversionRequest

    @property
    def prompts(self) -> Sequence[str]:
        return [self.request.prompt, self.request.other]

    @property
    def lane_titles(self) -> Sequence[str]:
        return ("The clean estimate of each; of its noise, the state on the way up",)

    @property
    def name(self) -> str:
        return f"inversion-{super().name}"

    @property
    def original(self) -> Tensor:
        """(1, 3, 64, 64) in [-1, 1]."""
        return from_uint8(self.inputs["original"][None], -1, 1)

    def near(self, pixels: np.ndarray) -> list[str]:
        """The PSNR of each picture (B, H, W, C) against the original, in dB, as text."""
        return [f"{decibels(p, self.inputs['original']):.1f} dB" for p in pixels]


class Tiles:
    """The pictures of a run, made one after the other. Every Step has all of them; those still to come are grey."""

    def __init__(self, x: Tensor, count: int, calls: int):
        grey = 2 * WAITING / 255 - 1
        self.x_t, self.x_0 = (torch.full((count, *x.shape[1:]), grey, device=x.device) for _ in range(2))
        self.i, self.n = 0, calls

    def put(self, k: int, x_t: Tensor, x_0: Tensor) -> None:
        """Picture k, or several from k on."""
        self.x_t[k : k + len(x_t)], self.x_0[k : k + len(x_t)] = x_t, x_0

    def step(self, t: int) -> Step:
        """The present pictures as a Step at t. Only the result has t = -1."""
        made = Step(self.i, self.n, torch.full((len(self.x_t),), t), self.x_t.clone(), self.x_0.clone())
        self.i += 1
        return made


@dataclass(frozen=True, kw_only=True)
class Edit(Inversion):
    """The picture, its noise, the way back, the way back with another prompt, and SDEdit that changes as much."""

    @property
    def count(self) -> int:
        return 5

    @property
    def across(self) -> Sequence[str]:
        return ["the picture", "its noise", "back", "back, other prompt", "SDEdit that changes as much"]

    @property
    def caption(self) -> str:
        r = self.request
        words = f"“{clipped(r.prompt, 80)}” up and back, “{clipped(r.other, 80)}” with guidance {r.guidance:g}"
        return f"{r.model}: {words}; {SOLVERS[r.solver]}, {counted(r.steps)} each way. Under each, how near it is to the picture."

    @property
    def guiding(self) -> dict:
        return {"guidance": self.request.guidance}

    def cost(self) -> tuple[int, float]:
        n, w = self.request.steps, halves(self.request.guidance)
        calls = CALLS[self.request.solver](n)
        return 3 * calls, (2 * calls + w * calls + w * sum(self._left(k) for k in range(STRENGTHS))) / (3 * calls)

    def _left(self, k: int) -> int:
        """The steps that SDEdit's strength k takes; strength 0 is the gentlest."""
        return max(1, round(self.request.steps * (k + 1) / (STRENGTHS + 1)))

    def run(self, device: str = "auto") -> Iterator[Step]:
        plain = load(self.request.model, device)
        return in_pixels(plain, self._run(plain))

    def _run(self, plain: Denoiser) -> Iterator[Step]:
        r, x = self.request, self.original.to(plain.device)
        timesteps, guided = plain.schedule.timesteps(r.steps), bounded(guide(plain, r.guidance))
        tiles = Tiles(x, 5, 3 * (r.steps + 1))
        tiles.put(0, x, x)
        for up in invert(plain, x, timesteps, plain.encode([r.prompt or None]), r.solver):
            tiles.put(1, up.x_t, up.x_t)
            yield tiles.step(max(0, int(up.t[0])))
        for k, (model, prompt) in enumerate(((plain, r.prompt), (guided, r.other))):
            visits, cond = visits_together(timesteps, 1), model.encode([prompt or None])
            for down in SAMPLE[r.solver](model, up.x_t, visits, cond):
                tiles.put(2 + k, down.x_t, down.x_0)
                yield tiles.step(int(down.t[0]) if down.i < down.n else timesteps[-1])
        yield from self._sdedit(guided, x, timesteps, tiles)

    def _sdedit(self, guided: Denoiser, x: Tensor, timesteps: Sequence[int], tiles: Tiles) -> Iterator[Step]:
        """All strengths of SDEdit as one batch. The shown one is as far from the picture as the edit is."""
        starts = [len(timesteps) - self._left(k) for k in range(STRENGTHS)]
        cond = guided.encode([self.request.other or None] * STRENGTHS)
        source = [generator(self.request.seed) for _ in starts]
        *_, last = sdedit(guided, x, visits_from(timesteps, starts), cond, source)
        far = (tiles.x_0[3:4] - x).square().mean()
        nearest = ((last.x_0 - x).square().mean((1, 2, 3)) - far).abs().argmin()
        tiles.put(4, last.x_0[nearest : nearest + 1], last.x_0[nearest : nearest + 1])
        tiles.i = tiles.n
        yield tiles.step(-1)

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        """How near the pictures are to the first."""
        return ["", "", *self.near(pixels[2:])]


@dataclass(frozen=True, kw_only=True)
class BySteps(Inversion):
    """There and back in several numbers of steps, with each solver: how much of the picture comes back."""

    @property
    def count(self) -> int:
        return len(COUNTS) * len(SOLVERS)

    @property
    def columns(self) -> int:
        return len(COUNTS)

    @property
    def prompts(self) -> Sequence[str]:
        return [self.request.prompt]

    @property
    def across(self) -> Sequence[str]:
        return [counted(n) for n in COUNTS]

    @property
    def down(self) -> Sequence[str]:
        return list(SOLVERS.values())

    @property
    def caption(self) -> str:
        r = self.request
        return f"{r.model}: “{clipped(r.prompt, 120)}”, to its noise and back, guidance 1. Under each, how near it is to the picture."

    def cost(self) -> tuple[int, float]:
        return sum(2 * CALLS[solver](n) for solver in SOLVERS for n in COUNTS), 1.0

    def run(self, device: str = "auto") -> Iterator[Step]:
        model = load(self.request.model, device)
        return in_pixels(model, self._run(model))

    def _run(self, model: Denoiser) -> Iterator[Step]:
        x = self.original.to(model.device)
        cond, tiles = model.encode([self.request.prompt or None]), Tiles(x, self.count, 2 * sum(COUNTS) * len(SOLVERS))
        for k, (solver, n) in enumerate((solver, n) for solver in SOLVERS for n in COUNTS):
            timesteps = model.schedule.timesteps(n)
            for up in invert(model, x, timesteps, cond, solver):
                if up.i < n:
                    tiles.put(k, up.x_t, up.x_t)
                    yield tiles.step(max(0, int(up.t[0])))
            for down in SAMPLE[solver](model, up.x_t, visits_together(timesteps, 1), cond):
                tiles.put(k, down.x_t, down.x_0)
                if down.i < n:
                    yield tiles.step(int(down.t[0]))
        yield tiles.step(-1)

    def under(self, pixels: np.ndarray) -> Sequence[str]:
        """How near the pictures are to the original."""
        return self.near(pixels)


PLANS = {"edit": lambda r: Edit(request=r), "by-steps": lambda r: BySteps(request=r)}
