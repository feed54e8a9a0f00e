"""Heat maps over small pictures: the picture in faint grey, and over it from clear to deep red what is larger."""

import numpy as np

LOW, HIGH = np.array((251.0, 191.0, 36.0)), np.array((159.0, 18.0, 57.0))
"""The colours of a small and of the largest value."""
FAINT, STRONG = 0.45, 0.88
"""How much of the grey picture's contrast is left, and how opaque the largest value is."""


def heat(pixels: np.ndarray, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """A map over a picture, each value over its own rectangle of pixels, not smoothed.

    Args:
        pixels: (H, W, 3) uint8.
        values: (h, w); h divides H, w divides W; row 0 is the top.
        low, high: the values that are clear and deepest.

    Returns:
        (H, W, 3) uint8.
    """
    grey = 255 - FAINT * (255 - pixels.astype(np.float64).mean(2, keepdims=True))
    size = tuple(n // m for n, m in zip(pixels.shape, values.shape, strict=False))
    share = ((values - low) / max(high - low, 1e-12)).clip(0, 1).repeat(size[0], 0).repeat(size[1], 1)[..., None]
    cover = STRONG * share
    return (grey * (1 - cover) + (LOW + share * (HIGH - LOW)) * cover).round().astype(np.uint8)
