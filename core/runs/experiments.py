"""Pictures that run together so that they compare: guidance off and on, how much of it and when, how many steps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from core.checks import Refused
from core.diffusion.guidance import Stretch, bounded, guide, halves, steps_within
from core.diffusion.noise import generator, randn, seeds
from core.diffusion.sampler_table import ETAS, TEXT_SAMPLERS
from core.diffusion.samplers import Step, ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_each, visits_together
from core.models import pocket
from core.models.deepfloyd import stages
from core.models.deepfloyd.hub import is_deepfloyd
from core.models.registry import load
from core.runs.sampling import EVEN, NOISIEST, PictureRequest, default_guidance

SWEEP = (0.0, 1.0, 3.0, 7.0, 15.0)
THIRDS = ((NOISIEST, 667), (666, 334), (333, 0))
STEP_SWEEP = (2, 4, 6, 8, 12, 16, 20, 50, 100)


@dataclass(frozen=True)
class Plan:
    """Pictures that run together: one prompt, scale, seed and number of steps each, laid out in a labelled grid.

    Args:
        columns: pictures in a row.
        across, down: the labels of the columns and of the rows; empty where there is nothing to tell.
        stretches: where guidance is on, one per picture; empty where all have the request's.
    """

    request: PictureRequest
    scales: tuple[float, ...]
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    columns: int
    across: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    stretches: tuple[Stretch, ...] = ()

    def settings(self) -> dict:
        """What a saved picture carries: the request, and the steps of each picture where they differ."""
        each = {"steps_each": self.steps} if len(set(self.steps)) > 1 else {}
        return self.request.settings() | each

    def cost(self) -> tuple[int, float]:
        """(network calls, mean number of pictures in each)."""
        calls = max(self.steps)
        if self.request.stretch or self.stretches:
            twice = sum(map(self.guided, range(len(self.seeds)))) * (set(self.scales) != {1.0})
            return calls, (sum(self.steps) + twice) / calls
        per_picture = halves(self.scales[0]) if len(set(self.scales)) == 1 else 2
        return calls, per_picture * sum(self.steps) / calls

    def guided(self, k: int) -> int:
        """The steps of picture k at which guidance is on."""
        stretch = self.stretches[k] if self.stretches else self.request.stretch or (NOISIEST, 0)
        return steps_within(stretch, self.request.visits(schedule_of(self.request.model), self.steps[k]))

    def run(self, device: str = "auto") -> Iterator[Step]:
        """The sampler's Steps, x_t and x_0 (B, 3, 64, 64) in [-1, 1]."""
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
            return TEXT_SAMPLERS[r.sampler].run(guided, x, visits, cond, source)
        visits = visits_each([model.schedule.timesteps(steps) for steps in self.steps])
        return ddim(guided, x, visits, cond, source, ETAS[r.sampler])


def schedule_of(model: str) -> Schedule:
    """The schedule of a text model, which need not be here."""
    return (stages if is_deepfloyd(model) else pocket).SCHEDULE


def samples(r: PictureRequest) -> Plan:
    """n pictures from n noises."""
    each = seeds(r.seed, r.n)
    across = tuple(f"seed {s}" for s in each) if r.n <= 5 else ()
    return Plan(r, (r.guidance,) * r.n, each, (r.length,) * r.n, r.n if r.n <= 5 else -(-r.n // 2), across)


def strong_guidance(r: PictureRequest) -> float:
    """The request's guidance, or the model's own where the request's is none."""
    return r.guidance if r.guidance > 1 else default_guidance(r.model)


def with_and_without(r: PictureRequest) -> Plan:
    """n pictures without guidance, w = 1, above the same n noises with it."""
    one = samples(r)
    strong = strong_guidance(r)
    scales = (1.0,) * r.n + (strong,) * r.n
    across = tuple(f"seed {s}" for s in one.seeds)
    down = ("no guidance, w = 1", f"guidance, w = {strong:g}")
    return Plan(r, scales, one.seeds * 2, one.steps * 2, r.n, across, down)


def when_to_guide(r: PictureRequest) -> Plan:
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
    n = len(stretches)
    return Plan(r, (strong,) * n, (r.seed,) * n, (r.length,) * n, n, across, stretches=stretches)


def guidance_sweep(r: PictureRequest) -> Plan:
    """One noise at five scales."""
    n = len(SWEEP)
    return Plan(r, SWEEP, (r.seed,) * n, (r.length,) * n, n, tuple(f"w = {w:g}" for w in SWEEP))


def step_sweep(r: PictureRequest) -> Plan:
    """One noise in nine numbers of steps, evenly spaced: a published list has one number alone.

    Raises:
        Refused: the sampler takes only runs of one length.
    """
    if r.sampler not in ETAS:
        raise Refused("The sweep over steps needs DDIM or DDPM.")
    n, r = len(STEP_SWEEP), replace(r, timesteps=EVEN)
    return Plan(r, (r.guidance,) * n, (r.seed,) * n, STEP_SWEEP, n, tuple(f"{k} steps" for k in STEP_SWEEP))


EXPERIMENTS = {
    "samples": samples,
    "with-and-without": with_and_without,
    "guidance-sweep": guidance_sweep,
    "when-to-guide": when_to_guide,
    "step-sweep": step_sweep,
}
