"""From a request to a stream of Steps: the table of samplers, and what a run will cost before it starts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import guide, halves
from core.diffusion.noise import Generators, generators, randn
from core.diffusion.samplers import Step, ddim, dpm_solver, heun, posterior
from core.diffusion.visits import visits_together

Run = Callable[[Denoiser, Tensor, Tensor, Tensor, Generators], Iterator[Step]]
"""(denoiser, x, visits, cond, source) -> Steps, as all of `core.diffusion.samplers`."""


@dataclass(frozen=True)
class Sampler:
    """One row of the table of samplers.

    Args:
        title: what people read.
        steps: (lowest, default, highest) number of steps; equal where there is no choice.
        run: the sampler itself.
        calls: steps -> network calls.
        guidance: the scale that gives the right digit without losing variety, by the benchmark.
    """

    title: str
    steps: tuple[int, int, int]
    run: Run
    calls: Callable[[int], int] = lambda steps: steps
    guidance: float = 1.5


ANCESTRAL = partial(ddim, eta=1.0)
"""DDIM with the noise of the DDPM posterior, on any path (Ho et al. 2020, algorithm 2, where the steps are all)."""
DDPM_SAMPLERS = {
    "ddpm": Sampler("DDPM, all 300 steps", (300, 300, 300), ANCESTRAL, guidance=2.0),
    "ddim": Sampler("DDIM", (2, 20, 100), ddim, guidance=2.5),
    "ddpm-strided": Sampler("DDPM, strided", (2, 50, 100), ANCESTRAL, guidance=2.0),
}
FLOW_SAMPLERS = {
    "euler": Sampler("Euler", (1, 20, 300), ddim),
    "heun": Sampler("Heun", (1, 10, 300), heun, lambda steps: 2 * steps - 1),
}
SAMPLERS = DDPM_SAMPLERS | FLOW_SAMPLERS
TEXT_SAMPLERS = {
    "ddim": Sampler("DDIM", (1, 30, 250), ddim, guidance=3.0),
    "ddpm": Sampler("DDPM, strided posterior", (1, 50, 250), posterior, guidance=3.0),
    "dpm-solver": Sampler("DPM-Solver++", (1, 20, 250), dpm_solver, guidance=3.0),
}
ETAS = {"ddim": 0.0, "ddpm": 1.0}
"""The samplers that can start midway and be held to a picture after every step, with their eta."""


def samplers_for(kind: str) -> dict[str, Sampler]:
    """The samplers that fit a model of that kind, "ddpm" or "flow"; the first is the default."""
    return {"ddpm": DDPM_SAMPLERS, "flow": FLOW_SAMPLERS}[kind]


def evaluations(sampler: str, steps: int, guidance: float, n: int) -> tuple[int, int]:
    """(network calls, images in each call) of a run that makes n pictures."""
    return SAMPLERS[sampler].calls(steps), halves(guidance) * n


def generate(
    denoiser: Denoiser, prompts: Sequence, sampler: str, steps: int, guidance: float, seed: int
) -> Iterator[Step]:
    """Sample one picture per prompt; picture k starts from the noise of seed + k.

    Args:
        prompts: what `denoiser.encode` takes.
        sampler: a key of SAMPLERS.
        guidance: w of classifier-free guidance; 0 unconditional, 1 conditional.

    Returns:
        The sampler's Steps, x_t and x_0 (len(prompts), C, H, W).
    """
    source = generators(seed, len(prompts))
    x = randn((len(prompts), *denoiser.shape), source, denoiser.device)
    guided = guide(denoiser, guidance)
    visits = visits_together(denoiser.schedule.timesteps(steps), len(prompts))
    return SAMPLERS[sampler].run(guided, x, visits, guided.encode(prompts), source)
