"""The request of an inpainting run: how a hole is filled, and its timesteps."""

from dataclasses import dataclass, replace

from core.models.registry import schedule_of
from core.runs.fields import MODEL, PROMPT, SEED
from core.runs.prompts import NOISIEST
from core.runs.request import Request, Whole, asked
from core.runs.sdedit import GUIDED, SEEDS
from core.techniques.inpainting import zigzag

MAX_STEPS = 250
T = NOISIEST + 1


@dataclass(frozen=True)
class InpaintRequest(Request):
    """How to fill a hole.

    Args:
        prompt: what the whole filled picture shows; empty means unconditional.
        guidance: w of classifier-free guidance.
        n: the number of fillings; filling k starts from the noise of seed + k.
        steps: timesteps of a run without resampling.
        jump_n: passes through each interval; 1 is no resampling.
        jump_length: timesteps in an interval.
        below: the largest t at which resampling is on; 1000 for the whole run.
        feather: width in pixels of the soft edge outside the mask.
        model: a registry name of kind "text".
        seed: of the first filling.
    """

    KIND = "inpainting"
    prompt: str = asked("an emoji of a red apple", replace(PROMPT, info="What the whole picture shows; may be empty."))
    guidance: float = asked(3.0, GUIDED)
    n: int = asked(1, SEEDS)
    steps: int = asked(
        30,
        Whole(
            "Steps",
            "1 to 250 timesteps; 30 is plenty, the paper has 250.",
            "The number of steps",
            low=1,
            high=MAX_STEPS,
        ),
    )
    jump_n: int = asked(
        2,
        Whole(
            "Resampling n",
            "1 to 10: passes over each interval but the first; 1 is none.",
            "The number of passes n",
            low=1,
            high=10,
        ),
    )
    jump_length: int = asked(
        10,
        Whole("Jump length j", "1 to 50 steps up at a time; longer changes more.", "The jump length", low=1, high=50),
    )
    below: int = asked(
        T,
        Whole(
            "Resampling starts at t",
            "0 to 1000: only at or below it; 1000 is all the way.",
            "The t where resampling starts",
            high=T,
            step=50,
        ),
    )
    feather: int = asked(0, Whole("Feather", "0 to 8 pixels of soft edge round the mask.", high=8))
    model: str = asked("pocket", MODEL)
    seed: int = asked(180, SEED)

    def visits(self, jump_n: int | None = None) -> list[int]:
        """The timesteps that the run visits, -1 at the end; `jump_n` instead of the request's."""
        return zigzag(self._levels, self.jump_length, self.jump_n if jump_n is None else jump_n, self.resampled - 1)

    @property
    def resampled(self) -> int:
        """The number of timesteps at which resampling may take place."""
        return sum(t <= self.below for t in self._levels)

    @property
    def _levels(self) -> list[int]:
        # A filling starts from pure noise, which DeepFloyd's own spacing does not include.
        return schedule_of(self.model).timesteps(self.steps, "trailing")
