"""Inpainting: a network fills a hole in a picture to fit the rest, in several ways from the same noises."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.checks import Refused
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import generators, seeds
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_together
from core.models.registry import load
from core.pictures import masks
from core.pictures.images import WAITING, from_uint8, grid, to_uint8
from core.runs.enlarging import Larger
from core.runs.frame import Frame
from core.runs.inpainting_request import InpaintRequest
from core.runs.plan import FINE, Plan, in_pixels
from core.runs.prompts import NOISIEST
from core.techniques.inpainting import evaluations, inpaint
from core.wording import counted

T = NOISIEST + 1
ACROSS = ("original", "mask used", "hole to fill", "x_t: the state", "x_0, then result")
SHOWN = "x_0: the clean estimate; in the result the known pixels are the original's, bit for bit"


@dataclass(frozen=True, kw_only=True)
class LargerFilling(Larger):
    """One picture of a filling, four times larger. The known pixels of a result are the original's pixels at that
    size."""

    of: "Filling"

    @property
    def known(self) -> np.ndarray | None:
        """(256, 256, 3), the original, where the picture is a filling of it and it was given at that size."""
        filled = self.k % len(ACROSS) >= len(self.of.given)
        fine = self.of.inputs.get("original" + FINE, ())
        return fine if filled and self.side == len(fine) else None

    @property
    def caption(self) -> str:
        kept = " Outside the hole it is the original, as it was given." * (self.known is not None)
        return super().caption + kept

    def run(self, device: str = "auto") -> Iterator[Step]:
        """Its Steps; the hole is used to its last pixel, and its edge is soft outside it, over two pixels."""
        if self.known is None:
            return super().run(device)
        mask = (2 * F.interpolate(self.of.used, size=self.side, mode="bilinear")).clamp(max=1)  # (1, 1, 256, 256)
        known = from_uint8(self.known[None], -1, 1)
        kept = lambda x: mask.to(x) * x + (1 - mask.to(x)) * known.to(x)  # noqa: E731
        return (replace(step, x_0=kept(step.x_0)) for step in super().run(device))


@dataclass(frozen=True, kw_only=True)
class Filling(Plan):
    """Ways to fill one hole from the same noises, one after the other; a row of pictures for each way and seed.

    Its inputs are "original", (64, 64, 3), and "mask", (64, 64, 1), 255 where new content goes. Every row shows them
    too. ACROSS names the pictures of a row; only the last two change during the run.

    Args:
        ways: (label, passes, clean_paste) of each way.

    Raises:
        Refused: a way resamples, but there is no room for a jump, so its run would equal one pass.
    """

    LARGER = LargerFilling

    request: InpaintRequest
    ways: tuple[tuple[str, int, bool], ...]

    def __post_init__(self):
        r, passes = self.request, [n for _, n, _ in self.ways]
        if max(passes) == 1 or r.visits(max(passes)) != r.visits(1):
            return
        late = r.steps > r.jump_length  # there is room for a jump, but not below `below`
        there = r.resampled if late else r.steps
        where = f"{f'at t = {r.below} or below ' * late}there {'is' if there == 1 else 'are'} {there}"
        advice = ["raise the t where resampling starts" if late else "raise the steps"]
        if there > 1:
            advice.append("lower the jump length j")
        if min(passes) > 1:  # does not help in a comparison with one pass
            advice.append("set Resampling n to 1")
        jump = f"{r.jump_length} step{'s' * (r.jump_length != 1)}"
        raise Refused(f"A jump back by {jump} needs more than {jump}, but {where}: {', or '.join(advice)}.")

    def agreed(self) -> "Filling":
        """Raises Refused if the mask, as it is used, is empty or covers everything."""
        masks.checked(self.used)
        return self

    @property
    def prompts(self) -> Sequence[str]:
        return (self.request.prompt,)

    @property
    def count(self) -> int:
        return len(ACROSS) * len(self.rows)

    @property
    def rows(self) -> tuple[str, ...]:
        """The labels of the rows."""
        r = self.request
        each = [f"seed {s}" for s in seeds(r.seed, r.n)] if r.n > 1 else [""]
        return tuple(", ".join(filter(None, (way, seed))) for way, _, _ in self.ways for seed in each)

    def begun(self, i: int) -> int:
        """The number of rows that have begun at step i of the whole run; the later ones wait."""
        starts = accumulate((len(self.request.visits(n)) - 1 for _, n, _ in self.ways[:-1]), initial=0)
        return self.request.n * sum(start <= i for start in starts)

    def made_from(self, k: int) -> tuple[str, int]:
        row = k // len(ACROSS)
        return self.request.prompt, seeds(self.request.seed, self.request.n)[row % self.request.n]

    def truth(self, k: int) -> np.ndarray | None:
        return None if k % len(ACROSS) else self.inputs.get("original" + FINE)

    def cost(self) -> tuple[int, int]:
        r = self.request
        return sum(evaluations(r.visits(passes)) for _, passes, _ in self.ways), halves(self.scale) * r.n

    @property
    def scale(self) -> float:
        """w; without a prompt 0, which halves the network's work."""
        return self.request.guidance if self.request.prompt else 0.0

    @property
    def guiding(self) -> dict:
        return {"guidance": self.scale}

    @cached_property
    def used(self) -> Tensor:
        """The mask as it is used, (1, 1, 64, 64): see `core.pictures.masks.soft`. Raises Refused."""
        mask = self.inputs["mask"]
        return masks.soft(masks.mask_of(mask, len(mask)), self.request.feather)

    @cached_property
    def given(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The original, the mask as it is used and the hole, (64, 64, 3) uint8 each."""
        original, used = self.inputs["original"], to_uint8(self.used)[0]
        return original, used.repeat(3, -1), masks.hole_of(original, used)

    def run(self, device: str = "auto") -> Iterator[Step]:
        """The Steps of all ways, x_t and x_0 (ways x seeds, 3, 64, 64); rows that have not begun are grey, WAITING."""
        r, model = self.request, load(self.request.model, device)
        guided = bounded(guide(model, self.scale))
        picture = from_uint8(self.inputs["original"][None], -1, 1).to(model.device).expand(r.n, -1, -1, -1)
        cond = guided.encode([r.prompt or None] * r.n)
        visits = [r.visits(passes) for _, passes, _ in self.ways]
        runs = [
            inpaint(guided, picture, self.used, visits_together(v, r.n), cond, generators(r.seed, r.n), clean)
            for v, (_, _, clean) in zip(visits, self.ways, strict=True)
        ]
        grey = torch.full_like(picture, 2 * WAITING / 255 - 1)
        return in_pixels(guided, runs[0] if len(runs) == 1 else in_turn(runs, [len(v) - 1 for v in visits], grey))

    # ---- words and rows ----

    @property
    def caption(self) -> str:
        r = self.request
        prompt = f"“{r.prompt}”; guidance {r.guidance:g}" if r.prompt else "no prompt"
        again = ", ".join(sorted({f"n = {n}" for _, n, _ in self.ways})) + f", j = {r.jump_length}"
        if r.below < T - 1 and max(n for _, n, _ in self.ways) > 1:  # a run begins at T - 1
            again += f" from t = {r.below} down"
        edge = f"; feather {r.feather} px" if r.feather else ""
        return f"{r.model}: {prompt}; DDPM, {counted(r.steps)}, {again}, {self.cost()[0]} network calls{edge}; seed {r.seed}."

    @property
    def name(self) -> str:
        return f"inpainting-{super().name}"

    @property
    def columns(self) -> int:
        return len(ACROSS)

    @property
    def across(self) -> Sequence[str]:
        return ACROSS

    @property
    def down(self) -> Sequence[str]:
        return self.rows if any(self.rows) else ()

    @property
    def beside(self) -> int:
        return 1

    @property
    def lane_titles(self) -> Sequence[str]:
        return (SHOWN + "; grey: not begun yet" * (len(self.ways) > 1),)

    @property
    def origins(self) -> Sequence[str]:
        return ()

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return [np.stack([p for pair in zip(frame.x_t, frame.x_0, strict=True) for p in (*self.given, *pair)])]

    def sheet(self, frame: Frame) -> np.ndarray:
        return grid(self.lanes(frame)[0], self.columns, self.GAP)

    def tiles(self, frame: Frame) -> list[tuple[str, np.ndarray]]:
        """The results that have begun, the original, the mask and the hole."""
        results = [(f"result-{k}", p) for k, p in enumerate(frame.x_0[: self.begun(frame.i)], 1)]
        return results + list(zip(("original", "mask", "hole"), self.given, strict=True))


def in_turn(runs: Sequence[Iterator[Step]], lengths: Sequence[int], waiting: Tensor) -> Iterator[Step]:
    """Join runs into one: a run that waits shows `waiting`, (B, C, H, W), a finished one its result.

    Args:
        lengths: the number of steps of each run.

    Yields:
        Steps with x_t and x_0 (runs x B, C, H, W); t is that of the run under way.
    """
    shown, n, before = [(waiting, waiting)] * len(runs), sum(lengths), 0
    for k, (run, length) in enumerate(zip(runs, lengths, strict=True)):
        for step in run:
            shown[k] = step.x_t, step.x_0
            if step.i == step.n and k < len(runs) - 1:
                continue
            x_t, x_0 = (torch.cat(lane) for lane in zip(*shown, strict=True))
            yield Step(before + step.i, n, step.t.repeat(len(runs)), x_t, x_0)
        before += length


def fill(r: InpaintRequest) -> Filling:
    """RePaint with the request's passes."""
    return Filling(request=r, ways=(("", r.jump_n, False),))


def once_and_often(r: InpaintRequest) -> Filling:
    """One pass against five passes, or the request's number if it is larger."""
    often = max(5, r.jump_n)
    return Filling(request=r, ways=(("n = 1", 1, False), (f"n = {often}", often, False)))


def two_pastes(r: InpaintRequest) -> Filling:
    """Known pixels noised to the current level, as in RePaint, against known pixels kept clean at every step."""
    return Filling(request=r, ways=(("RePaint", r.jump_n, False), ("clean paste", r.jump_n, True)))


FILLINGS = {"fill": fill, "once-and-often": once_and_often, "two-pastes": two_pastes}
"""Experiment -> function that makes its plan; the first is the plain run."""
