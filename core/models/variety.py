"""How varied samples are and whether they are copies, from distances of vectors: pixels, or a classifier's features."""

import torch
from torch import Tensor

NEIGHBOURS = 5
AT_ONCE = 500


def coverage(real: Tensor, made: Tensor, k: int = NEIGHBOURS) -> float:
    """The share of real vectors that have a made one as near as their k-th real neighbour (Naeem et al. 2020, eq. 4).

    Of as many made as real ones from one distribution it is about 1 - 2^-k.

    Args:
        real: (M, F), M > k.
        made: (N, F).
    """
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values  # the nearest is itself
    return (torch.cdist(real, made).min(1).values <= radius).float().mean().item()


def copies(made: Tensor, training: Tensor) -> float:
    """The share of made vectors that are nearer to their nearest training vector than that one is to its own nearest
    neighbour: of them it might be a copy (Alaa et al. 2022, "authenticity").

    Args:
        made: (N, F).
        training: (T, F), T > 1.
    """
    distance, nearest = _nearest(made, training, 1)
    own, _ = _nearest(training[nearest], training, 2)  # the nearest is itself
    return (distance < own).float().mean().item()


def _nearest(x: Tensor, to: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The distance (N,) of each of x (N, F) to its k-th nearest of `to`, and the index (N,) of that one."""
    found = [torch.cdist(part, to).topk(k, largest=False) for part in x.split(AT_ONCE)]
    return torch.cat([f.values[:, -1] for f in found]), torch.cat([f.indices[:, -1] for f in found])
