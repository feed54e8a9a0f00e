"""Pictures cut into rigid pieces that are rearranged: the pixel permutations of most views, and their animation.

Coordinates are (y, x) in pixels from the picture's centre, y downwards. Pixel centres are half-integers for an even
size, and a quarter turn of the whole picture is exactly (y, x) -> (x, -y).
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from core.diffusion.noise import generator

PAPER = 255  # shade of pixels without a piece


@dataclass(frozen=True, eq=False)
class Pieces:
    """A picture in pieces, and the motion of each piece: p -> end + R(turn) (p - start).

    Args:
        labels: (S, S) int, the piece of each pixel.
        start: (P, 2) a reference point (y, x) of each piece.
        end: (P, 2) where that point goes.
        turns: (P,) clockwise quarter turns, -1 .. 2.
        shrink: whether a turning piece is drawn smaller on its way, to stay in its square.
    """

    labels: np.ndarray
    start: np.ndarray
    end: np.ndarray
    turns: np.ndarray
    shrink: bool = False

    def index(self) -> torch.Tensor:
        """(S S,) int64: pixel k of the result is pixel index[k] of the picture."""
        size, piece = len(self.labels), self.labels.ravel()
        offset = _grid(size).reshape(-1, 2) - self.start[piece]
        y, x = (self.end[piece] + _turned(offset, self.turns[piece] * math.pi / 2)).T
        row, column = (np.rint(k + (size - 1) / 2).astype(np.int64) for k in (y, x))
        index = np.empty(size * size, np.int64)
        index[row * size + column] = np.arange(size * size)
        return torch.from_numpy(index)

    def frame(self, pixels: np.ndarray, f: float) -> np.ndarray:
        """The picture uint8 (S, S, C) with each piece at the fraction f of its straight path and of its turn."""
        at = self.start + f * (self.end - self.start)
        return self._turning(pixels, at, f) if self.turns.any() else self._sliding(pixels, at)

    def _sliding(self, pixels: np.ndarray, at: np.ndarray) -> np.ndarray:
        size, piece = len(self.labels), self.labels.ravel()
        shift = np.rint(at - self.start).astype(np.int64)[piece]
        row, column = np.divmod(np.arange(size * size), size)
        page = np.full_like(pixels, PAPER)
        page[row + shift[:, 0], column + shift[:, 1]] = pixels.reshape(size * size, -1)
        return page

    def _turning(self, pixels: np.ndarray, at: np.ndarray, f: float) -> np.ndarray:
        size, grid, page = len(self.labels), _grid(len(self.labels)), np.full_like(pixels, PAPER)
        for k in np.argsort(np.abs(self.turns), kind="stable"):  # turning pieces lie above resting ones
            angle = f * self.turns[k] * math.pi / 2
            scale = abs(math.cos(angle)) + abs(math.sin(angle)) if self.shrink else 1.0
            source = self.start[k] + _turned(grid - at[k], -angle) * scale
            row, column = np.moveaxis(np.rint(source + (size - 1) / 2).astype(np.int64), -1, 0)
            inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
            row, column = row.clip(0, size - 1), column.clip(0, size - 1)
            inside &= self.labels[row, column] == k
            page[inside] = pixels[row[inside], column[inside]]
        return page


def _grid(size: int) -> np.ndarray:
    """(S, S, 2) centres of the pixels."""
    axis = np.arange(size) - (size - 1) / 2
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)


def _turned(points: np.ndarray, angle: float | np.ndarray) -> np.ndarray:
    """Points (..., 2) turned clockwise, as seen, by an angle in radians."""
    y, x = points[..., 0], points[..., 1]
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([y * cos + x * sin, x * cos - y * sin], -1)


def _shuffled(n: int, seed: int) -> np.ndarray:
    """A permutation of n things."""
    return torch.randperm(n, generator=generator(seed)).numpy()


def in_one_piece(size: int, turns: int) -> Pieces:
    """The picture in one piece, turned by quarter turns about its centre."""
    return Pieces(np.zeros((size, size), np.int64), np.zeros((1, 2)), np.zeros((1, 2)), np.array([turns]), True)


def patches(size: int, seed: int, count: int) -> Pieces:
    """count x count square patches in random order; the largest halving of `count` that divides the size is taken."""
    while size % count:
        count = count // 2 if count % 2 == 0 else 1
    cell = np.arange(size) // (size // count)
    centres = (_grid(count) * (size / count)).reshape(-1, 2)
    labels = cell[:, None] * count + cell
    return Pieces(labels, centres, centres[_shuffled(count**2, seed)], np.zeros(count**2, np.int64))


def pixels(size: int, seed: int) -> Pieces:
    """Every pixel in random order; above 64 pixels, blocks that are pixels of the picture's 64 x 64 reduction."""
    return patches(size, seed, 64 if size % 64 == 0 else size)


def inner_circle(size: int, radius: float = 24 / 64) -> Pieces:
    """A disc in the middle makes a half turn; its radius in picture sides (Geng et al. 2024, anagrams: 24 of 64)."""
    labels = ((_grid(size) ** 2).sum(-1) < (radius * size) ** 2).astype(np.int64)
    return Pieces(labels, np.zeros((2, 2)), np.zeros((2, 2)), np.array([0, 2]))


def square_hinge(size: int) -> Pieces:
    """3 x 3 squares, each turned by a quarter about its own centre, neighbours against each other.

    Like hinged squares (Geng et al. 2024, visual anagrams). If 3 does not divide the size, a rim stays unchanged.
    """
    side = size // 3
    rim = (size - 3 * side) // 2
    cell = (np.arange(size) - rim) // max(side, 1)
    inside = (cell >= 0) & (cell < 3)
    labels = np.where(inside[:, None] & inside, cell[:, None] * 3 + cell, 9)
    y, x = np.divmod(np.arange(9), 3)
    centres = np.stack([y, x], 1) * side + rim + (side - 1) / 2 - (size - 1) / 2
    centres = np.concatenate([centres, np.zeros((1, 2))])
    return Pieces(labels, centres, centres, np.append(np.where((y + x) % 2 == 0, 1, -1), 0), True)


CORNERS = ((0, 0), (0, 3), (3, 3), (3, 0))  # each ring in clockwise order: a quarter turn leads to the next
MIDDLES = ((1, 1), (1, 2), (2, 2), (2, 1))
EDGES = ((0, 1), (1, 3), (3, 2), (2, 0), (0, 2), (2, 3), (3, 1), (1, 0))  # two rings, of equal shapes


def jigsaw(size: int, seed: int) -> Pieces:
    """4 x 4 interlocking pieces, with tabs and sockets, in random order: corners, edges and middles are shuffled apart.

    The cut looks the same after a quarter turn, and both pieces of a side have one shape. So every piece fits in any
    place of its kind (the layout of Geng et al. 2024, visual anagrams).
    """
    order = np.empty(16, np.int64)
    turns = np.empty(16, np.int64)
    for salt, kind in enumerate((CORNERS, MIDDLES, EDGES)):
        for k, to in enumerate(_shuffled(len(kind), (seed + salt * 7919) % 2**31)):
            (y, x), (row, column) = kind[k], kind[to]
            order[4 * y + x] = 4 * row + column
            turns[4 * y + x] = (to - k + 1) % 4 - 1
    quarter = size // 4
    middle = (size / 2 - quarter) / 2
    axis = np.array([quarter / 2 - size / 2, -middle, middle, size / 2 - quarter / 2])
    centres = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(16, 2)
    return Pieces(_jigsaw_labels(size), centres, centres[order], turns)


def _jigsaw_labels(size: int) -> np.ndarray:
    """(S, S) the pieces 0 .. 15: cells of a 4 x 4 grid, and round tabs that reach into the next cell.

    Tabs go clockwise round the rim and round the middle, and from the rim inwards. The four tabs of one quarter are
    drawn; turning the picture under them draws the other quarters, so that rounding is equal.
    """
    quarter, half = size // 4, size // 2
    cell = np.searchsorted([quarter, half, size - quarter], np.arange(size), side="right")
    labels = cell[:, None] * 4 + cell
    radius = round(0.22 * quarter * 4) / 4  # in quarters of a pixel: no rounding, as shapes must agree
    reach = round(0.6 * radius * 4) / 4
    rim, inner = (quarter - size) / 2, -(half - quarter) / 2  # lines through the centres of the cells
    rotated = np.rot90(np.arange(16).reshape(4, 4), -1).ravel()  # the piece that lies there after a turn
    for _ in range(4):
        for (y, x), owner, into in (
            ((rim, quarter - half + reach), 0, 1),
            ((rim, reach), 1, 2),
            ((rim, half - quarter + reach), 2, 3),
            ((quarter - half + reach, inner), 1, 5),
            ((quarter - half + reach, -inner), 2, 6),
            ((inner, reach), 5, 6),
        ):
            disc = ((_grid(size) - (y, x)) ** 2).sum(-1) < radius**2
            labels = np.where(disc & (labels == into), owner, labels)
        turned = np.rot90(labels, -1)  # clockwise; the labels are those of the old places
        labels = np.argsort(rotated)[turned]
    return labels
