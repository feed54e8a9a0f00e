"""SDEdit: a picture, noised and denoised again; the less noise, the nearer the result (Meng et al. 2021)."""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, ddim

LADDER = (1, 3, 5, 7, 10, 20)
"""Places in the list 990, 960, ..., 0 where the runs begin."""


def sdedit(
    denoiser: Denoiser, pictures: Tensor, visits: Tensor, cond: Tensor, source: Generators, eta: float = 0.0
) -> Iterator[Step]:
    """Several runs as one batch: run k begins at its first timestep t = visits[0, k], from a_t picture + s_t eps.

    Args:
        pictures: (B, ...) in the model's range, one per run, or one for all (1, ...).
        visits: (n + 1, B), of `core.diffusion.visits.visits_from` for a ladder of strengths that join one by one.
        cond: (B, ...) from `denoiser.encode`.
        source: one generator per run, and then run k is the same alone; or one for all.
        eta: 0 deterministic .. 1 the DDPM posterior.

    Returns:
        Steps without parts; a run that waits shows its noised picture as x_t and x_0.
    """
    pictures = pictures.expand(visits.shape[1], *pictures.shape[1:])
    eps = randn(pictures.shape, source, pictures.device).to(pictures.dtype)
    x = denoiser.schedule.forward(pictures, visits[0], eps)
    steps = ddim(denoiser, x, visits, cond, source, eta)
    return (replace(step, parts={}) for step in steps)  # a run that waits has no noise estimate yet
