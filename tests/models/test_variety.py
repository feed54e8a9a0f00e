"""Coverage and copies: on sets whose answer is known."""

import math

import pytest
import torch

from core.models import variety
from core.models.variety import copies, coverage

G = torch.Generator().manual_seed(0)
LINE = torch.arange(20.0)[:, None]


def test_a_set_covers_itself_and_one_point_only_its_neighbours():
    x = torch.randn(300, 8, generator=G)
    assert coverage(x, x) == 1
    assert coverage(LINE, LINE[10:11], k=2) == pytest.approx(3 / 20), "the point itself and the two beside it"
    assert coverage(x, x + 100) == 0


def test_fresh_samples_of_the_same_distribution_cover_what_theory_says():
    real, made = torch.randn(2, 2000, 3, generator=G)
    assert coverage(real, made, k=5) == pytest.approx(1 - 2**-5, abs=0.015)
    assert coverage(real, made, k=1) == pytest.approx(0.5, abs=0.04)
    assert coverage(real, made[:200], k=5) < 0.5


def test_a_copy_is_nearer_than_a_neighbour_and_a_stranger_is_not(monkeypatch):
    monkeypatch.setattr(variety, "AT_ONCE", 3)
    assert copies(LINE + 0.1, LINE) == 1 and copies(LINE[::2] * 3 + 100, LINE) == 0
    mixed = torch.cat([LINE[:6] + 0.1, LINE[:2] + 50])
    assert copies(mixed, LINE) == pytest.approx(6 / 8)


def test_fresh_samples_are_as_often_nearer_as_two_points_are_each_other_s_nearest():
    """In the plane 6 pi / (8 pi + 3 sqrt 3) of all points are the nearest neighbour of theirs (Pickard 1982)."""
    training, made = torch.rand(3000, 2, generator=G), torch.rand(2000, 2, generator=G)
    assert copies(made, training) == pytest.approx(6 * math.pi / (8 * math.pi + 3 * 3**0.5), abs=0.03)
