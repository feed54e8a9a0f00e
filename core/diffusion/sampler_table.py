"""From a request to a stream of Steps: the table of samplers, and what a run will cost before it starts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from core.diffusion import samplers
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import guide, halves
from core.diffusion.noise import Generators, generators, randn
from core.diffusion.samplers import Step

Steps = int | Sequence[int]
"""A number of evenly spaced steps, or the timesteps themselves."""
Run = Callable[[Denoiser, Tensor, Steps, Tensor, Generators], Iterator[Step]]


@dataclass(frozen=True)
class Sampler:
    """One row of the table of samplers.

    Args:
        title: what people read.
        steps: (lowest, default, highest) number of steps; equal where there is no choice.
        run: (denoiser, x, steps, cond, source) -> Steps.
        calls: steps -> network calls.
        guidance: the scale that gives the right digit without losing variety, by the benchmark.
    """

    title: str
    steps: tuple[int, int, int]
    run: Run
    calls: Callable[[int], int] = lambda steps: steps
    guidance: float = 1.5


def _visits(d: Denoiser, steps: Steps) -> Sequence[int]:
    """The timesteps of that many steps, or those that are given."""
    return d.schedule.timesteps(steps) if isinstance(steps, int) else steps


def _ddim(eta: float) -> Run:
    return lambda d, x, steps, cond, source: samplers.ddim(d, x, _visits(d, steps), cond, eta, source)


def _heun(d: Denoiser, x: Tensor, steps: Steps, cond: Tensor, source: Generators) -> Iterator[Step]:
    return samplers.heun(d, x, _visits(d, steps), cond)


def _posterior(d: Denoiser, x: Tensor, steps: Steps, cond: Tensor, source: Generators) -> Iterator[Step]:
    return samplers.posterior(d, x, _visits(d, steps), cond, source)


def _dpm_solver(d: Denoiser, x: Tensor, steps: Steps, cond: Tensor, source: Generators) -> Iterator[Step]:
    return samplers.dpm_solver(d, x, _visits(d, steps), cond)


DDPM_SAMPLERS = {
    "ddpm": Sampler("DDPM, all 300 steps", (300, 300, 300), _ddim(1.0), guidance=2.0),
    "ddim": Sampler("DDIM", (2, 20, 100), _ddim(0.0), guidance=2.5),
    "ddpm-strided": Sampler("DDPM, strided", (2, 50, 100), _ddim(1.0), guidance=2.0),
}
FLOW_SAMPLERS = {
    "euler": Sampler("Euler", (1, 20, 300), _ddim(0.0)),
    "heun": Sampler("Heun", (1, 10, 300), _heun, lambda steps: 2 * steps - 1),
}
SAMPLERS = DDPM_SAMPLERS | FLOW_SAMPLERS
TEXT_SAMPLERS = {
    "ddim": Sampler("DDIM", (1, 30, 250), _ddim(0.0), guidance=3.0),
    "ddpm": Sampler("DDPM, strided posterior", (1, 50, 250), _posterior, guidance=3.0),
    "dpm-solver": Sampler("DPM-Solver++", (1, 20, 250), _dpm_solver, guidance=3.0),
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
    return SAMPLERS[sampler].run(guided, x, steps, guided.encode(prompts), source)
