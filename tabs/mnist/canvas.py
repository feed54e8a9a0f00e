"""A digit on the canvas."""

import numpy as np
from PIL import Image

from core.pictures import images

CANVAS = 280  # pixels


def on_canvas(pixels: np.ndarray) -> Image.Image:
    """A digit, (28, 28) or (28, 28, 1) uint8, as dark ink on white paper, enlarged for the canvas."""
    return images.to_pil(images.enlarge(255 - pixels.reshape(28, 28, 1), CANVAS // 28)).convert("RGB")
