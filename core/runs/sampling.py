"""Pictures from pure noise, and pictures that run together so that they compare: guidance off and on, how much of it and
when, how many steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from core.checks import Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import THRESHOLDS, Stretch, bounded, guide, halves, steps_within
from core.diffusion.noise import generator, generators, randn, seeds
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.schedule import Schedule
from core.diffusion.timestep_lists import TIMESTEP_LISTS, timestep_list
from core.diffusion.visits import visits_each, visits_together
from core.models.registry import load, schedule_of, spec
from core.runs.plan import Plan, in_pixels
from core.runs.prompts import NOISIEST, clipped, default_guidance, default_model, text_models
from core.runs.request import (
    GUIDANCE,
    MODEL,
    PICTURES,
    PROMPT,
    SAMPLER,
    SEED,
    STEPS,
    Choice,
    Real,
    Request,
    Whole,
    asked,
)

EVEN = "even"  # timesteps evenly spaced, as many as there are steps
SWEEP = (0.0, 1.0, 3.0, 7.0, 15.0)
THIRDS = ((NOISIEST, 667), (666, 334), (333, 0))
STEP_SWEEP = (2, 4, 6, 8, 12, 16, 20, 50, 100)
LISTED = "; the number of steps comes from the list under Timesteps (More settings), not from Steps"
OFF = " Where guidance is off, w = 1."


@dataclass(frozen=True)
class PictureRequest(Request):
    """What to draw, and how.

    Args:
        prompt: what to draw; empty means unconditional.
        negative: what takes the place of "no prompt" in guidance; empty for plain guidance.
        n: pictures; picture k starts from the noise of seed + k.
        guidance: w of classifier-free guidance; 0 unconditional, 1 conditional.
        threshold: what bounds the clean estimate.
        timesteps: "even", or the name of a published list in `core.diffusion.timestep_lists`, which decides the steps.
        ratio, top: of dynamic thresholding, the quantile and the largest threshold.
        guide_from, guide_to: the timesteps from which and down to which guidance is on; elsewhere w = 1.
    """

    KIND = "picture"
    prompt: str = asked(
        "an emoji of a panda", replace(PROMPT, info="What to draw; empty: whatever comes (pocket: photos).", lines=2)
    )
    negative: str = asked(
        "",
        replace(
            PROMPT,
            label="Negative prompt",
            info="Guidance above 1 leads away from it; at 1 it does nothing, at 0 it is what is drawn. Empty for none.",
        ),
    )
    n: int = asked(4, PICTURES)
    model: str = asked("pocket", MODEL)
    sampler: str = asked("ddim", SAMPLER)
    steps: int = asked(30, STEPS)
    guidance: float = asked(3.0, GUIDANCE)
    threshold: str = asked(
        "clip",
        Choice("Threshold of the clean estimate", "Matters at high guidance.", "The threshold", options=THRESHOLDS),
    )
    seed: int = asked(180, SEED)
    timesteps: str = asked(
        EVEN,
        Choice(
            "Timesteps",
            "A list published with DeepFloyd IF decides the steps by itself; Step sweep is always evenly spaced.",
            options={EVEN: "as many as steps, evenly spaced"} | TIMESTEP_LISTS,
            listed=True,
        ),
    )
    ratio: float = asked(
        0.95,
        Real(
            "Dynamic threshold: quantile",
            "0.5 to 1; higher tames saturated colours more.",
            "The quantile of the dynamic threshold",
            low=0.5,
            high=1,
            step=0.005,
        ),
    )
    top: float = asked(
        1.5,
        Real(
            "Dynamic threshold: largest",
            "1 to 10; 1 is plain clipping.",
            "The largest dynamic threshold",
            low=1,
            high=10,
        ),
    )
    guide_from: int = asked(
        NOISIEST,
        Whole(
            "Guide from t",
            "From 999 (pure noise) down to 0." + OFF,
            "The timestep from which guidance is on",
            high=NOISIEST,
        ),
    )
    guide_to: int = asked(0, Whole("Guide down to t", "From 0 (hardly any noise) up to 999." + OFF, "The timestep down to which guidance is on", high=NOISIEST))  # fmt: skip

    @classmethod
    def of(cls, model: str | None = None) -> "PictureRequest":
        """The default request for a model, the best one here if none is named; with the model's own defaults."""
        model = model if model in text_models() else default_model()
        return cls(model=model, guidance=default_guidance(model), **spec(model).defaults)

    def agreed(self) -> "PictureRequest":
        """Raises Refused if guidance ends before it begins."""
        first, last = self.guide_from, self.guide_to
        if first < last:
            raise Refused(
                f"Guidance cannot be on from t = {first} down to t = {last}: t falls during a run, so it starts at the larger one."
            )
        return self

    def visits(self, schedule: Schedule, steps: int) -> list[int]:
        """The timesteps of a run with that many steps, or those of the named list."""
        return schedule.timesteps(steps) if self.timesteps == EVEN else timestep_list(self.timesteps)

    @property
    def stretch(self) -> Stretch | None:
        """Where guidance is on, as `core.diffusion.guidance.guide` takes it; None for everywhere."""
        return None if (self.guide_from, self.guide_to) == (NOISIEST, 0) else (self.guide_from, self.guide_to)

    @property
    def length(self) -> int:
        """How many steps a run takes."""
        return self.steps if self.timesteps == EVEN else len(timestep_list(self.timesteps))


@dataclass(frozen=True, kw_only=True)
class Pictures(Plan):
    """Pictures that run together: one prompt, scale, seed and number of steps each, laid out in a labelled grid.

    Args:
        scales, seeds, steps: one per picture.
        wide: pictures in a row.
        labels: of the columns, and of the rows; empty where there is nothing to tell.
        stretches: where guidance is on, one per picture; empty where all have the request's.
    """

    request: PictureRequest
    scales: tuple[float, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    wide: int
    labels: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    stretches: tuple[Stretch, ...] = ()

    @property
    def prompts(self) -> Sequence[str]:
        return self.request.prompt, self.request.negative

    @property
    def count(self) -> int:
        return len(self.seeds)

    @property
    def lengths(self) -> Sequence[int]:
        return self.steps

    @property
    def columns(self) -> int:
        return self.wide

    @property
    def across(self) -> Sequence[str]:
        return self.labels[0]

    @property
    def down(self) -> Sequence[str]:
        return self.labels[1]

    def settings(self) -> dict:
        """The request, and the steps of each picture where they differ."""
        return super().settings() | ({"steps_each": self.steps} if len(set(self.steps)) > 1 else {})

    def cost(self) -> tuple[int, float]:
        calls = max(self.steps)
        if self.request.stretch or self.stretches:
            twice = sum(map(self.guided, range(len(self.seeds)))) * (set(self.scales) != {1.0})
            return calls, (sum(self.steps) + twice) / calls
        per_picture = halves(self.scales[0]) if len(set(self.scales)) == 1 else 2
        return calls, per_picture * sum(self.steps) / calls

    @property
    def guiding(self) -> dict:
        r = self.request
        partly = {"partly": True, "images": r.n} if r.stretch else {}
        return {"guidance": r.guidance, "negative": bool(r.negative)} | partly

    @property
    def remark(self) -> str:
        return LISTED * (self.request.timesteps != EVEN)

    def guided(self, k: int) -> int:
        """The steps of picture k at which guidance is on."""
        stretch = self.stretches[k] if self.stretches else self.request.stretch or (NOISIEST, 0)
        return steps_within(stretch, self.request.visits(schedule_of(self.request.model), self.steps[k]))

    def guidance_is_off_at_times(self, k: int) -> bool:
        return (self.stretches[k] if self.stretches else self.request.stretch or (NOISIEST, 0)) != (NOISIEST, 0)

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, load(self.request.model, device)
        source = [generator(seed) for seed in self.seeds]
        x = randn((len(source), *model.shape), source, model.device)
        same = len(set(self.scales)) == 1
        scale = self.scales[0] if same else torch.tensor(self.scales, dtype=torch.float32, device=model.device)
        stretch = torch.tensor(self.stretches) if self.stretches else r.stretch
        guided = bounded(guide(model, scale, r.negative or None, stretch), r.threshold, r.ratio, r.top)
        cond = guided.encode([r.prompt or None] * len(source))
        if len(set(self.steps)) == 1:
            visits = visits_together(r.visits(model.schedule, self.steps[0]), len(source))
            return in_pixels(guided, TEXT_SAMPLERS[r.sampler].run(guided, x, visits, cond, source))
        visits = visits_each([model.schedule.timesteps(steps) for steps in self.steps])
        return in_pixels(guided, ddim(guided, x, visits, cond, source, ETAS[r.sampler]))

    @property
    def caption(self) -> str:
        r = self.request
        prompt = f"“{clipped(r.prompt, 200)}”" if r.prompt else "no prompt"
        negative = f", away from “{clipped(r.negative, 200)}”" if r.negative else ""
        steps = f"{TEXT_SAMPLERS[r.sampler].title}, {ranged(self.steps)} steps"
        when = f" for t = {r.guide_from} – {r.guide_to}" if r.stretch else ""
        if self.stretches:
            when = " for the t over each picture"
        elif r.stretch and not self.guided(0):
            when += ", where no step falls"
        bound = {"dynamic": f"; dynamic threshold, quantile {r.ratio:g}, largest {r.top:g}", "none": "; no threshold"}
        guided = f"guidance {ranged(self.scales)}{when}{bound.get(r.threshold, '')}"
        return f"{r.model}: {prompt}{negative}; {steps}; {guided}; seed {ranged(self.seeds)}."

    @property
    def titles(self) -> Sequence[str]:
        when = [f"-from-{first}-to-{last}" if first >= 0 else "-off" for first, last in self.stretches]
        each = zip(self.seeds, self.scales, self.steps, when or [""] * self.count, strict=True)
        return [f"{k:02d}-seed-{seed}-guidance-{w:g}{t}-steps-{n}" for k, (seed, w, n, t) in enumerate(each, 1)]


def ranged(values: Sequence[float]) -> str:
    """A number that is the same throughout, or the first and the last: "2 – 100"."""
    ends = dict.fromkeys((values[0], values[-1]))
    return " – ".join(f"{v:.10g}" for v in ends)


def samples(r: PictureRequest) -> Pictures:
    """n pictures from n noises."""
    each = seeds(r.seed, r.n)
    across = tuple(f"seed {s}" for s in each) if r.n <= 5 else ()
    wide = r.n if r.n <= 5 else -(-r.n // 2)
    return Pictures(
        request=r, scales=(r.guidance,) * r.n, seeds=each, steps=(r.length,) * r.n, wide=wide, labels=(across, ())
    )


def strong_guidance(r: PictureRequest) -> float:
    """The request's guidance, or the model's own where the request's is none."""
    return r.guidance if r.guidance > 1 else default_guidance(r.model)


def with_and_without(r: PictureRequest) -> Pictures:
    """n pictures without guidance, w = 1, above the same n noises with it."""
    one, strong = samples(r), strong_guidance(r)
    labels = tuple(f"seed {s}" for s in one.seeds), ("no guidance, w = 1", f"guidance, w = {strong:g}")
    scales = (1.0,) * r.n + (strong,) * r.n
    return replace(one, scales=scales, seeds=one.seeds * 2, steps=one.steps * 2, wide=r.n, labels=labels)


def of_one_noise(r: PictureRequest, scales: Sequence[float], across: Sequence[str]) -> Pictures:
    """Pictures in a row, from the noise of the request's seed."""
    n = len(scales)
    return Pictures(
        request=r, scales=tuple(scales), seeds=(r.seed,) * n, steps=(r.length,) * n, wide=n, labels=(tuple(across), ())
    )


def when_to_guide(r: PictureRequest) -> Pictures:
    """One noise without guidance, with guidance in each third of the timesteps, and with it throughout.

    Raises:
        Refused: a third without a step.
    """
    visits = r.visits(schedule_of(r.model), r.steps)
    if not all(steps_within(third, visits) for third in THIRDS):
        raise Refused("Guidance in each third of the run needs a step in each: take more steps.")
    strong = strong_guidance(r)
    across = ("off, w = 1", *(f"t = {first} – {last}" for first, last in THIRDS), f"always, w = {strong:g}")
    stretches = ((-1, -1), *THIRDS, (NOISIEST, 0))
    return replace(of_one_noise(r, [strong] * len(stretches), across), stretches=stretches)


def guidance_sweep(r: PictureRequest) -> Pictures:
    """One noise at five scales."""
    return of_one_noise(r, SWEEP, [f"w = {w:g}" for w in SWEEP])


def step_sweep(r: PictureRequest) -> Pictures:
    """One noise in nine numbers of steps, evenly spaced: a published list has one number alone.

    Raises:
        Refused: the sampler takes only runs of one length.
    """
    if r.sampler not in ETAS:
        raise Refused("The sweep over steps needs DDIM or DDPM.")
    row = of_one_noise(replace(r, timesteps=EVEN), [r.guidance] * len(STEP_SWEEP), [f"{k} steps" for k in STEP_SWEEP])
    return replace(row, steps=STEP_SWEEP)


PLANS = {
    "samples": samples,
    "with-and-without": with_and_without,
    "guidance-sweep": guidance_sweep,
    "when-to-guide": when_to_guide,
    "step-sweep": step_sweep,
}
"""By the name of the experiment; the first is the plain run."""


def draw(
    model: Denoiser, prompts: Sequence[str], guidance: float, steps: int, seed: int, stretch: Stretch | None = None
) -> Iterator[Step]:
    """One picture per prompt with DDIM, picture k from the noise of seed + k; the estimate is clipped to [-1, 1].

    Args:
        guidance, stretch: as `core.diffusion.guidance.guide` takes them.
    """
    x = randn((len(prompts), *model.shape), generators(seed, len(prompts)), model.device)
    guided = bounded(guide(model, guidance, stretch=stretch))
    visits = visits_together(model.schedule.timesteps(steps), len(prompts))
    return ddim(guided, x, visits, guided.encode([p or None for p in prompts]))
