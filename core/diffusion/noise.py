"""Random noise: always from a seed that the app shows, and drawn on the CPU, so it is the same on every device."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.checks import Refused

MAX_SEED = 2**31 - 1  # a browser rounds integers above 2^53

Generators = torch.Generator | Sequence[torch.Generator]


def generator(seed: int) -> torch.Generator:
    """A CPU generator. Raises Refused unless 0 <= seed <= MAX_SEED."""
    if not 0 <= seed <= MAX_SEED:
        raise Refused(f"The seed must be a whole number from 0 to {MAX_SEED}, not {seed}.")
    return torch.Generator().manual_seed(seed)


def seeds(seed: int, n: int) -> tuple[int, ...]:
    """The seeds of n samples: seed, seed + 1, ..., and from 0 again after MAX_SEED."""
    return (seed, *((seed + k) % (MAX_SEED + 1) for k in range(1, n)))


def branch(seed: int, k: int) -> int:
    """The seed of part k > 0 of a run with `seed`; it does not depend on the other parts."""
    return (seed + k * 2_097_143) % (MAX_SEED + 1)  # a prime; parts 1 .. 1023 are all different


def generators(seed: int, n: int) -> list[torch.Generator]:
    """One generator per sample, seeded as `seeds`: sample k of a batch equals seed + k alone."""
    return [generator(s) for s in seeds(seed, n)]


def randn(shape: Sequence[int], source: Generators, device: torch.device | str = "cpu") -> Tensor:
    """Standard normal float32 noise of a (B, ...) shape, drawn on the CPU, then moved.

    Args:
        source: one generator for the whole batch, or B of them, one per sample.
    """
    if isinstance(source, torch.Generator):
        return _move(torch.randn(*shape, generator=source), device)
    if len(source) != shape[0]:
        raise ValueError(f"{shape[0]} samples need {shape[0]} generators, not {len(source)}.")
    return _move(torch.stack([torch.randn(*shape[1:], generator=g) for g in source]), device)


def _move(x: Tensor, device: torch.device | str) -> Tensor:
    """Move to the device; on CUDA without waiting for the network that runs there."""
    return x.to(device, non_blocking=torch.device(device).type == "cuda")


def slerp(a: Tensor, b: Tensor, w: Tensor) -> Tensor:
    """Noises on the great circle from a to b: sin((1 - w) angle) a + sin(w angle) b, over sin(angle) (Shoemake 1985).

    Two independent noises of N numbers have length about sqrt(N) and are almost orthogonal. Points on the great circle
    keep that length; the straight line passes nearer to 0, where the network was not trained.

    Args:
        a, b: noises of one shape (...). If they have the same direction, the result is the straight line.
        w: (K,) from 0, which is a, to 1, which is b.

    Returns:
        (K, ...).
    """
    angle = torch.acos(
        (a.flatten() @ b.flatten() / (a.norm() * b.norm())).clamp(-1, 1)
    )  # of the dot product, one number
    if angle < 1e-3:  # the quotient of two sines would lose all digits, or be 0 / 0
        return lerp(a, b, w)
    w = w.view(-1, *(1,) * a.ndim)
    return (torch.sin((1 - w) * angle) * a + torch.sin(w * angle) * b) / torch.sin(angle)


def lerp(a: Tensor, b: Tensor, w: Tensor) -> Tensor:
    """Noises on the straight line from a to b, (1 - w) a + w b. Shapes as `slerp`; halfway they are too short."""
    w = w.view(-1, *(1,) * a.ndim)
    return (1 - w) * a + w * b
