"""Runs that are held to a given picture after every step: inpainting with resampling (RePaint, Lugmayr et al. 2022).

A run is a list of timesteps to visit that ends at -1. Each step down asks the network once; each step up, which
resampling takes, only adds noise.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, update
from core.diffusion.schedule import Schedule

Constraint = Callable[[Tensor, Tensor], Tensor]
"""(x (B, C, H, W), t (B,)) -> x, at the level just reached; at t = -1 it sees the result."""


def zigzag(timesteps: Sequence[int], jump_length: int = 10, jump_n: int = 1, start: int | None = None) -> list[int]:
    """The timesteps that a run with resampling visits, -1 at the end (Lugmayr et al. 2022, algorithm 1, appendix B).

    Every `jump_length` steps the run goes back up by as many, so that it goes down each stretch but the
    first, which is nearly pure noise, `jump_n` times before the next.

    Args:
        timesteps: n descending ones; the paper has 250.
        jump_length: j, at least 1.
        jump_n: r, how often a stretch is gone through; 1 is no resampling. The paper has j = 10, r = 10.
        start: jumps begin when no more than this many steps remain at the top of the jump; None for all.

    Raises:
        ValueError: no timesteps, not descending to 0 or above, or a jump below 1.
    """
    n, levels = len(timesteps), list(timesteps)
    if not n or levels[-1] < 0 or any(a <= b for a, b in pairwise(levels)):
        raise ValueError("The timesteps must descend and end at 0 or above.")
    if jump_length < 1 or jump_n < 1:
        raise ValueError("The jump length and the number of passes must be at least 1.")
    start = n if start is None else start
    left = {k: jump_n - 1 for k in range(0, n - jump_length, jump_length) if k + jump_length <= start}
    visits, place = [], n  # place: steps that remain after the visit
    while place > 0:
        place -= 1
        visits.append(place)
        if left.get(place, 0):
            left[place] -= 1
            visits += range(place + 1, place + jump_length + 1)
            place += jump_length
    return [levels[n - 1 - k] for k in visits] + [-1]


def evaluations(visits: Sequence[int]) -> int:
    """How often a run asks the network: the steps down among its len(visits) - 1 transitions."""
    return sum(b < a for a, b in pairwise(visits))


def renoise(schedule: Schedule, x: Tensor, t: Tensor, t_next: Tensor, z: Tensor) -> Tensor:
    """From timesteps t up to t_next, both (B,): q(x_t' | x_t) = N((a' / a) x_t, s'^2 - (a' / a)^2 s^2).

    Ho et al. 2020, eq. 2, across several levels; needs a_t > 0.
    """
    (a, s), (a_next, s_next) = schedule.at(t, x), schedule.at(t_next, x)
    ratio = a_next / a
    return ratio * x + (s_next**2 - (ratio * s) ** 2).clamp(min=0).sqrt() * z


@torch.no_grad()
def constrained(
    denoiser: Denoiser,
    x: Tensor,
    visits: Sequence[int],
    cond: Tensor,
    constrain: Constraint,
    source: Generators,
    eta: float = 1.0,
) -> Iterator[Step]:
    """A DDIM(eta) run with a constraint after every step down, and forward noise on every step up.

    Args:
        x: (B, C, H, W) the state at visits[0].
        visits: of `zigzag`, or descending timesteps and -1.
        cond: (B, ...) from `denoiser.encode`.
        constrain: applied at the level just reached.
        source: one generator, or one per sample.
        eta: 0 deterministic .. 1 the DDPM posterior, the paper's.

    Yields:
        len(visits) Steps; on a way up, x_0 is the last estimate.
    """
    n, x_0 = len(visits) - 1, x
    rows = torch.tensor(visits)[:, None].expand(-1, len(x))  # (n + 1, B)
    on_device = rows.to(x.device)
    for i, (t, t_next) in enumerate(pairwise(visits)):
        here, now, then = rows[i], on_device[i], on_device[i + 1]
        if t_next > t:
            yield Step(i, n, here, x, x_0)
            x = renoise(denoiser.schedule, x, now, then, _noise(x, source))
            continue
        p = denoiser.predict(x, now, cond)
        x_0 = p.x_0
        yield Step(i, n, here, x, x_0, p.parts)
        z = _noise(x, source) if eta and t_next >= 0 else torch.zeros_like(x)
        x = constrain(update(denoiser.schedule, x, now, then, p, eta, z), then)
    yield Step(n, n, rows[n], x, x)


def _noise(x: Tensor, source: Generators) -> Tensor:
    return randn(x.shape, source, x.device).to(x.dtype)


def inpaint(
    denoiser: Denoiser,
    picture: Tensor,
    mask: Tensor,
    visits: Sequence[int],
    cond: Tensor,
    source: Generators,
    eta: float = 1.0,
    clean_paste: bool = False,
) -> Iterator[Step]:
    """New content where the mask is 1 (RePaint, Lugmayr et al. 2022, algorithm 1).

    After each step, at the level t' just reached, x <- m x + (1 - m) (a_t' picture + s_t' z). At the end the known
    pixels are the picture's, bit for bit. Where 0 < m < 1 (a feathered edge) everything is made anew, and the
    result blended with the picture at the end: a blend on the way would take away noise that the network counts on.

    Args:
        picture: (B, C, H, W) in the model's range; what lies under the mask plays no part.
        mask: (1 or B, 1, H, W) in [0, 1]; see `core.pictures.masks`.
        visits, cond, source, eta: as in `constrained`; cond is (B, ...).
        clean_paste: keep the known pixels clean at every step instead, as common pipelines do. The network then
            sees noise of two levels in one picture, and fills the hole with something flatter than it should.
    """
    mask = mask.to(picture)
    new, known = (mask > 0).expand_as(picture), (mask == 0).expand_as(picture)
    schedule = denoiser.schedule

    def constrain(x: Tensor, t: Tensor) -> Tensor:
        held = torch.where(new, x, picture if clean_paste else schedule.forward(picture, t, _noise(x, source)))
        blend = torch.where(known, picture, torch.where(mask == 1, x, mask * x + (1 - mask) * picture))
        return torch.where((t < 0).view(-1, 1, 1, 1), blend, held)  # not `if`, which would wait for the device

    return constrained(denoiser, _noise(picture, source), visits, cond, constrain, source, eta)
