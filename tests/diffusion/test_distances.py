"""The energy distance against a double loop, and its floor."""

import math

import pytest
import torch

from core.diffusion.distances import energy_distance
from core.diffusion.noise import generator, randn


def by_hand(x: list[list[float]], y: list[list[float]]) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| over all pairs, one by one."""

    def mean(a, b):
        return sum(math.dist(p, q) for p in a for q in b) / (len(a) * len(b))

    return 2 * mean(x, y) - mean(x, x) - mean(y, y)


@pytest.mark.parametrize("n, m, d", [(1, 1, 2), (7, 12, 2), (30, 20, 5)])
def test_it_is_the_mean_over_all_pairs(n, m, d):
    x, y = randn((n, d), generator(1)), 0.5 + 2 * randn((m, d), generator(2))
    assert energy_distance(x, y) == pytest.approx(by_hand(x.tolist(), y.tolist()), abs=1e-9)


def test_equal_sets_are_at_zero_whatever_their_order_and_it_is_symmetric():
    x, y = randn((50, 2), generator(1)), randn((70, 2), generator(2)) + 1
    assert energy_distance(x, x.flip(0)) == pytest.approx(0, abs=1e-12)
    assert energy_distance(x, y) == pytest.approx(energy_distance(y, x), abs=1e-12)
    assert energy_distance(x, y) > 0.5


def test_two_draws_of_one_distribution_are_at_the_floor():
    """Its mean is E|x - x'| (1 / n + 1 / m); for normal points of two coordinates E|x - x'| = sqrt(pi)."""
    n, m, repeats = 200, 300, 60
    found = [
        energy_distance(randn((n, 2), generator(2 * k)), randn((m, 2), generator(2 * k + 1))) for k in range(repeats)
    ]
    floor = math.sqrt(math.pi) * (1 / n + 1 / m)
    deviation = torch.tensor(found).std().item()
    assert sum(found) / repeats == pytest.approx(floor, abs=4 * deviation / math.sqrt(repeats))
    assert deviation < floor


def test_large_sets_in_float32_lose_no_digits():
    x = 1000 + randn((1500, 2), generator(1))
    assert energy_distance(x, x + 0.01) == pytest.approx(energy_distance(x.double() - 1000, (x + 0.01).double() - 1000))
