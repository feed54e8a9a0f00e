"""The request of a picture from pure noise: what to draw, and how."""

from dataclasses import dataclass, replace

from core.checks import Refused
from core.diffusion.guidance import Interval
from core.diffusion.schedule import Schedule
from core.diffusion.students import checked
from core.diffusion.timestep_lists import timestep_list
from core.models.registry import spec
from core.runs.fields import (
    EVEN,
    GUIDANCE,
    GUIDE_FROM,
    GUIDE_TO,
    LARGEST,
    NEGATIVE,
    OR_STUDENT,
    PICTURES,
    PROMPT,
    QUANTILE,
    SAMPLER,
    SEED,
    STEPS,
    SWEEP_PROMPTS,
    SWEEP_STEPS,
    THRESHOLD,
    TIMESTEPS,
)  # fmt: skip
from core.runs.prompts import NOISIEST, default_guidance, default_model, text_models
from core.runs.request import Request, asked


@dataclass(frozen=True)
class PictureRequest(Request):
    """What to draw, and how; an empty prompt is unconditional, and picture k starts from the noise of seed + k.

    `timesteps` is EVEN or a published list, which sets the number of steps. `ratio` and `top` are the quantile and the
    largest threshold of dynamic thresholding. Guidance is on from `guide_from` down to `guide_to`; elsewhere w = 1.
    `sweep_steps` and `sweep_prompts` are the columns and the rows of the sweep over steps.
    """

    KIND = "picture"
    prompt: str = asked(
        "an emoji of a panda", replace(PROMPT, info="What to draw; empty: whatever comes (pocket: photos).", lines=2)
    )
    negative: str = asked("", NEGATIVE)
    n: int = asked(4, PICTURES)
    model: str = asked("pocket", OR_STUDENT)
    sampler: str = asked("ddim", SAMPLER)
    steps: int = asked(30, STEPS)
    guidance: float = asked(2.0, GUIDANCE)
    threshold: str = asked("clip", THRESHOLD)
    seed: int = asked(180, SEED)
    timesteps: str = asked(EVEN, TIMESTEPS)
    ratio: float = asked(0.95, QUANTILE)
    top: float = asked(1.5, LARGEST)
    guide_from: int = asked(NOISIEST, GUIDE_FROM)
    guide_to: int = asked(0, GUIDE_TO)
    sweep_steps: str = asked("2, 4, 6, 8, 12, 16, 20, 50, 100", SWEEP_STEPS)
    sweep_prompts: str = asked("", SWEEP_PROMPTS)

    @classmethod
    def of(cls, model: str | None = None) -> "PictureRequest":
        """The default request for a model, with the model's own defaults; without a name, for the best model here."""
        model = model if model in text_models() else default_model()
        return cls(model=model, guidance=default_guidance(model), **spec(model).defaults)

    def agreed(self) -> "PictureRequest":
        """Raises Refused if guidance ends before it begins, or for what a student did not learn."""
        first, last = self.guide_from, self.guide_to
        if first < last:
            raise Refused(
                f"Guidance cannot be on from t = {first} down to t = {last}: t falls during a run, so it starts at the larger one."
            )
        if spec(self.model).counts:
            self.suits_a_student()
        return self

    def suits_a_student(self) -> None:
        """Raises Refused, in one sentence, for what a student of few steps did not learn."""
        student = spec(self.model)
        if self.sampler != "ddim" or self.timesteps != EVEN:
            raise Refused(f"{student.name} takes DDIM's steps, evenly spaced: it learned no other.")
        if self.negative or self.interval:
            raise Refused(
                f"{student.name} has guidance inside, always on: it takes no negative prompt and no interval."
            )
        checked(student.counts, student.scales, self.steps, self.guidance)

    def visits(self, schedule: Schedule, steps: int) -> list[int]:
        """The timesteps of a run with that many steps, or those of the named list."""
        return schedule.timesteps(steps) if self.timesteps == EVEN else timestep_list(self.timesteps)

    @property
    def interval(self) -> Interval | None:
        """Where guidance is on, as `core.diffusion.guidance.guide` takes it; None for everywhere."""
        return None if (self.guide_from, self.guide_to) == (NOISIEST, 0) else (self.guide_from, self.guide_to)

    @property
    def length(self) -> int:
        """The number of steps of a run."""
        return self.steps if self.timesteps == EVEN else len(timestep_list(self.timesteps))
