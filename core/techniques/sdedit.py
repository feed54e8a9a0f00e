"""SDEdit: a picture, noised and denoised again; the less noise, the nearer the result (Meng et al. 2021)."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.checks import whole
from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, update

LADDER = (1, 3, 5, 7, 10, 20)
"""Places in the list 990, 960, ..., 0 where the runs begin."""


def sdedit(
    denoiser: Denoiser,
    pictures: Tensor,
    cond: Tensor,
    timesteps: Sequence[int],
    starts: Sequence[int],
    source: Generators,
    eta: float = 0.0,
) -> Iterator[Step]:
    """Several runs as one batch that grows: run k joins at timesteps[starts[k]], from a_t picture + s_t eps.

    Args:
        pictures: (B, C, H, W) in the model's range, one per run, or one for all (1, C, H, W).
        cond: (B, ...) from `denoiser.encode`.
        timesteps: n descending ones; a step to t = -1 follows.
        starts: B places 0 .. n; larger is nearer to the picture, and n is the picture itself.
        source: one generator per run, and then run k is the same alone; or one for all.
        eta: 0 deterministic .. 1 the DDPM posterior.

    Yields:
        Steps from the earliest start on; a run that waits shows its noised picture as x_t and x_0.

    Raises:
        ValueError: a start out of range, or not as many as there are conditions.
    """
    starts = [whole(k, 0, len(timesteps), "Each start") for k in starts]
    if not starts or len(starts) != len(cond):
        raise ValueError(f"{len(cond)} runs need {len(cond)} starts, not {len(starts)}.")
    return _ladder(denoiser, pictures, cond, [*timesteps, -1], starts, source, eta)


@torch.no_grad()
def _ladder(
    denoiser: Denoiser,
    pictures: Tensor,
    cond: Tensor,
    visits: Sequence[int],
    starts: Sequence[int],
    source: Generators,
    eta: float,
) -> Iterator[Step]:
    """The generator behind `sdedit`, its arguments checked; `visits` ends at -1."""
    schedule, device = denoiser.schedule, pictures.device
    visits, places = torch.tensor(visits), torch.tensor(starts)
    on_device = visits.to(device)
    x = pictures.expand(len(starts), *pictures.shape[1:])
    x = schedule.forward(x, visits[places].to(device), randn(x.shape, source, device).to(x.dtype))
    first, n = min(starts), len(visits) - 1
    for i in range(first, n):
        if i in starts:  # between these, the condition is one object, by which a network may know it again
            rows = [k for k, place in enumerate(starts) if place <= i]
            mine = torch.tensor(rows, device=device)
            asked = cond[mine]
        t, t_next = on_device[i].repeat(len(rows)), on_device[i + 1].repeat(len(rows))
        p = denoiser.predict(x[mine], t, asked)
        yield Step(i - first, n - first, visits[places.clamp(min=i)], x, x.index_copy(0, mine, p.x_0))
        z = torch.zeros_like(x[mine])
        if eta and i < n - 1:
            drawn = source if isinstance(source, torch.Generator) else [source[k] for k in rows]
            z = randn(z.shape, drawn, device).to(x.dtype)
        x = x.index_copy(0, mine, update(schedule, x[mine], t, t_next, p, eta, z))
    yield Step(n - first, n - first, visits[-1:].repeat(len(starts)), x, x)
