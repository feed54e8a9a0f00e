"""Histograms as small pictures, pixel by pixel, to stand under pictures of the same width."""

import numpy as np

MOST = 3.0
"""The size at the right edge; larger ones are counted there."""
BACK, BARS, OUTSIDE = (255, 255, 255), (120, 132, 150), (217, 119, 87)
QUANTILE, CUT = (33, 113, 181), (20, 20, 20)
GLYPHS = dict(
    zip(
        "0123456789.",
        (
            "7 5 5 5 7", "2 6 2 2 7", "7 1 7 4 7", "7 1 7 1 7", "5 5 7 1 1", "7 4 7 1 7", "7 4 7 5 7", "7 1 1 2 2", "7 5 7 5 7", "7 5 7 1 7", "0 0 0 0 2",
        ),
        strict=True,
    )
)  # fmt: skip
"""Digits of 3 x 5 pixels: a row of three bits for every line."""


def histogram(sizes: np.ndarray, quantile: float, cut: float | None, width: int = 64, height: int = 26) -> np.ndarray:
    """How often sizes from 0 to MOST occur: bars by the root of their share, those above 1 in another colour.

    Args:
        sizes: (N,), not negative.
        quantile: a blue line, with its number.
        cut: a black line, beyond which nothing is kept; None for none.

    Returns:
        (height, width, 3) uint8.
    """
    picture = np.full((height, width, 3), BACK, np.uint8)
    counts, edges = np.histogram(np.minimum(sizes, MOST), width, (0, MOST))
    tall = np.ceil(np.sqrt(counts / counts.max()) * (height - 8)).astype(int)
    for x, (bar, low) in enumerate(zip(tall, edges, strict=False)):
        picture[height - bar :, x] = OUTSIDE if low >= 1 else BARS
    if cut is not None:
        picture[7:, column(cut, width)] = CUT
    picture[7:, column(quantile, width)] = QUANTILE
    write(picture, f"{quantile:.1f}", column(quantile, width))
    return picture


def column(size: float, width: int) -> int:
    """The column of a size."""
    return min(width - 1, int(size / MOST * width))


def write(picture: np.ndarray, number: str, x: int) -> None:
    """Write a number at the top of the picture, centred at column x as far as it fits."""
    left = min(max(0, x - 2 * len(number)), picture.shape[1] - 4 * len(number))
    for k, sign in enumerate(number):
        rows = [[int(b) for b in f"{int(bits):03b}"] for bits in GLYPHS[sign].split()]
        place = picture[1:6, left + 4 * k : left + 4 * k + 3]
        place[np.array(rows, bool)] = QUANTILE
