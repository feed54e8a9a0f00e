"""Histograms as small pictures: where the bars, the lines and the number stand."""

import numpy as np
import pytest

from core.pictures.histogram import BARS, CUT, MOST, OUTSIDE, QUANTILE, column, histogram

EVEN = np.linspace(0, MOST, 6400, endpoint=False)


def columns_of(picture: np.ndarray, colour: tuple) -> list[int]:
    """The columns that have this colour at the bottom."""
    return np.flatnonzero((picture[-1] == colour).all(-1)).tolist()


def test_even_sizes_fill_every_column_and_those_above_one_have_another_colour():
    picture = histogram(EVEN, 2.0, None, width=60)
    line = column(2.0, 60)
    assert columns_of(picture, BARS) == list(range(20)) and columns_of(picture, QUANTILE) == [line]
    assert columns_of(picture, OUTSIDE) == [x for x in range(20, 60) if x != line]


def test_a_bar_is_the_root_of_its_share():
    sizes = np.concatenate([np.full(400, 0.01), np.full(100, 0.51)])
    picture = histogram(sizes, 2.9, None, width=60, height=28)
    heights = [(picture[8:, x] == BARS).all(-1).sum() for x in (column(0.01, 60), column(0.51, 60))]
    assert heights == [20, 10]


@pytest.mark.parametrize("cut", [None, 1.0, 2.5])
def test_the_cut_is_where_it_is(cut):
    assert columns_of(histogram(EVEN, 0.5, cut), CUT) == ([] if cut is None else [column(cut, 64)])


@pytest.mark.parametrize("quantile", [0.0, 0.04, 2.96, 3.0, 17.3, 1234.5])
def test_the_number_fits_at_any_quantile(quantile):
    picture = histogram(EVEN, quantile, 1.0)
    assert picture.shape == (26, 64, 3) and (picture[1:6] == QUANTILE).all(-1).any()


def test_numbers_that_differ_look_different():
    tops = {histogram(EVEN, q, None)[:7].tobytes() for q in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)}
    assert len(tops) == 10
