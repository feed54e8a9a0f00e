"""What travels in a saved picture: its settings, and in some tabs the original and the mask."""

import base64
import binascii
import io

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import Refused
from core.pictures import images
from tabs.ui.canvas import SIZE
from tabs.ui.sent import any_file


def packed(pixels: np.ndarray) -> str:
    """uint8 (H, W, C) as text."""
    return images.data_uri(images.png(pixels))


def unpacked(text: object) -> Image.Image:
    """The picture behind `packed`. Raises Refused if there is none of 64x64 pixels."""
    try:
        data = base64.b64decode(str(text).partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data)) as picture:
            if picture.size == (SIZE, SIZE):
                return images.to_rgb(picture)
    except (binascii.Error, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        pass
    raise Refused("This picture's settings hold no original that can be read; drop a PNG that was saved here.")


def settings_in(path: str, kind: str | None) -> dict:
    """The settings in a saved PNG of that kind, None for the digits'. Raises Refused if it has none."""
    settings = images.settings_of(path)
    if settings is None or settings.get("kind") != kind:
        raise Refused("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return settings


def settings_input() -> gr.File:
    """Where a saved PNG is dropped to bring its settings back."""
    label = "Settings from a PNG that was saved here"
    return any_file(gr.File(label=label, file_types=[".png"], height=96, elem_classes="saved-png"))
