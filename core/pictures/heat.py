"""Heat maps over small pictures: the values in colour from white to dark red, the picture as a faint shade under them."""

import numpy as np

RAMP = np.array(((255, 255, 255), (255, 237, 160), (254, 178, 76), (240, 80, 35), (150, 0, 38)), np.float64)
"""The colours of evenly spaced values, after ColorBrewer's YlOrRd (Harrower & Brewer 2003)."""
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
    at = np.linspace(0, 1, len(RAMP))
    colour = np.stack([np.interp(share, at, RAMP[:, c]) for c in range(3)], -1)
    return (colour * shade).round().astype(np.uint8)
