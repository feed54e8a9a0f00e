"""Figures for files: still and moving pictures with text around them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.pictures.images import to_pil

GREYS = 8
"""How many of a GIF's 256 colours are reserved for the text around it."""


@dataclass(frozen=True)
class Words:
    """The text around a picture, black on white.

    Args:
        across: the column labels, above its grid.
        down: the row labels, beside its grid.
        below: the caption, in as many lines as needed.
        moments: in a GIF, one line under each frame.
        size: the letter size in pixels.
    """

    across: Sequence[str] = ()
    down: Sequence[str] = ()
    below: str = ""
    moments: Sequence[str] = ()
    size: int = 15


def figure(pixels: np.ndarray, words: Words) -> np.ndarray:
    """uint8 (H, W, C) with its text around it; unchanged without any text."""
    height, width, channels = pixels.shape
    page, at = _page((width, height), words)
    page = page.convert("RGB")
    page.paste(to_pil(pixels), at)
    return np.asarray(page)[..., :channels]


def gif(
    frames: Sequence[np.ndarray], seconds: float = 3.0, hold: float = 1.5, factor: int = 1, words: Words | None = None
) -> bytes:
    """uint8 (H, W, C) frames as a looping GIF that plays for `seconds` and holds its last frame for `hold` more.

    Args:
        factor: of crisp enlargement, applied after the choice of colours, which is slow.
    """
    pictures = [to_pil(f) for f in frames]
    if words or factor > 1:
        words = words or Words()
        moments = words.moments or [""] * len(pictures)
        pictures = [_moving(p, factor, words, moment) for p, moment in zip(pictures, moments, strict=True)]
    each = max(20, round(1000 * seconds / len(pictures) / 10) * 10)  # GIF time comes in hundredths of a second
    out = io.BytesIO()
    durations = [each] * (len(pictures) - 1) + [each + round(1000 * hold)]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0)
    return out.getvalue()


def plain(text: str) -> str:
    """Text reduced to the characters of Pillow's own font, which has only English letters."""
    return text.translate({ord(k): v for k, v in zip("σ×–“”…", ("sigma", "x", "-", '"', '"', "..."), strict=True)})


def _page(size: tuple[int, int], words: Words, moment: str = "") -> tuple[Image.Image, tuple[int, int]]:
    """A grey-scale page with all its text, and the place for the picture of that size."""
    width, height = size
    left = 10 * words.size if words.down else 0
    heads = [_note(text, (width // len(words.across), None), words.size, middle=True) for text in words.across]
    feet = [_note(moment, (left + width, 2 * words.size), words.size)] if words.moments else []
    feet += [_note(words.below, (left + width, None), words.size)] if words.below else []
    top = max((head.height for head in heads), default=0)
    page = Image.new("L", (left + width, top + height + sum(foot.height for foot in feet)), "white")
    for k, head in enumerate(heads):
        page.paste(head, (left + k * width // len(heads), top - head.height))
    for k, text in enumerate(words.down):
        row = height // len(words.down)
        page.paste(_note(text, (left, row), words.size), (0, top + k * height // len(words.down)))
    y = top + height
    for foot in feet:
        page.paste(foot, (0, y))
        y += foot.height
    return page, (left, top)


def _moving(picture: Image.Image, factor: int, words: Words, moment: str) -> Image.Image:
    """A GIF frame, enlarged, with its text; the picture uses all colours but the last GREYS."""
    colours = 256 - GREYS
    small = picture.quantize(colours)
    palette = small.getpalette("RGB")[: 3 * colours]
    palette += [0] * (3 * colours - len(palette))
    palette += [255 * grey // (GREYS - 1) for grey in range(GREYS) for _ in range(3)]
    large = small.resize((factor * small.width, factor * small.height))
    page, at = _page(large.size, words, moment)
    places = page.point([colours + round(value * (GREYS - 1) / 255) for value in range(256)])
    whole = Image.frombytes("P", page.size, places.tobytes())
    whole.putpalette(palette)
    whole.paste(large, at)
    return whole


def _note(text: str, box: tuple[int, int | None], size: int, middle: bool = False) -> Image.Image:
    """Text in black on white, broken into lines of the box's width; cut to the box's height, if it has one."""
    font, space, line = ImageFont.load_default(size), size // 2, round(1.4 * size)
    width, height = box
    lines = [""]
    for word in plain(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or font.getlength(longer) <= width - 2 * space:
            lines[-1] = longer
        else:
            lines.append(word)
    if height is not None:
        lines = lines[: max(1, height // line)]
    strip = Image.new("L", (width, 2 * space + line * len(lines) if height is None else height), "white")
    y = space if height is None else (height - line * len(lines)) // 2
    for k, words in enumerate(lines):
        x = (width - font.getlength(words)) / 2 if middle else space
        ImageDraw.Draw(strip).text((x, y + line * k), words, "black", font)
    return strip
