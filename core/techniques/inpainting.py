"""Inpainting with resampling: known pixels are reset after every step (RePaint, Lugmayr et al. 2022).

Each step down is one network call; each step up, by resampling, only adds noise.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, ddim
from core.diffusion.schedule import per_sample


def zigzag(timesteps: Sequence[int], jump_length: int = 10, jump_n: int = 1, start: int | None = None) -> list[int]:
    """The timesteps that a run with resampling visits, -1 at the end (Lugmayr et al. 2022, algorithm 1, appendix B).

    Every `jump_length` steps the run goes back up by as many. It goes down each interval `jump_n` times before the next,
    except the first, which is nearly pure noise.

    Args:
        timesteps: n descending ones; the paper has 250.
        jump_length: j, at least 1.
        jump_n: r, the passes through an interval; 1 is no resampling. The paper has j = 10, r = 10.
        start: a jump is made only if at most this many steps remain at its top; None for all jumps.

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
    visits, place = [], n  # place: the steps left after the visit
    while place > 0:
        place -= 1
        visits.append(place)
        if left.get(place, 0):
            left[place] -= 1
            visits += range(place + 1, place + jump_length + 1)
            place += jump_length
    return [levels[n - 1 - k] for k in visits] + [-1]


def evaluations(visits: Sequence[int]) -> int:
    """The network calls of a run: the steps down among its len(visits) - 1 transitions."""
    return sum(b < a for a, b in pairwise(visits))


def inpaint(
    denoiser: Denoiser,
    picture: Tensor,
    mask: Tensor,
    visits: Tensor,
    cond: Tensor,
    source: Generators,
    clean_paste: bool = False,
) -> Iterator[Step]:
    """New content where the mask is 1 (RePaint, Lugmayr et al. 2022, algorithm 1), by the strided DDPM posterior.

    After each step, at the level t' just reached, x <- m x + (1 - m) (a_t' picture + s_t' z). At the end the known
    pixels are those of the picture, bit for bit. Where 0 < m < 1 (a feathered edge), pixels are fully generated and
    blended with the picture only at the end: blending earlier would reduce the noise that the network expects.

    Args:
        picture: (B, ...) in the model's range; pixels under the mask are ignored.
        mask: in [0, 1], of a shape that broadcasts to the picture; see `core.pictures.masks`.
        visits: (n + 1, B) from a `zigzag`, the same for all samples.
        cond: (B, ...) from `denoiser.encode`.
        source: one generator, or one per sample.
        clean_paste: keep the known pixels clean at every step instead, as common pipelines do. The network then gets
            two noise levels in one picture, and its filling is too flat.
    """
    mask = mask.to(picture)
    new, known = (mask > 0).expand_as(picture), (mask == 0).expand_as(picture)
    schedule = denoiser.schedule

    def noise() -> Tensor:
        return randn(picture.shape, source, picture.device).to(picture.dtype)

    def constrain(x: Tensor, t: Tensor) -> Tensor:
        held = torch.where(new, x, picture if clean_paste else schedule.forward(picture, t, noise()))
        blend = torch.where(known, picture, torch.where(mask == 1, x, mask * x + (1 - mask) * picture))
        return torch.where(per_sample(t < 0, x), blend, held)  # not `if`, which would wait for the device

    return ddim(denoiser, noise(), visits, cond, source, 1.0, constrain)
