"""Inversion: the noise from which a deterministic sampler draws a given picture, found by walking its path backwards."""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.denoiser import Denoiser, Prediction
from core.diffusion.loop import Step
from core.diffusion.samplers import ddim, heun

SOLVERS = {"ddim": "DDIM", "heun": "Heun"}
SAMPLE = {"ddim": ddim, "heun": heun}
"""The sampler that goes the same path down again."""
CALLS = {"ddim": lambda n: n, "heun": lambda n: 2 * n - 1}
"""Steps -> network calls, up as down."""


@torch.no_grad()
def invert(
    denoiser: Denoiser, x: Tensor, timesteps: Sequence[int], cond: Tensor, solver: str = "ddim"
) -> Iterator[Step]:
    """Take clean x up through the timesteps, dx = x_0 da + eps ds (Song et al. 2021, section 4.3; Dhariwal & Nichol
    2021).

    DDIM takes eps at the lower end of each step, Heun the mean of both ends; the first step, whose lower end is clean, is
    taken with eps at t = 0.

    Args:
        x: (B, ...) clean.
        timesteps: descending, as samplers take them; they are gone through from the last to the first.
        cond: (B, ...), of `denoiser.encode`.
        solver: a key of SOLVERS.

    Yields:
        n + 1 Steps for n timesteps; the last has the noise as its x_t.

    Raises:
        Refused: there is no such solver; samplers that add noise have no way back.
    """
    if solver not in SOLVERS:
        raise Refused("Only a deterministic sampler can be inverted: DDIM or Heun.")
    levels, n, clean = [-1, *reversed(timesteps)], len(timesteps), x
    for i, (t, t_next) in enumerate(itertools.pairwise(levels)):
        now, then = (torch.full((len(x),), k, device=x.device) for k in (t, t_next))
        p = denoiser.predict(x, now.clamp(min=0), cond)
        p = p if i else Prediction(clean, p.eps)
        yield Step(i, n, now.cpu(), x, p.x_0)
        x = _up(denoiser, x, now, then, cond, p, second=solver == "heun" and i > 0)
    yield Step(n, n, then.cpu(), x, denoiser.predict(x, then, cond).x_0)


def _up(denoiser: Denoiser, x: Tensor, now: Tensor, then: Tensor, cond: Tensor, p: Prediction, second: bool) -> Tensor:
    """One step up, by a method of first or second order."""
    (a, s), (a_next, s_next) = denoiser.schedule.at(now, x), denoiser.schedule.at(then, x)
    ahead = x + (a_next - a) * p.x_0 + (s_next - s) * p.eps
    if not second:
        return ahead
    q = denoiser.predict(ahead, then, cond)
    return x + (a_next - a) * (p.x_0 + q.x_0) / 2 + (s_next - s) * (p.eps + q.eps) / 2
