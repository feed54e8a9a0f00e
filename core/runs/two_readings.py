"""Shared by anagrams and hybrids, pictures with several readings: their request and their plan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import numpy as np
from torch import Tensor

from core.checks import several
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import halves
from core.diffusion.noise import generators, randn, seeds
from core.diffusion.sampler_table import TEXT_SAMPLERS
from core.runs.fields import GUIDANCE, MODEL, PICTURES, SAMPLER, SEED, STEPS
from core.runs.frame import Frame
from core.runs.plan import Plan
from core.runs.prompts import OFFERED, prompt_of
from core.runs.request import Kind, Prompt, Request, Suggested, asked
from core.wording import counted

P = TypeVar("P", bound="TwoReadings")
STYLE = Suggested(
    "Style",
    "Put before every prompt; you may type your own.",
    options={style: style for style in OFFERED} | {"": "no style"},
)
REST = 10  # frames of rest at both ends of a film


@dataclass(frozen=True)
class Prompts(Kind):
    """A prompt for each reading, "" if missing. `each`: the kinds of its parameters."""

    each: tuple[Prompt, ...] = ()

    def check(self, value: object, request: Request) -> tuple[str, ...]:
        given = several(value, len(self.parts), "prompts")
        return tuple(prompt_of(text, f"Prompt {k}") for k, text in enumerate(given, 1))

    def part(self, name: str) -> Prompt:
        return self.each[self.parts.index(name)]


def prompts_kind(*each: Prompt) -> Prompts:
    """The kind of a field with the parameters prompt_1, prompt_2, ..."""
    return Prompts("Prompts", parts=tuple(f"prompt_{k}" for k in range(1, len(each) + 1)), each=each)


@dataclass(frozen=True, kw_only=True)
class TwoReadingsRequest(Request):
    """The part of the request that anagrams and hybrids share.

    Args:
        prompts: one per reading.
        style: the text before every prompt; may be empty.
        n: the number of pictures; picture k starts from the noise of seed + k.
        guidance: w of classifier-free guidance, the same for every reading.
        seed: of the first picture.
    """

    prompts: tuple[str, ...] = asked((), prompts_kind())
    style: str = asked("an emoji of", STYLE)
    n: int = asked(4, replace(PICTURES, info="1 to 8 seeds at once, to keep the best of them."))
    model: str = asked("pocket", replace(MODEL, info=""))
    sampler: str = asked("ddim", replace(SAMPLER, info="DDIM and DPM-Solver++ add no noise on the way, DDPM does."))
    steps: int = asked(30, STEPS)
    guidance: float = asked(3.0, replace(GUIDANCE, info="0 to 20: 0 ignores the prompts, 1 obeys them, more insists."))
    seed: int = asked(180, SEED)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return seeds(self.seed, self.n)

    def styled(self, prompt: str) -> str:
        """A prompt with the style before it."""
        return f"{self.style} {prompt}".strip()


@dataclass(frozen=True, kw_only=True)
class TwoReadings(Plan):
    """Pictures with several readings: one lane per reading, so a picture's readings are in one column."""

    FILM: ClassVar[str]
    """The name of a picture's film, without its ending."""

    request: TwoReadingsRequest

    # ---- what it is ----

    @property
    def prompts(self) -> Sequence[str]:
        return [self.request.styled(p) for p in self.request.prompts if p]

    @property
    def subject(self) -> str:
        return ""

    @property
    def count(self) -> int:
        return self.request.n

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each picture."""
        return self.request.seeds

    @property
    def questions(self) -> int:
        """The number of prompts that the network answers per picture and step."""
        raise NotImplementedError

    def cost(self) -> tuple[int, float]:
        return self.request.steps, self.questions * self.count * halves(self.request.guidance)

    @property
    def guiding(self) -> dict:
        return {"guidance": self.request.guidance}

    def noise(self, model: Denoiser) -> tuple[Tensor, list]:
        """The initial noise (n, C, H, W) of the pictures, and its generators."""
        source = generators(self.request.seed, self.count)
        return randn((self.count, *model.shape), source, model.device), source

    def alone(self: P, k: int) -> P:
        """The plan of picture k by itself."""
        return replace(self, request=replace(self.request, n=1, seed=self.seeds[k]))

    # ---- words and rows ----

    @property
    def how(self) -> str:
        """Style, sampler, steps, guidance and seeds, for a caption."""
        r = self.request
        last = f" – {r.seeds[-1]}" if r.n > 1 else ""
        style = f"{r.style} …; " if r.style else ""
        sampler = TEXT_SAMPLERS[r.sampler].title
        return f"{style}{sampler}, {counted(r.steps)}; guidance {r.guidance:g}; seed {r.seed}{last}"

    @property
    def columns(self) -> int:
        return self.count if self.count <= 4 else -(-self.count // 2)

    @property
    def across(self) -> Sequence[str]:
        return [f"seed {s}" for s in self.seeds] if self.count <= 4 else ()

    @property
    def beside(self) -> int:
        return {1: len(self.lane_titles), 2: 2}.get(self.count, 1)

    @property
    def origins(self) -> Sequence[str]:
        return ()

    def lanes(self, frame: Frame) -> list[np.ndarray]:
        return self.readings(frame.x_0)

    def readings(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Pictures (B, H, W, C) uint8 in every reading, (B, H, W, C) each."""
        raise NotImplementedError

    # ---- files ----

    def sheets(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The saved sheet (H, W', C) of each picture of (B, H, W, C)."""
        return list(pixels)

    def film(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Frames of one picture (H, W, C) uint8 from one reading to the other and back."""
        raise NotImplementedError


def there_and_back(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Frames played to the end and back, resting at both ends."""
    return [frames[0]] * REST + list(frames) + [frames[-1]] * REST + list(frames[::-1])
