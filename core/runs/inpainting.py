"""A request to fill a hole in a picture: checked once, carried in every saved picture, turned into Steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from core.checks import Refused, real, whole
from core.diffusion.guidance import bounded, guide, halves
from core.diffusion.noise import MAX_SEED, generators, seeds
from core.diffusion.samplers import Step
from core.diffusion.visits import visits_together
from core.models.registry import load, schedule_of
from core.pictures import masks
from core.pictures.images import WAITING
from core.runs.prompts import MAX_GUIDANCE, NOISIEST, prompt_of, text_model
from core.runs.sampling import carried
from core.runs.sdedit import MAX_ROWS
from core.techniques.inpainting import evaluations, inpaint, zigzag

MAX_STEPS = 250
MAX_PASSES = 10
MAX_JUMP = 50
MAX_FEATHER = 8
T = NOISIEST + 1


@dataclass(frozen=True)
class InpaintRequest:
    """How to fill a hole. `InpaintRequest.checked` is the way in for anything a person typed.

    Args:
        prompt: what the whole picture shows, once it is filled; empty means unconditional.
        guidance: w of classifier-free guidance.
        n: fillings, each from its own noise; filling k from that of seed + k.
        steps: timesteps of a run without resampling.
        jump_n: how often each stretch is gone through; 1 is no resampling.
        jump_length: timesteps in a stretch.
        below: resampling begins once t is at or below this; 1000 for all the way.
        feather: width in pixels of the soft edge outside the mask.
        model: a registry name of the task "text".
        seed: of the first filling.
    """

    prompt: str = "an emoji of a red apple"
    guidance: float = 3.0
    n: int = 1
    steps: int = 30
    jump_n: int = 2
    jump_length: int = 10
    below: int = T
    feather: int = 0
    model: str = "pocket"
    seed: int = 180

    @classmethod
    def checked(cls, **values: object) -> "InpaintRequest":
        """A request from untrusted values. Raises Refused or ModelError with one sentence."""
        r = cls(**values)
        return cls(
            prompt=prompt_of(r.prompt),
            guidance=real(r.guidance, 0, MAX_GUIDANCE, "The guidance"),
            n=whole(r.n, 1, MAX_ROWS, "The number of seeds"),
            steps=whole(r.steps, 1, MAX_STEPS, "The number of steps"),
            jump_n=whole(r.jump_n, 1, MAX_PASSES, "The number of passes n"),
            jump_length=whole(r.jump_length, 1, MAX_JUMP, "The jump length"),
            below=whole(r.below, 0, T, "The t where resampling starts"),
            feather=whole(r.feather, 0, MAX_FEATHER, "The feather"),
            model=text_model(r.model),
            seed=whole(r.seed, 0, MAX_SEED, "The seed"),
        )

    def settings(self) -> dict:
        """What a saved picture carries."""
        return carried("inpainting", self)

    def visits(self, jump_n: int | None = None) -> list[int]:
        """The timesteps that the run visits, -1 at the end; `jump_n` instead of the request's."""
        return zigzag(self._levels, self.jump_length, self.jump_n if jump_n is None else jump_n, self.resampled - 1)

    @property
    def resampled(self) -> int:
        """How many of the timesteps are where resampling may take place."""
        return sum(t <= self.below for t in self._levels)

    @property
    def _levels(self) -> list[int]:
        # A filling starts from pure noise, which DeepFloyd's own spacing leaves out.
        return schedule_of(self.model).timesteps(self.steps, "trailing")


@dataclass(frozen=True)
class Filling:
    """Ways to fill one hole from the same noises, run one after the other; a row of pictures for each way and seed.

    Args:
        ways: (label, passes, clean_paste) of each way.

    Raises:
        Refused: a way is to resample, and there is no room for a jump, so that its run would be that of one pass.
    """

    request: InpaintRequest
    ways: tuple[tuple[str, int, bool], ...]

    def __post_init__(self):
        r, passes = self.request, [n for _, n, _ in self.ways]
        if max(passes) == 1 or r.visits(max(passes)) != r.visits(1):
            return
        late = r.steps > r.jump_length  # there is room, but not where resampling may take place
        there = r.resampled if late else r.steps
        where = f"{f'at t = {r.below} or below ' * late}there {'is' if there == 1 else 'are'} {there}"
        advice = ["raise the t where resampling starts" if late else "raise the steps"]
        if there > 1:
            advice.append("lower the jump length j")
        if min(passes) > 1:  # in a comparison with one pass that would not help
            advice.append("set Resampling n to 1")
        jump = f"{r.jump_length} step{'s' * (r.jump_length != 1)}"
        raise Refused(f"A jump back by {jump} needs more than {jump}, but {where}: {', or '.join(advice)}.")

    @property
    def rows(self) -> tuple[str, ...]:
        """The labels of the rows."""
        r = self.request
        each = [f"seed {s}" for s in seeds(r.seed, r.n)] if r.n > 1 else [""]
        return tuple(", ".join(filter(None, (way, seed))) for way, _, _ in self.ways for seed in each)

    def begun(self, i: int) -> int:
        """How many rows, from the first, have begun at step i of the whole run; the others wait."""
        starts = accumulate((len(self.request.visits(n)) - 1 for _, n, _ in self.ways[:-1]), initial=0)
        return self.request.n * sum(start <= i for start in starts)

    def cost(self) -> tuple[int, int]:
        """(network calls, pictures in each)."""
        r = self.request
        return sum(evaluations(r.visits(passes)) for _, passes, _ in self.ways), halves(self.scale) * r.n

    @property
    def scale(self) -> float:
        """w; 0, which needs half the network's work, when there is no prompt."""
        return self.request.guidance if self.request.prompt else 0.0

    def run(self, picture: Tensor, mask: Tensor, device: str = "auto") -> Iterator[Step]:
        """The Steps of all ways.

        Args:
            picture: (1, 3, 64, 64) in [-1, 1].
            mask: (1, 1, 64, 64), 1 where new content goes; see `soft`.

        Yields:
            Steps with x_t and x_0 (ways x seeds, 3, 64, 64), even grey, WAITING, in the rows that have not begun.
        """
        r, model = self.request, load(self.request.model, device)
        guided = bounded(guide(model, self.scale))
        picture = picture.to(model.device).expand(r.n, -1, -1, -1)
        cond = guided.encode([r.prompt or None] * r.n)
        visits = [r.visits(passes) for _, passes, _ in self.ways]
        runs = [
            inpaint(guided, picture, mask, visits_together(v, r.n), cond, generators(r.seed, r.n), clean)
            for v, (_, _, clean) in zip(visits, self.ways, strict=True)
        ]
        grey = torch.full_like(picture, 2 * WAITING / 255 - 1)
        return runs[0] if len(runs) == 1 else in_turn(runs, [len(v) - 1 for v in visits], grey)


def in_turn(runs: Sequence[Iterator[Step]], lengths: Sequence[int], waiting: Tensor) -> Iterator[Step]:
    """Runs one after the other as one: a run that waits shows `waiting`, (B, C, H, W), and one that is done its result.

    Args:
        lengths: the n of each run.

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
    return Filling(r, (("", r.jump_n, False),))


def once_and_often(r: InpaintRequest) -> Filling:
    """One pass against five, or the request's number if that is larger."""
    often = max(5, r.jump_n)
    return Filling(r, (("n = 1", 1, False), (f"n = {often}", often, False)))


def two_pastes(r: InpaintRequest) -> Filling:
    """Known pixels at the level just reached, as in RePaint, against known pixels kept clean at every step."""
    return Filling(r, (("RePaint", r.jump_n, False), ("clean paste", r.jump_n, True)))


FILLINGS = {"fill": fill, "once-and-often": once_and_often, "two-pastes": two_pastes}


def soft(mask: Tensor, feather: int) -> Tensor:
    """The mask as it is used: checked, with a soft edge that wide, checked again since the edge may cover the rest.

    Args:
        mask: (1, 1, S, S) of 0s and 1s, 1 where new content goes; the result's shape too.
        feather: width of the edge in pixels, 0 .. MAX_FEATHER.

    Raises:
        Refused: the mask is empty, or it covers everything.
    """
    return masks.checked(masks.feather(masks.checked(mask), feather))
