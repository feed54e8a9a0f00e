"""From noise to image, one network call at a time: every sampler is a generator of Steps and keeps nothing else.

A run of n timesteps yields n + 1 Steps: one at each timestep, with the state x_t and the clean estimate made
from it, and a last one at t = -1 that holds the result. The final image, the live preview, the scrubber, the
GIF, the progress line and Stop are ways to consume that one iterator.

The same update serves every Gaussian path,

    x_t' = a_t' x_0 + sqrt(s_t'^2 - sigma^2) eps + sigma z,     z ~ N(0, I)

On a DDPM path it is DDIM (Song et al. 2021, eq. 12); with eta = 1 it is the strided DDPM posterior
(Ho et al. 2020, eq. 7). On the straight path of flow matching, with eta = 0, it is Euler's method.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.denoiser import Denoiser, Prediction
from core.rng import Generators, randn
from core.schedule import Schedule


@dataclass(frozen=True)
class Step:
    """What samplers yield.

    Args:
        i: updates done so far, 0 .. n.
        n: updates in all.
        t: (B,) timesteps on the CPU; -1 in the last Step.
        x_t: (B, C, H, W) the state at t.
        x_0: (B, C, H, W) the clean estimate made from x_t; x_t itself in the last Step.
        parts: the Prediction's parts; none in the last Step.
    """

    i: int
    n: int
    t: Tensor
    x_t: Tensor
    x_0: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


def update(
    schedule: Schedule, x_t: Tensor, t: Tensor, t_next: Tensor, p: Prediction, eta: float = 0.0, z: Tensor | None = None
) -> Tensor:
    """One step from timesteps t to t_next, both (B,): the module's equation with sigma = eta * schedule.sigma."""
    a, s = schedule.at(t_next, x_t)
    if not eta:
        return a * p.x_0 + s * p.eps
    sigma = eta * schedule.sigma(t, t_next, x_t)
    return a * p.x_0 + (s**2 - sigma**2).clamp(min=0).sqrt() * p.eps + sigma * z


def _visits(timesteps: Sequence[int] | Tensor, x: Tensor) -> Tensor:
    """(n + 1, B) timesteps on the CPU, the last row -1, from n shared ones or an (n, B) table."""
    t = torch.as_tensor(timesteps, dtype=torch.long).cpu()
    t = t[:, None].expand(-1, len(x)) if t.ndim == 1 else t
    return torch.cat([t, -torch.ones_like(t[:1])])


@torch.no_grad()
def ddim(
    denoiser: Denoiser,
    x: Tensor,
    timesteps: Sequence[int] | Tensor,
    cond: Tensor,
    eta: float = 0.0,
    source: Generators | None = None,
) -> Iterator[Step]:
    """DDIM(eta) on any Gaussian path; on the straight path with eta = 0 this is Euler's method.

    Args:
        x: (B, C, H, W) the state at the first timestep.
        timesteps: n descending timesteps, or (n, B) of them, one column per sample; a step to t = -1 follows.
        cond: (B, ...) conditioning from `denoiser.encode`.
        eta: 0 deterministic .. 1 the DDPM posterior.
        source: a generator, or one per sample; needed when eta > 0.
    """
    visits = _visits(timesteps, x)
    on_device = visits.to(x.device)
    n = len(visits) - 1
    for i in range(n):
        p = denoiser.predict(x, on_device[i], cond)
        yield Step(i, n, visits[i], x, p.x_0, p.parts)
        z = randn(x.shape, source, x.device) if eta and i < n - 1 else torch.zeros_like(x)
        x = update(denoiser.schedule, x, on_device[i], on_device[i + 1], p, eta, z)
    yield Step(n, n, visits[n], x, x)


def ddpm(denoiser: Denoiser, x: Tensor, cond: Tensor, source: Generators) -> Iterator[Step]:
    """Ancestral sampling over all T timesteps (Ho et al. 2020, algorithm 2, with the posterior variance)."""
    return ddim(denoiser, x, denoiser.schedule.timesteps(denoiser.schedule.T), cond, 1.0, source)


@torch.no_grad()
def heun(denoiser: Denoiser, x: Tensor, timesteps: Sequence[int] | Tensor, cond: Tensor) -> Iterator[Step]:
    """Heun's second-order method for dx = x_0 da + eps ds; the last step, to t = -1, is Euler's.

    Two network calls per step but the last: 2 n - 1 in all (Karras et al. 2022, algorithm 1). Arguments as `ddim`.
    """
    visits = _visits(timesteps, x)
    on_device = visits.to(x.device)
    n = len(visits) - 1
    for i in range(n):
        t, t_next = on_device[i], on_device[i + 1]
        p = denoiser.predict(x, t, cond)
        yield Step(i, n, visits[i], x, p.x_0, p.parts)
        ahead = update(denoiser.schedule, x, t, t_next, p)
        if i < n - 1:
            q = denoiser.predict(ahead, t_next, cond)
            (a, s), (a_next, s_next) = denoiser.schedule.at(t, x), denoiser.schedule.at(t_next, x)
            ahead = x + (a_next - a) * (p.x_0 + q.x_0) / 2 + (s_next - s) * (p.eps + q.eps) / 2
        x = ahead
    yield Step(n, n, visits[n], x, x)


@torch.no_grad()
def ddim_each(
    denoiser: Denoiser,
    x: Tensor,
    timesteps: Sequence[Sequence[int]],
    cond: Tensor,
    eta: float = 0.0,
    source: Generators | None = None,
) -> Iterator[Step]:
    """DDIM(eta) where every sample has its own timesteps, of any number: one batch that shrinks as samples finish.

    Args:
        timesteps: B lists of descending timesteps; a step to t = -1 follows each.
        source: B generators, one per sample; needed when eta > 0. Other arguments as `ddim`.
    """
    n = max(map(len, timesteps))
    visits = torch.tensor([[*row, *[-1] * (n + 1 - len(row))] for row in timesteps]).T  # (n + 1, B)
    x, x_0 = x.clone(), x.clone()
    for i in range(n):
        rows = (visits[i] >= 0).nonzero().flatten().tolist()
        t, t_next = visits[i, rows].to(x.device), visits[i + 1, rows].to(x.device)
        p = denoiser.predict(x[rows], t, cond[rows])
        x_0[rows] = p.x_0
        yield Step(i, n, visits[i], x.clone(), x_0.clone())
        z = randn(x[rows].shape, [source[k] for k in rows], x.device) if eta else torch.zeros_like(x[rows])
        x[rows] = update(denoiser.schedule, x[rows], t, t_next, p, eta, z)
        x_0[rows] = torch.where((t_next < 0).view(-1, 1, 1, 1), x[rows], x_0[rows])
    yield Step(n, n, visits[n], x, x)
