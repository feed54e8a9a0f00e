"""Values in colour: heat maps over small pictures, from white to dark red, and signed values from blue over white to red."""

import numpy as np

RAMP = np.array(((255, 255, 255), (255, 237, 160), (254, 178, 76), (240, 80, 35), (150, 0, 38)), np.float64)
"""The colours of evenly spaced values, after ColorBrewer's YlOrRd (Harrower & Brewer 2003)."""
SIGNED = np.array(((5, 48, 97), (67, 147, 195), (247, 247, 247), (214, 96, 77), (103, 0, 31)), np.float64)
"""The colours of evenly spaced values from the least to the most, zero in the middle, after ColorBrewer's RdBu."""
SHADE = 0.3
"""How much darker black is than white under a map."""


def heat(pixels: np.ndarray, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """A map over a picture, each value over its own rectangle of pixels, not smoothed.

    Args:
        pixels: (H, W, 3) uint8.
        values: (h, w); h divides H, w divides W; row 0 is the top.
        low, high: the values that are white and darkest.

    Returns:
        (H, W, 3) uint8.
    """
    shade = 1 - SHADE * (1 - pixels.astype(np.float64).mean(2, keepdims=True) / 255)
    down, right = (n // m for n, m in zip(pixels.shape, values.shape, strict=False))
    share = ((values - low) / max(high - low, 1e-12)).clip(0, 1).repeat(down, 0).repeat(right, 1)
    return (_coloured(share, RAMP) * shade).round().astype(np.uint8)


def signed(values: np.ndarray, most: float) -> np.ndarray:
    """Signed values (...) as uint8 (..., 3): blue below zero, white at zero, red above.

    Args:
        most: the size that has the full colour; larger ones have it too.
    """
    share = (0.5 + values / (2 * most)).clip(0, 1)
    return _coloured(share, SIGNED).round().astype(np.uint8)


def _coloured(share: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """Values (...) in [0, 1] as colours (..., 3) of a ramp, float64."""
    at = np.linspace(0, 1, len(ramp))
    return np.stack([np.interp(share, at, ramp[:, c]) for c in range(3)], -1)
