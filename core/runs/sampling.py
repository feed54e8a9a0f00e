"""Pictures from pure noise, and experiments on the guidance scale, its interval and the number of steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from core.checks import Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import Interval, bounded, halves, steps_within
from core.diffusion.noise import generator, generators, randn, seeds
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.students import guided
from core.diffusion.visits import visits_each, visits_together
from core.models.registry import load, schedule_of, spec
from core.runs.fields import EVEN, LONGEST, SWEPT, SWEPT_PROMPTS, counts_of
from core.runs.picture_request import PictureRequest
from core.runs.plan import Plan, in_pixels
from core.runs.prompts import NOISIEST, default_guidance, never_seen, prompts_of, styles, thing_of
from core.wording import clipped, counted, ranged

SWEEP = (0.0, 1.0, 3.0, 7.0, 20.0)
STUDENT_SWEEP = (1.0, 2.0, 3.0, 5.0, 8.0)
THIRDS = ((NOISIEST, 667), (666, 334), (333, 0))
LISTED = "; the number of steps comes from the list under Timesteps (More settings), not from Steps"


@dataclass(frozen=True, kw_only=True)
class Pictures(Plan):
    """Pictures that run together: one prompt, scale, seed and number of steps each, laid out in a labelled grid.

    Args:
        scales, seeds, steps: one per picture.
        wide: pictures in a row.
        labels: of the columns, and of the rows; empty for none.
        intervals: where guidance is on, one per picture; empty if all have the request's.
        texts: the prompts, one per picture; empty if all have the request's.
    """

    request: PictureRequest
    scales: tuple[float, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    wide: int
    labels: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    intervals: tuple[Interval, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def prompts(self) -> Sequence[str]:
        return *dict.fromkeys(self.texts or (self.request.prompt,)), self.request.negative

    def made_from(self, k: int) -> tuple[str, int]:
        return self.texts[k] if self.texts else self.request.prompt, self.seeds[k]

    @property
    def subject(self) -> str:
        return "" if len(self.prompts) > 2 else self.prompts[0]

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
        """The request, and the steps of each picture if they differ."""
        return super().settings() | ({"steps_each": self.steps} if len(set(self.steps)) > 1 else {})

    def cost(self) -> tuple[int, float]:
        calls = max(self.steps)
        if self.request.interval or self.intervals:
            twice = sum(map(self.guided_steps, range(len(self.seeds)))) * (set(self.scales) != {1.0})
            return calls, (sum(self.steps) + twice) / calls
        per_picture = halves(self.scales[0]) if len(set(self.scales)) == 1 else 2
        if spec(self.request.model).counts:
            per_picture = 1
        return calls, per_picture * sum(self.steps) / calls

    @property
    def guiding(self) -> dict:
        r = self.request
        if spec(r.model).counts:
            return {}
        partly = {"partly": True, "images": r.n} if r.interval else {}
        return {"guidance": r.guidance, "negative": bool(r.negative)} | partly

    @property
    def remark(self) -> str:
        return LISTED * (self.request.timesteps != EVEN)

    def guided_steps(self, k: int) -> int:
        """The number of steps of picture k with guidance on."""
        interval = self.intervals[k] if self.intervals else self.request.interval or (NOISIEST, 0)
        return steps_within(interval, self.request.visits(schedule_of(self.request.model), self.steps[k]))

    def guidance_is_off_at_times(self, k: int) -> bool:
        return (self.intervals[k] if self.intervals else self.request.interval or (NOISIEST, 0)) != (NOISIEST, 0)

    def run(self, device: str = "auto") -> Iterator[Step]:
        r, model = self.request, load(self.request.model, device)
        source = [generator(seed) for seed in self.seeds]
        x = randn((len(source), *model.shape), source, model.device)
        same = len(set(self.scales)) == 1
        scale = self.scales[0] if same else torch.tensor(self.scales, dtype=torch.float32, device=model.device)
        interval = torch.tensor(self.intervals) if self.intervals else r.interval
        denoiser = guided(model, torch.tensor(self.steps), scale, r.negative or None, interval)
        denoiser = bounded(denoiser, r.threshold, r.ratio, r.top)
        cond = denoiser.encode([self.made_from(k)[0] or None for k in range(self.count)])
        if len(set(self.steps)) == 1:
            visits = visits_together(r.visits(model.schedule, self.steps[0]), len(source))
            return in_pixels(denoiser, TEXT_SAMPLERS[r.sampler].run(denoiser, x, visits, cond, source))
        visits = visits_each([model.schedule.timesteps(steps) for steps in self.steps])
        return in_pixels(denoiser, ddim(denoiser, x, visits, cond, source, ETAS[r.sampler]))

    @property
    def caption(self) -> str:
        r = self.request
        prompts = self.prompts[:-1]
        prompt = f"“{clipped(prompts[0], 200)}”" if prompts[0] else "no prompt"
        if len(prompts) > 1:
            prompt = counted(len(prompts), "prompt")
        negative = f", away from “{clipped(r.negative, 200)}”" if r.negative else ""
        steps = f"{TEXT_SAMPLERS[r.sampler].title}, {counted(ranged(self.steps))}"
        when = f" for t = {r.guide_from} – {r.guide_to}" if r.interval else ""
        if self.intervals:
            when = " for the t over each picture"
        elif r.interval and not self.guided_steps(0):
            when += ", where no step falls"
        bound = {"dynamic": f"; dynamic threshold, quantile {r.ratio:g}, largest {r.top:g}", "none": "; no threshold"}
        guided = f"guidance {ranged(self.scales)}{when}{bound.get(r.threshold, '')}"
        return f"{r.model}: {prompt}{negative}; {steps}; {guided}; seed {ranged(self.seeds)}."

    @property
    def titles(self) -> Sequence[str]:
        when = [f"-from-{first}-to-{last}" if first >= 0 else "-off" for first, last in self.intervals]
        each = zip(self.seeds, self.scales, self.steps, when or [""] * self.count, strict=True)
        return [f"{k:02d}-seed-{seed}-guidance-{w:g}{t}-steps-{n}" for k, (seed, w, n, t) in enumerate(each, 1)]


def samples(r: PictureRequest) -> Pictures:
    """n pictures from n noises."""
    each = seeds(r.seed, r.n)
    across = tuple(f"seed {s}" for s in each) if r.n <= 5 else ()
    wide = r.n if r.n <= 5 else -(-r.n // 2)
    return Pictures(
        request=r, scales=(r.guidance,) * r.n, seeds=each, steps=(r.length,) * r.n, wide=wide, labels=(across, ())
    )


def strong_guidance(r: PictureRequest) -> float:
    """The request's guidance scale, or the model's default if the request has none."""
    return r.guidance if r.guidance > 1 else default_guidance(r.model)


def with_and_without(r: PictureRequest) -> Pictures:
    """n pictures without guidance, w = 1, above those from the same n noises with guidance."""
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
    """One noise without guidance, with guidance in each third of the timesteps, and with guidance throughout.

    Raises:
        Refused: a third has no step.
    """
    if spec(r.model).counts:
        raise Refused(f"{r.model} has guidance inside, always on; when to guide is a question for its teacher.")
    visits = r.visits(schedule_of(r.model), r.steps)
    if not all(steps_within(third, visits) for third in THIRDS):
        raise Refused("Guidance in each third of the run needs a step in each: take more steps.")
    strong = strong_guidance(r)
    across = ("off, w = 1", *(f"t = {first} – {last}" for first, last in THIRDS), f"always, w = {strong:g}")
    intervals = ((-1, -1), *THIRDS, (NOISIEST, 0))
    return replace(of_one_noise(r, [strong] * len(intervals), across), intervals=intervals)


def guidance_sweep(r: PictureRequest) -> Pictures:
    """One noise at five guidance scales. A student uses the scales that it learned."""
    sweep = STUDENT_SWEEP if spec(r.model).counts else SWEEP
    return of_one_noise(r, sweep, [f"w = {w:g}" for w in sweep])


def step_sweep(r: PictureRequest) -> Pictures:
    """One noise in several numbers of steps, evenly spaced, a row per prompt. A student uses the numbers that it
    learned.

    Raises:
        Refused: the sampler takes only runs of one length.
    """
    if r.sampler not in ETAS:
        raise Refused("The sweep over steps needs DDIM or DDPM.")
    counts = spec(r.model).counts or counts_of(r.sweep_steps, SWEPT, LONGEST)
    prompts = prompts_of(r.sweep_prompts, SWEPT_PROMPTS) or (r.prompt,)
    n = len(counts) * len(prompts)
    down = tuple(map(clipped, prompts)) if len(prompts) > 1 else ()
    one = of_one_noise(replace(r, timesteps=EVEN), [r.guidance] * n, ())
    return replace(
        one, steps=counts * len(prompts), wide=len(counts), labels=(tuple(map(counted, counts)), down),
        texts=tuple(p for p in prompts for _ in counts),
    )  # fmt: skip


def five_styles(r: PictureRequest) -> Pictures:
    """The prompt's thing in every style that the model knows, from one noise.

    Raises:
        Refused: the prompt names no thing, or the model knows one style alone.
    """
    thing = thing_of(r.prompt)
    if not thing:
        raise Refused("Name a thing, to see it in several styles: “an emoji of a fox”.")
    if len(styles(r.model)) == 1:
        raise Refused(f"{r.model} was taught one style alone; choose another model.")
    texts = tuple(f"{style} {thing}" for style in styles(r.model))
    across = [
        _style_of(text, thing) + ", never seen" * never
        for text, never in zip(texts, never_seen(r.model, texts), strict=True)
    ]
    return replace(of_one_noise(r, [r.guidance] * len(texts), across), texts=texts)


def _style_of(text: str, thing: str) -> str:
    """ "a flat drawing of a fox" -> "flat drawing"."""
    return text.removesuffix(f" of {thing}").split(maxsplit=1)[1]


PLANS = {
    "samples": samples,
    "with-and-without": with_and_without,
    "guidance-sweep": guidance_sweep,
    "when-to-guide": when_to_guide,
    "step-sweep": step_sweep,
    "five-styles": five_styles,
}
"""Experiment -> function that makes its plan; the first is the plain run."""


def draw(
    model: Denoiser, prompts: Sequence[str], guidance: float, steps: int, seed: int, interval: Interval | None = None
) -> Iterator[Step]:
    """One picture per prompt with DDIM, picture k from the noise of seed + k; the estimate is clipped to [-1, 1].

    Args:
        guidance, interval: as `core.diffusion.guidance.guide` takes them.
    """
    x = randn((len(prompts), *model.shape), generators(seed, len(prompts)), model.device)
    denoiser = bounded(guided(model, steps, guidance, interval=interval))
    visits = visits_together(model.schedule.timesteps(steps), len(prompts))
    return ddim(denoiser, x, visits, denoiser.encode([p or None for p in prompts]))
