"""Distances between two sets of samples."""

import torch
from torch import Tensor


def energy_distance(x: Tensor, y: Tensor) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| of two sets of vectors, 0 only for equal distributions (Szekely & Rizzo 2013).

    Pairs of a point with itself count, so two draws of n and m points from one distribution are about
    E|x - x'| (1 / n + 1 / m) apart, not 0: compare with that floor.

    Args:
        x: (n, D).
        y: (m, D).
    """
    x, y = x.double(), y.double()
    between, first, second = (torch.cdist(a, b).mean() for a, b in ((x, y), (x, x), (y, y)))
    return float(2 * between - first - second)
