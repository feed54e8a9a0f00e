"""Signed values in colour."""

import numpy as np

from core.pictures.heat import SIGNED, signed


def test_zero_is_neutral_and_the_signs_have_their_colours():
    colours = signed(np.array([[-2.0, 0.0, 2.0]]), 2.0)
    assert colours.dtype == np.uint8 and np.array_equal(colours[0], SIGNED[[0, 2, 4]])
    more, less = signed(np.array([0.5, -0.5]), 1.0).astype(int)
    assert more[0] > more[2] and less[0] < less[2], "red above zero, blue below"


def test_larger_values_have_the_full_colour_too():
    assert np.array_equal(signed(np.array([7.0]), 1.0), signed(np.array([1.0]), 1.0))
