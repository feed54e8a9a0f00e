"""Pictures between two noises: one prompt, and the noise moves from one seed's to another's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.guidance import bounded, halves
from core.diffusion.noise import generator, generators, lerp, randn, slerp
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.diffusion.samplers import Step
from core.diffusion.students import checked, guided
from core.diffusion.visits import visits_together
from core.models.registry import load, spec
from core.runs.fields import GUIDANCE, OR_STUDENT, PROMPT, SAMPLER, SEED, STEPS
from core.runs.plan import Plan, in_pixels
from core.runs.request import Choice, Request, Whole, asked
from core.wording import clipped, counted

WAYS = {"slerp": "on the sphere (slerp)", "lerp": "in a straight line (lerp)"}
MIXED = {"slerp": slerp, "lerp": lerp}


@dataclass(frozen=True)
class InterpolationRequest(Request):
    """What to draw, and between which noises.

    Args:
        seed, other: the seeds of the noises at both ends.
        columns: the number of pictures, including both ends.
        way: how the noises between the ends are made, a key of WAYS.
        last: the prompt of the last picture, if it is another; the encoded prompts between are on the straight line.
    """

    KIND = "interpolation"
    prompt: str = asked("a photo of a seashore", PROMPT)
    columns: int = asked(7, Whole("Pictures", "2 to 12 from one noise to the other.", low=2, high=12))
    way: str = asked("slerp", Choice("Between", "Noise is a sphere: the straight line cuts through it.", options=WAYS))
    guidance: float = asked(3.0, GUIDANCE)
    seed: int = asked(180, replace(SEED, label="Seed of the first noise"))
    other: int = asked(7, replace(SEED, label="Seed of the last noise"))
    model: str = asked("pocket", OR_STUDENT)
    sampler: str = asked("ddim", SAMPLER)
    steps: int = asked(30, STEPS)
    last: str = asked("", replace(PROMPT, label="Last prompt", info="Of the last picture; empty for the same in all."))

    def agreed(self) -> "InterpolationRequest":
        """Raises Refused for what a student did not learn."""
        if (student := spec(self.model)).counts:
            if self.sampler != "ddim":
                raise Refused(f"{student.name} takes DDIM's steps: it learned no other.")
            checked(student.counts, student.scales, self.steps, self.guidance)
        return self


@dataclass(frozen=True, kw_only=True)
class Interpolation(Plan):
    """A row of pictures for each way from one noise to the other."""

    request: InterpolationRequest
    ways: tuple[str, ...]

    @property
    def prompts(self) -> Sequence[str]:
        return list(filter(None, [self.request.prompt, self.request.last])) or [""]

    @property
    def count(self) -> int:
        return self.columns * len(self.ways)

    @property
    def columns(self) -> int:
        return self.request.columns

    @property
    def across(self) -> Sequence[str]:
        n = self.columns - 1
        return [
            f"seed {self.request.seed}",
            *(f"{100 * k / n:.0f} %" for k in range(1, n)),
            f"seed {self.request.other}",
        ]

    @property
    def down(self) -> Sequence[str]:
        return [WAYS[way] for way in self.ways] if len(self.ways) > 1 else []

    @property
    def caption(self) -> str:
        r, ways = self.request, " and ".join(WAYS[way] for way in self.ways)
        how = f"{TEXT_SAMPLERS[r.sampler].title}, {counted(r.steps)}; guidance {r.guidance:g}"
        words = f"“{clipped(r.prompt, 200)}”" + f" to “{clipped(r.last, 200)}”" * bool(r.last)
        return f"{r.model}: {words}; {how}; {ways} from seed {r.seed} to {r.other}."

    @property
    def guiding(self) -> dict:
        return {} if spec(self.request.model).counts else {"guidance": self.request.guidance}

    def made_from(self, k: int) -> tuple[str, int]:
        r, is_last = self.request, (k + 1) % self.columns == 0
        return (r.last or r.prompt, r.other) if is_last else (r.prompt, r.seed)

    def cost(self) -> tuple[int, float]:
        one = 1 if spec(self.request.model).counts else halves(self.request.guidance)
        return self.request.steps, one * self.count

    def noises(self, shape: Sequence[int]) -> Tensor:
        """The noises (count, ...) that the pictures start from; `shape` is that of one."""
        first, last = (randn((1, *shape), generator(s))[0] for s in (self.request.seed, self.request.other))
        w = torch.linspace(0, 1, self.columns)
        return torch.cat([MIXED[way](first, last, w) for way in self.ways])

    def conditions(self, first: Tensor, last: Tensor) -> Tensor:
        """(count, ...) the encoded prompts of all pictures, from those (...) of the ends."""
        return lerp(first, last, torch.linspace(0, 1, self.columns).to(first)).repeat(len(self.ways), *[1] * first.ndim)

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, load(self.request.model, device)
        denoiser = bounded(guided(model, r.steps, r.guidance))
        cond = self.conditions(*denoiser.encode([r.prompt or None, r.last or r.prompt or None]))
        on_the_way = [generators(r.seed, 1)[0] for _ in range(self.count)]  # DDPM adds the same noise to all pictures
        x = self.noises(model.shape).to(model.device)
        visits = visits_together(model.schedule.timesteps(r.steps), self.count)
        return in_pixels(denoiser, TEXT_SAMPLERS[r.sampler].run(denoiser, x, visits, cond, on_the_way))


def between(r: InterpolationRequest) -> Interpolation:
    """One row, in the request's way."""
    return Interpolation(request=r, ways=(r.way,))


def both_ways(r: InterpolationRequest) -> Interpolation:
    """A row for each way."""
    return Interpolation(request=r, ways=tuple(WAYS))


PLANS = {"between": between, "both-ways": both_ways}
