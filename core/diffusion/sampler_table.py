"""The table of samplers, the cost of a run before it starts, and the run itself as Steps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import halves
from core.diffusion.noise import Generators, generators, randn
from core.diffusion.samplers import Step, consistency, ddim, dpm_solver, heun, posterior
from core.diffusion.students import FEW_STEPS, guided, is_student
from core.diffusion.visits import visits_together

Run = Callable[[Denoiser, Tensor, Tensor, Tensor, Generators], Iterator[Step]]
"""(denoiser, x, visits, cond, source) -> Steps, as all of `core.diffusion.samplers`."""


@dataclass(frozen=True)
class Sampler:
    """One row of the table of samplers.

    Args:
        title: its name on the page.
        steps: (lowest, default, highest) number of steps; equal if there is no choice.
        run: the sampler itself.
        calls: steps -> network calls.
        guidance: the guidance scale that gives the right digit and keeps variety, by the benchmark.
        counts: the numbers of steps that its students learned; empty for a sampler without students.
        scales: the guidance scales that they learned, smallest and largest.
    """

    title: str
    steps: tuple[int, int, int]
    run: Run
    calls: Callable[[int], int] = lambda steps: steps
    guidance: float = 1.5
    counts: tuple[int, ...] = ()
    scales: tuple[float, float] | None = None


ANCESTRAL = partial(ddim, eta=1.0)
"""DDIM with the noise of the DDPM posterior, on any path (Ho et al. 2020, algorithm 2, if it takes all steps)."""
DDPM_SAMPLERS = {
    "ddpm": Sampler("DDPM, all 300 steps", (300, 300, 300), ANCESTRAL, guidance=2.0),
    "ddim": Sampler("DDIM", (2, 20, 100), ddim, guidance=2.5),
    "ddpm-strided": Sampler("DDPM, strided", (2, 50, 100), ANCESTRAL, guidance=2.0),
}
FLOW_SAMPLERS = {
    "euler": Sampler("Euler", (1, 20, 300), ddim),
    "heun": Sampler("Heun", (1, 10, 300), heun, lambda steps: 2 * steps - 1),
}
FAST_SAMPLERS = {
    "few-steps": Sampler("Few steps, distilled", (1, 4, 16), ddim, counts=FEW_STEPS, scales=(1.0, 5.0)),
}
CONSISTENCY = {"steps": (1, 2, 4), "counts": FEW_STEPS[:3], "scales": (1.0, 5.0)}
CONSISTENCY_SAMPLERS = {
    "consistency": Sampler("Consistency, fresh noise", run=consistency, **CONSISTENCY),
    "consistency-same": Sampler("Consistency, same noise", run=partial(consistency, same_noise=True), **CONSISTENCY),
}
KINDS = {
    "ddpm": DDPM_SAMPLERS,
    "flow": FLOW_SAMPLERS,
    "fast": FAST_SAMPLERS,
    "consistency": CONSISTENCY_SAMPLERS,
}
SAMPLERS = {name: sampler for table in KINDS.values() for name, sampler in table.items()}
TEXT_SAMPLERS = {
    "ddim": Sampler("DDIM", (1, 30, 250), ddim, guidance=3.0),
    "ddpm": Sampler("DDPM", (1, 50, 250), posterior, guidance=3.0),
    "dpm-solver": Sampler("DPM-Solver++", (1, 20, 250), dpm_solver, guidance=3.0),
}
ETAS = {"ddim": 0.0, "ddpm": 1.0}
"""The samplers that can start midway and take a constraint after every step, with their eta."""


def samplers_for(kind: str) -> dict[str, Sampler]:
    """The samplers that fit a model of that kind, a key of KINDS; the first is the default."""
    return KINDS[kind]


def evaluations(sampler: str, steps: int, guidance: float, n: int) -> tuple[int, int]:
    """(network calls, images in each call) of a run that makes n pictures."""
    row = SAMPLERS[sampler]
    return row.calls(steps), (1 if row.counts else halves(guidance)) * n


def generate(
    denoiser: Denoiser,
    prompts: Sequence,
    sampler: str,
    steps: int,
    guidance: float,
    seed: int,
    mean: Tensor | None = None,
) -> Iterator[Step]:
    """Sample one picture per prompt; picture k starts from the noise of seed + k.

    A path whose last level still holds some of the picture, a_T > 0, does not end in pure noise; with the mean of the
    pictures under it, a_T mean + s_T eps, a run begins nearer to where the network learned (Lin et al. 2024, "Common
    diffusion noise schedules and sample steps are flawed", change the schedule instead).

    Args:
        prompts: what `denoiser.encode` takes.
        sampler: a key of SAMPLERS.
        guidance: w of classifier-free guidance; 0 unconditional, 1 conditional.
        mean: (C, H, W) under the first noise; none for pure noise.

    Returns:
        The sampler's Steps, x_t and x_0 (len(prompts), C, H, W).

    Raises:
        Refused: a student with another model's sampler or the reverse, or what the student did not learn.
    """
    row = SAMPLERS[sampler]
    if is_student(denoiser) != bool(row.counts):
        raise Refused(
            f"The sampler {row.title} does not fit this model: students of few steps have their own samplers."
        )
    source = generators(seed, len(prompts))
    x = randn((len(prompts), *denoiser.shape), source, denoiser.device)
    timesteps = denoiser.schedule.timesteps(steps)
    if mean is not None:
        x = denoiser.schedule.forward(mean.to(x).expand_as(x), torch.tensor(timesteps[:1]), x)
    model = guided(denoiser, steps, guidance)
    visits = visits_together(timesteps, len(prompts))
    return row.run(model, x, visits, model.encode(prompts), source)
