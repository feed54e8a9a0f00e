"""What travels in a saved picture, besides its settings: the original and the mask; and the files of a run."""

import base64
import binascii
import io
from collections.abc import Sequence

import gradio as gr
import numpy as np
from PIL import Image

from core import images
from tabs._canvas import SIZE
from tabs._common import temporary


def packed(pixels: np.ndarray) -> str:
    """uint8 (H, W, C) as text."""
    return images.data_uri(images.png(pixels))


def unpacked(text: object) -> Image.Image:
    """The picture behind `packed`. Raises ValueError if there is none of 64x64 pixels."""
    try:
        data = base64.b64decode(str(text).partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data)) as picture:
            if picture.size == (SIZE, SIZE):
                return images.to_rgb(picture)
    except (binascii.Error, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass
    raise ValueError("This picture's settings hold no original that can be read; drop a PNG that was saved here.")


def settings_in(path: str, kind: str) -> dict:
    """The settings in a saved PNG of that kind. Raises ValueError if it has none."""
    settings = images.settings_of(path) or {}
    if settings.get("kind") != kind:
        raise ValueError("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return settings


def saved(
    name: str, settings: dict, sheets: Sequence[np.ndarray], tiles: Sequence[tuple[str, np.ndarray]]
) -> list[gr.DownloadButton]:
    """The GIF, PNG and zip of a run as download buttons.

    Args:
        sheets: one (H, W, 3) grid per kept step; the last is the result.
        tiles: (file name without ending, pixels) of every single picture.
    """
    factor = max(1, 1000 // sheets[-1].shape[1])
    loop, picture = images.gif(sheets, factor=factor), images.png(sheets[-1], settings)
    large = images.png(images.enlarge(sheets[-1], factor), settings)
    inner = [(f"{title}.png", images.png(p, settings | {"picture": title})) for title, p in tiles]
    archive = images.zip_of([("grid.png", picture), ("trajectory.gif", loop), *inner])
    files = ((f"{name}.gif", loop), (f"{name}.png", large), (f"{name}.zip", archive))
    return [gr.DownloadButton(value=temporary(*file), interactive=True) for file in files]
