"""Langevin dynamics: a random walk along the score, and its annealed form that goes from much noise to little.

Two conventions are in use, and mixing them is the classic fault of a factor 2:

    x <- x + alpha score + sqrt(2 alpha) z          here, and in the published code of NCSN
    x <- x + (alpha / 2) score + sqrt(alpha) z      in the paper of NCSN, whose alpha is twice as large
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.loop import Group, Step
from core.diffusion.noise import Generators
from core.diffusion.schedule import Schedule

REPEATS = 100
"""Steps at each noise level, as published."""
STEP = 0.2
"""alpha_t / s_t^2: the published 2e-5 (sigma / sigma_L)^2 with sigma_L = 0.01."""


@torch.no_grad()
def annealed_langevin(
    denoiser: Denoiser, x: Tensor, visits: Tensor, cond: Tensor, source: Generators, repeats: int = REPEATS
) -> Iterator[Step]:
    """Langevin dynamics at each noise level in turn, with alpha_t = STEP s_t^2 (Song & Ermon 2019, algorithm 1).

    The score of p_t is -eps / s_t, so a step is x <- x - STEP s_t eps + s_t sqrt(2 STEP) z. The last row of visits gets
    the clean estimate of the last state, as a denoiser is there (Song & Ermon 2020, section 3.4, do the same).

    Args:
        visits: (n + 1, B), see `core.diffusion.visits`; all samples go down together.
        repeats: steps at each of the n levels; one network call each.

    Yields:
        n * repeats + 1 Steps.
    """
    n, everyone = (len(visits) - 1) * repeats, Group(range(len(x)), cond)
    kick = math.sqrt(2 * STEP)
    for i in range(n):
        t = visits[i // repeats].to(x.device)
        p = denoiser.predict(x, t, cond)
        yield Step(i, n, visits[i // repeats], x, p.x_0, p.parts)
        s = denoiser.schedule.at(t, x)[1]
        x = x + s * (kick * everyone.noise(x, source) - STEP * p.eps)
    x_0 = denoiser.predict(x, visits[-2].to(x.device), cond).x_0
    yield Step(n, n, visits[-1], x_0, x_0)


def geometric(schedule: Schedule, levels: int) -> list[int]:
    """Timesteps whose noise-to-signal ratios s / a fall by the same factor from 3 to 0.03, or as far as the path goes.

    Song & Ermon 2019 fall by 100 in ten levels too, from 1 to 0.01 for pictures in [0, 1]; data at scale 1 needs more.
    """
    ratio = (schedule.s / schedule.a)[:-1]
    wanted = 3.0 * 0.01 ** torch.linspace(0, 1, levels, dtype=torch.float64)
    nearest = (ratio - wanted[:, None]).abs().argmin(1)  # an infinite ratio is never nearest
    return sorted(set(nearest.tolist()), reverse=True)
