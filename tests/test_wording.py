"""Captions."""

import pytest

from core.wording import clipped, counted, listed, ranged


def test_one_is_counted_without_an_s():
    assert [counted(1), counted(20), counted("2 – 100"), counted(0, "call")] == [
        "1 step", "20 steps", "2 – 100 steps", "0 calls",
    ]  # fmt: skip


@pytest.mark.parametrize(("values", "words"), [((4,), "4"), ((2, 4), "2 or 4"), ((1, 2, 4), "1, 2 or 4")])
def test_numbers_are_listed_in_words(values, words):
    assert listed(values) == words


def test_ranges_have_two_ends_unless_they_are_equal():
    assert ranged([2, 7, 100]) == "2 – 100" and ranged([3, 3]) == "3" and ranged([0.5]) == "0.5"


def test_a_long_prompt_is_cut_to_its_length_with_an_ellipsis():
    assert clipped("x" * 41) == "x" * 39 + "…" and clipped("a fox") == "a fox"
