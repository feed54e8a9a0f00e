"""Points in the plane from a person's input: a named set, a typed word, a drawing or a table of x, y[, class]."""

import csv
import io
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from core.checks import Refused, number
from core.diffusion.point_sets import POINT_SETS, WIDEST, PointSet, fitted, gaussians, of_points

OWN = {"drawn": "your own points", "word": "a word"}
SETS = {
    "moons": "two moons", "roll": "a Swiss roll", "rings": "rings", "checkerboard": "a checkerboard",
    "gaussians": "Gaussians", "unequal": "two unequal Gaussians", "tree": "a tree of two classes",
}  # fmt: skip
MOST_POINTS = 10_000
MOST_BYTES = 5_000_000
"""The largest table, in bytes. 10,000 rows need no more than 500 bytes each."""
LETTERS = 16
"""The most letters of a word."""
NO_LETTER = "\U0010fffd"
"""A character that no font has. Its drawing stands for all missing letters."""
Row = tuple[float, float, int]
"""x, y and the class, 0 or 1."""


def point_set(data: str, components: int, word: str, rows: Sequence[Row]) -> PointSet:
    """The data of a request.

    Args:
        data: a key of SETS or OWN.
        components: of "gaussians".
        word: for "word".
        rows: for "drawn"; if some lie outside the square, all are moved and scaled together.

    Raises:
        Refused: there are no points.
    """
    if data == "gaussians":
        return gaussians(components)
    if data in POINT_SETS:
        return POINT_SETS[data]()
    if data == "word":
        return written(word)
    points = torch.tensor([row[:2] for row in rows], dtype=torch.float64).view(-1, 2)
    inside = not len(points) or points.abs().max() <= WIDEST
    return of_points(points.float() if inside else fitted(points), torch.tensor([row[2] for row in rows]))


def rows_of(value: object) -> tuple[Row, ...]:
    """Points as a page or a program sends them: rows of x, y and, optionally, the class, 0 or 1.

    Args:
        value: a sequence of rows, or a mapping with them under "points"; None for no points.

    Raises:
        Refused: one sentence that names the first bad row.
    """
    value = value.get("points") if isinstance(value, dict) else value
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Refused("The points must be a list of rows x, y, class.")
    return _at_most(_row(row, f"Point {k}") for k, row in enumerate(value, 1))


def table_rows(text: bytes | str) -> tuple[Row, ...]:
    """The rows of a CSV file of x, y[, class], moved and scaled into the square; comma, semicolon, tab or blank between them; a first line of names is skipped.

    Two different entries in the third column become the classes 0 and 1, in the order in which they come.

    Raises:
        Refused: one sentence that names the first bad line.
    """
    rows = _as_written(text)
    places_in_square = fitted([row[:2] for row in rows]).tolist()
    return tuple((x, y, row[2]) for (x, y), row in zip(places_in_square, rows, strict=True))


def table_remark(text: bytes | str) -> str:
    """Say in one sentence how `table_rows` moved and scaled the points; "" for a change below a thousandth. Raises
    Refused as `table_rows` does."""
    points = np.array([row[:2] for row in _as_written(text)])
    mean, farthest = points.mean(0), np.abs(fitted(points).numpy()).max()
    scale = np.abs(points - mean).max() / farthest if farthest > 1e-3 else 0.0
    place = ", ".join(_short(x) for x in np.where(np.abs(mean) < 1e-3 * scale, 0.0, mean))
    if not scale:
        return f"All points of the table are one; it was moved from {place} to the centre."
    done = [f"centred (their mean was {place})"] * (place != "0, 0")
    done += [f"divided by {_short(scale)}" if scale > 1 else f"multiplied by {_short(1 / scale)}"] * bool(
        abs(scale - 1) > 1e-3
    )
    return f"The points of the table were {' and '.join(done)}." if done else ""


def _short(x: float) -> str:
    """A number with three digits, 1000 rather than 1e+03."""
    return f"{float(f'{x:.3g}'):g}"


def _as_written(text: bytes | str) -> tuple[Row, ...]:
    """The rows of a table in its own units."""
    if len(text) > MOST_BYTES:
        raise Refused(f"The table may have at most {MOST_BYTES // 1_000_000} MB.")
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise Refused("The table must be a text file of x, y and, if there are two classes, the class.") from None
    lines = [(k, _cells(line)) for k, line in enumerate(text.splitlines(), 1) if line.strip()]
    if lines and all(map(_is_name, lines[0][1][:2])):  # of the columns
        lines = lines[1:]
    if not lines:
        raise Refused("The table has no points.")
    names = list(dict.fromkeys(cells[2] for _, cells in lines if len(cells) > 2))
    if len(names) > 2:
        raise Refused(f"The third column may have two different entries, the classes, not {len(names)}.")
    places = {name: k for k, name in enumerate(names)}
    return _at_most(
        _row([*[*cells, "", ""][:2], places.get("".join(cells[2:3]), 0)], f"Line {k}") for k, cells in lines
    )


def _cells(line: str) -> list[str]:
    mark = next((m for m in ",;\t" if m in line), None)
    try:
        cells = next(csv.reader(io.StringIO(line), delimiter=mark)) if mark else line.split()
    except csv.Error:  # a cell without end
        cells = line.split(mark)
    return [c.strip() for c in cells]


def _is_name(cell: str) -> bool:
    """Whether a cell is a word, which "nan" is not."""
    return bool(cell) and cell.lower().lstrip("+-") != "nan" and np.isnan(number(cell))


def _row(row: object, what: str) -> Row:
    """A row, checked; `what` names it in a refusal."""
    cells = list(row)[:3] if isinstance(row, Sequence) and not isinstance(row, str) else []
    x, y = (number(cell) for cell in [*cells, None, None][:2])
    if not (abs(x) < 1e30 and abs(y) < 1e30):
        bad = next((c for c, v in zip(cells, (x, y), strict=False) if isinstance(c, str) and not abs(v) < 1e30), "")
        raise Refused(f"{what} needs two finite numbers, x and y" + (f": “{bad[:20]}” is none." if bad else "."))
    c = number(cells[2]) if len(cells) > 2 else 0.0
    if c not in (0, 1):
        raise Refused(f"{what} has a class that is neither 0 nor 1.")
    return x, y, int(c)


def _at_most(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows. Raises Refused if there are too many."""
    found = []
    for row in rows:
        found.append(row)
        if len(found) > MOST_POINTS:
            raise Refused(f"There can be at most {MOST_POINTS:,} points.")
    return tuple(found)


def written(word: str) -> PointSet:
    """A word as points: its ink, in 400 places per letter; its first half is one class, its second half the other.

    Raises:
        Refused: there are no letters or digits in it, or too many, or the font lacks some.
    """
    word = " ".join(word.split())
    if not any(c.isalnum() for c in word):
        raise Refused("Type a word with letters or digits.")
    if len(word) > LETTERS:
        raise Refused(f"The word may have at most {LETTERS} letters.")
    font = ImageFont.load_default(120)
    missing = [c for c in dict.fromkeys(word) if c != " " and _drawn(font, c) == _drawn(font, NO_LETTER)]
    if missing:
        named = ", ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in missing)
        raise Refused(f"The font has no {named}: use the letters A to Z without accents, digits and signs.")
    left, top, right, bottom = (round(edge) for edge in font.getbbox(word))
    page = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(page).text((4 - left, 4 - top), word, 255, font)
    y, x = np.nonzero(np.asarray(page) > 127)
    if not len(x):
        raise Refused("This word has no letters that can be drawn.")
    some = np.random.default_rng(0).permutation(len(x))[: 400 * len(word)]
    points = torch.tensor(np.stack([x[some], -y[some]], 1).astype(np.float32))
    halves = (points[:, 0] > page.width / 2).long()
    return of_points(fitted(points) * _fills(points), halves)


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    """The ink of a letter; a box for all that the font lacks."""
    return bytes(font.getmask(letter))


def _fills(points: torch.Tensor) -> float:
    """The factor by which points may be larger than in `fitted`, so that a long word has tall letters."""
    wide = fitted(points).abs().max()
    return float(0.9 * WIDEST / wide) if wide < 0.9 * WIDEST else 1.0
