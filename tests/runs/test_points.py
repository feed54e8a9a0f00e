"""Points that a person gives: rows, tables and words; what is wrong with them in one sentence."""

import math
import re

import numpy as np
import pytest
import torch

from core.checks import Refused
from core.diffusion.noise import generator
from core.diffusion.point_sets import WIDEST
from core.runs.points import (
    LETTERS,
    MOST_BYTES,
    MOST_POINTS,
    OWN,
    SETS,
    point_set,
    rows_of,
    table_remark,
    table_rows,
    written,
)

NAN, INF = math.nan, math.inf

# ---- rows ----


@pytest.mark.parametrize(
    "value, rows",
    [
        (None, ()),
        ([], ()),
        ({"points": None}, ()),
        ({}, ()),
        ({"points": [[1, 2, 1]]}, ((1.0, 2.0, 1),)),
        ([(0.5, -1)], ((0.5, -1.0, 0),)),
        ([["1.5", "2", "1"]], ((1.5, 2.0, 1),)),
        ([[1, 2, 1.0], [3, 4, 0]], ((1.0, 2.0, 1), (3.0, 4.0, 0))),
    ],
)
def test_rows_are_read(value, rows):
    assert rows_of(value) == rows


@pytest.mark.parametrize(
    "value, sentence",
    [
        ("1, 2", "must be a list of rows"),
        (5, "must be a list of rows"),
        ({"points": "x"}, "must be a list of rows"),
        ([[0, 0], [1]], "Point 2 needs two finite numbers, x and y"),
        ([[0, 0], 7], "Point 2 needs"),
        ([[0, 0], "12"], "Point 2 needs"),
        ([[]], "Point 1 needs"),
        ([[NAN, 0]], "Point 1 needs"),
        ([[0, 0], [0, 0], [0, INF]], "Point 3 needs"),
        ([[0, -INF]], "Point 1 needs"),
        ([[1e300, 0]], "Point 1 needs"),
        ([[10**400, 0]], "Point 1 needs"),
        ([[True, 0]], "Point 1 needs"),
        ([[None, None]], "Point 1 needs"),
        ([[{}, 0]], "Point 1 needs"),
        ([[0, 0, 2]], "Point 1 has a class that is neither 0 nor 1"),
        ([[0, 0], [0, 0, 0.5]], "Point 2 has a class"),
        ([[0, 0, None]], "Point 1 has a class"),
        ([[0, 0, NAN]], "Point 1 has a class"),
        ([[0, 0]] * (MOST_POINTS + 1), "at most 10,000 points"),
    ],
)
def test_the_first_bad_row_is_named(value, sentence):
    with pytest.raises(Refused, match=sentence) as error:
        rows_of(value)
    assert str(error.value).count(".") == 1, "more than one sentence"


def test_as_many_points_as_allowed_are_taken():
    assert len(rows_of([[0, 0]] * MOST_POINTS)) == MOST_POINTS


# ---- tables ----

PLACES = [(0.0, 1.0), (2.0, -1.0), (-2.0, 0.5)]


def places(rows) -> np.ndarray:
    """(N, 2)."""
    return np.array([row[:2] for row in rows])


@pytest.mark.parametrize("mark", [",", ";", "\t", " ", "   ", ", ", " ; "])
@pytest.mark.parametrize("header", ["", "x{0}y{0}class", '"x"{0}"y"{0}"class"', "lon{0}lat"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_separator_header_and_line_end_give_the_same_rows(mark, header, end):
    lines = [header.format(mark)] * bool(header) + [mark.join(map(str, (*p, k))) for k, p in enumerate(PLACES) if k < 2]
    rows = table_rows(end.join(lines))
    assert [row[2] for row in rows] == [0, 1]
    np.testing.assert_allclose(places(rows), [[-1, 1], [1, -1]], atol=1e-6)


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"", b"\n\n  \n"])
def test_a_byte_order_mark_and_empty_lines_are_nothing(start):
    rows = table_rows(start + b"1,2\n\n3,4\n\n")
    np.testing.assert_allclose(places(rows), [[-1, -1], [1, 1]], atol=1e-6)


def test_a_table_is_centred_and_scaled_and_keeps_its_shape():
    rows = places(table_rows("\n".join(f"{1000 + 50 * x},{50 * y}" for x, y in PLACES)))
    expected = np.array(PLACES) - np.mean(PLACES, 0)
    np.testing.assert_allclose(rows, expected / expected.std(0).max(), atol=1e-5)
    assert np.abs(rows).max() <= WIDEST


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("998,0\n1002,3\n", "The points of the table were centred (their mean was 1000, 1.5) and divided by 2."),
        ("-4,4\n4,-4", "The points of the table were divided by 4."),
        ("-.1,.1\n.1,-.1", "The points of the table were multiplied by 10."),
        ("4,-1\n6,1", "The points of the table were centred (their mean was 5, 0)."),
        ("5,2\n" * 3, "All points of the table are one; it was moved from 5, 2 to the centre."),
        ("1e20,3\n" * 10, "All points of the table are one; it was moved from 1e+20, 3 to the centre."),
        ("-1,1\n1,-1", ""),
    ],
)
def test_how_a_table_was_moved_and_scaled_is_said(table, sentence):
    assert table_remark(table) == sentence


def test_the_remark_on_a_table_is_what_was_done_to_it():
    rng = np.random.default_rng(0)
    points = rng.standard_normal((200, 2)) * [3.0, 40.0] + [-7.0, 500.0]
    points[0] = 500, 900  # far out: the whole is made smaller than its deviation asks for
    table = "\n".join(f"{x},{y}" for x, y in points)
    x, y, scale = map(float, re.search(r"was (.+), (.+)\) and divided by (.+)\.$", table_remark(table)).groups())
    np.testing.assert_allclose(places(table_rows(table)), (points - [x, y]) / scale, atol=0.05)


@pytest.mark.parametrize("names", [("cat", "dog"), ("1", "0"), ("7", "-3"), ("Käse", "日本"), ("a", "")])
def test_two_names_of_classes_are_numbered_as_they_come(names):
    a, b = names
    assert [row[2] for row in table_rows(f"1,1,{a}\n2,2,{b}\n3,1,{a}")] == [0, 1, 0]


def test_rows_without_a_class_are_of_the_first_and_more_columns_are_left_out():
    assert [row[2] for row in table_rows("1,1\n2,2,b,9,9\n3,0,c")] == [0, 0, 1]


@pytest.mark.parametrize("text", ["1,1\n2,2\n3,{}", "x,y\n1,2\n{},3"])
@pytest.mark.parametrize("cell", ["nan", "NaN", "inf", "-Infinity", "1e300", "1e999", "", "abc", "0x10", '"'])
def test_a_bad_cell_is_told_with_the_number_of_its_line_in_the_file(text, cell):
    read = {"": "", '"': "(: “.+” is none)?"}.get(cell, f": “{re.escape(cell)}” is none")  # a quote opens a cell
    with pytest.raises(Refused, match=rf"^Line 3 needs two finite numbers, x and y{read}\.$"):
        table_rows(text.format(cell))


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("", "The table has no points."),
        ("  \n\n", "The table has no points."),
        ("x,y,class\n", "The table has no points."),
        ("1\n2\n3", "Line 1 needs two finite numbers"),
        ("x\n1\n2", "Line 2 needs two finite numbers"),
        ("1,2,a\n1,2,b\n1,2,c", "two different entries, the classes, not 3"),
        ("\n\n1,2\n\nx,3", "Line 5 needs"),
        ("1,2\nx,y", "Line 2 needs"),
        (b"\xff\xfe1\x00,\x002\x00", "must be a text file"),
        ("x,y\n1,2,Käse\n".encode("latin-1"), "must be a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "must be a text file"),
        ("1,2\n" * (MOST_POINTS + 1), "at most 10,000 points"),
        (b"1,2\n" * (MOST_BYTES // 4 + 1), "at most 5 MB"),
        (b"1" * MOST_BYTES, "Line 1 needs"),
        (b"1," * (MOST_BYTES // 2), ""),
        (b"x,y\n1," + b"2" * 200_000, "Line 2 needs"),
        (b'3,4\n"1,2\n' * 3, "Line 2 needs"),
        ("1,5;2,5", "Line 1 needs"),
        (",\n1,2", "Line 1 needs"),
        (b"1\x00,2\n", "Line 1 needs"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(text, sentence):
    if sentence:
        with pytest.raises(Refused, match=sentence):
            table_rows(text)
    else:
        assert len(table_rows(text)) == 1


def test_a_table_of_numbers_that_are_not_finite_has_no_names_of_columns():
    with pytest.raises(Refused, match="Line 1 needs"):
        table_rows("nan,nan\n1,2")


def test_one_point_and_points_all_alike_are_a_table():
    assert table_rows("5,5") == ((0.0, 0.0, 0),)
    assert np.abs(places(table_rows("1e20,3\n" * 10))).max() < 1e-5


def test_ten_thousand_rows_are_read():
    rows = table_rows("\n".join(f"{k},{k % 7},{k % 2}" for k in range(MOST_POINTS)))
    assert len(rows) == MOST_POINTS and sum(row[2] for row in rows) == MOST_POINTS / 2


# ---- words ----


@pytest.mark.parametrize("word", ["SCORE", "i", "W", "a b", "42", "x" * LETTERS, "  padded  ", "two\nlines"])
def test_a_word_becomes_points_of_both_halves_in_the_square(word):
    x, classes = written(word).draw(2000, generator(1))
    assert x.isfinite().all() and x.abs().max() <= WIDEST + 0.4, "the blur of a point at the edge"
    assert x.std(0).max() > 0.5 and sorted(set(classes.tolist())) == [0, 1]
    assert x[classes == 1, 0].mean() > x[classes == 0, 0].mean()


def test_a_letter_stands_upright():
    """An L has its foot below, to the right: the right half has ink at the bottom alone."""
    x, _ = written("L").draw(2000, generator(1))
    right = x[x[:, 0] > x[:, 0].mean() + 0.3]
    assert right[:, 1].mean() < x[:, 1].mean() - 0.3


@pytest.mark.parametrize("word", ["", "   ", "\n\t", "!?.", "😀", "—", "\u200b", "\x00"])
def test_a_word_without_letters_is_refused(word):
    with pytest.raises(Refused, match=r"^Type a word with letters or digits\.$"):
        written(word)


def test_a_word_with_signs_too_is_drawn():
    assert len(written("A&!").draw(10, generator(1))[0]) == 10


@pytest.mark.parametrize(
    "word, named", [("Ünïï", "Ü, ï"), ("A😀!", "😀"), ("日本 A", "日, 本"), ("A\x00B", "U+0000"), ("A\ud83d", "U+D83D")]
)
def test_letters_that_the_font_lacks_are_named_and_not_drawn_as_boxes(word, named):
    with pytest.raises(Refused) as error:
        written(word)
    assert str(error.value).startswith(f"The font has no {named}: ")


@pytest.mark.parametrize("word", ["x" * (LETTERS + 1), "y" * 10**6])
def test_a_word_that_is_too_long_is_refused(word):
    with pytest.raises(Refused, match="at most 16 letters"):
        written(word)


@pytest.mark.parametrize("word", ["A\ud83d", "A\x00B", "A\u0301" * 5, "א", "漢字", "A\u202eB"])
def test_a_word_of_any_signs_is_drawn_or_refused(word):
    try:
        assert written(word).draw(10, generator(1))[0].isfinite().all()
    except Refused as e:
        assert str(e).endswith(".")


# ---- the data of a request ----


@pytest.mark.parametrize("data", [*SETS, *OWN])
def test_every_data_of_the_list_can_be_drawn(data):
    x, classes = point_set(data, 3, "AB", [(0.0, 1.0, 0), (1.0, 0.0, 1)]).draw(300, generator(1))
    assert x.shape == (300, 2) and x.isfinite().all() and sorted(set(classes.tolist())) == [0, 1]


def test_points_inside_the_square_stay_where_they_were_drawn():
    x = point_set("drawn", 2, "", [(2.5, 2.5, 0)]).draw(1000, generator(1))[0]
    torch.testing.assert_close(x.mean(0), torch.tensor([2.5, 2.5]), atol=0.02, rtol=0)


@pytest.mark.parametrize("far", [3.1, 1e6, 1e29])
def test_points_far_away_are_brought_into_the_square_together(far):
    rows = [(far, 0.0, 0), (far, far, 1), (0.0, far, 0), (0.0, 0.0, 1)]
    x = point_set("drawn", 2, "", rows).draw(4000, generator(1))[0]
    assert x.abs().max() <= WIDEST + 0.4
    corners = torch.tensor([[1.0, -1], [1, 1], [-1, 1], [-1, -1]])
    assert (torch.cdist(x, corners).min(1).values < 0.4).all()


def test_no_points_are_refused():
    with pytest.raises(Refused, match="There are no points yet"):
        point_set("drawn", 2, "", ())
