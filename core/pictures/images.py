"""Pictures in and out: conversion between PIL, uint8 (H, W, C) and the samplers' float32 tensors (B, C, H, W); grids,
strips, and files with settings inside. `core.pictures.figures` adds text around pictures."""

import base64
import contextlib
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from core.checks import Refused

SETTINGS_KEY = "fun-with-diffusion-models"
MAX_PIXELS = 40_000_000  # as decoded, in at most 160 MB; a JPEG is decoded at a fraction of its size
LARGE = 16_000_000  # pixels; a larger picture is shrunk first, as every other operation takes memory for each pixel
NO_DIGIT = "There is no digit yet: draw one, upload one, or let the model make one."
WAITING = 222  # the grey of a picture that has not begun
TOO_LARGE = f"This picture has more than {MAX_PIXELS // 1_000_000} million pixels; please shrink it first."


def shrunk(picture: Image.Image, large: int | None = None) -> Image.Image:
    """The picture; its first frame, shrunk, if it has more than `large` pixels, by default LARGE.

    Raises:
        Refused: it would be decoded to more than MAX_PIXELS.
    """
    large = large or LARGE
    if picture.width * picture.height > large:
        picture.draft(None, _within(picture.size, large // 4))  # a JPEG is decoded at least that large, others whole
    pixels = picture.width * picture.height
    if pixels > MAX_PIXELS:
        raise Refused(TOO_LARGE)
    picture.seek(0)
    if pixels > large:
        picture.thumbnail(_within(picture.size, large))
    return picture


def _within(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """(width, height) of the same shape with at most that many pixels."""
    share = (pixels / (size[0] * size[1])) ** 0.5
    return max(1, int(size[0] * share)), max(1, int(size[1] * share))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any PIL picture as upright 8-bit RGB: first frame, EXIF rotation, 16-bit scaled, transparency on white.

    A picture with more than LARGE pixels is shrunk.

    Raises:
        Refused: the picture has more than MAX_PIXELS pixels.
    """
    picture = shrunk(picture)
    with contextlib.suppress(Exception):  # a damaged EXIF block fails in many ways; then no rotation
        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        top = 65535 if picture.mode.startswith("I;16") or values.max() > 255 else 255 if values.max() > 1 else 1
        picture = Image.fromarray((values.clip(0, top) * 255 / top).round().astype(np.uint8))
    rgba = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def square(picture: Image.Image, size: int) -> Image.Image:
    """The centred square crop of a picture, resized to size x size."""
    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)


def to_tensor(picture: Image.Image, low: float = 0.0, high: float = 1.0) -> Tensor:
    """An 8-bit picture as (1, C, H, W) float32 in [low, high]; mode L has C = 1, mode RGB has C = 3."""
    values = np.asarray(picture, dtype=np.float32) / 255 * (high - low) + low
    return torch.from_numpy(values.reshape(*values.shape[:2], -1).transpose(2, 0, 1).copy())[None]


def to_uint8(x: Tensor, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """(B, C, H, W) in [low, high], clamped, as uint8 (B, H, W, C)."""
    unit = ((x.detach().float() - low) / (high - low)).clamp(0, 1)
    return (unit * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def from_uint8(pixels: np.ndarray, low: float = 0.0, high: float = 1.0) -> Tensor:
    """uint8 (B, H, W, C) as (B, C, H, W) float32 in [low, high]."""
    return torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) / 255 * (high - low) + low


def to_pil(pixels: np.ndarray) -> Image.Image:
    """uint8 (H, W, C) as a PIL picture: mode L for C = 1, RGB for C = 3."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def grid(pixels: np.ndarray, columns: int, gap: int = 1, shade: int = 255) -> np.ndarray:
    """uint8 (N, H, W, C) row by row, with gaps of `gap` pixels of `shade`: (rows H + ..., columns W + ..., C)."""
    n, h, w, c = pixels.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, c), shade, np.uint8)
    for k, tile in enumerate(pixels):
        y, x = k // columns * (h + gap), k % columns * (w + gap)
        sheet[y : y + h, x : x + w] = tile
    return sheet


def enlarge(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Crisp enlargement of uint8 (H, W, C): every pixel becomes a factor x factor square."""
    return pixels.repeat(factor, 0).repeat(factor, 1)


def stepping_back(pixels: np.ndarray, n: int, side: int = 256, farthest: float = 8.0) -> list[np.ndarray]:
    """n frames uint8 (side, side, C): the picture on white, shrinking to 1 / `farthest` of its size."""
    frames = []
    for k in range(n):
        small = round(side / farthest ** (k / max(n - 1, 1)))
        page = Image.new("RGB", (side, side), "white")
        page.paste(
            to_pil(pixels).convert("RGB").resize((small, small), Image.Resampling.LANCZOS), ((side - small) // 2,) * 2
        )
        frames.append(np.asarray(page))
    return frames


def decibels(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures, 10 log10(255^2 / MSE), at most 99 dB."""
    mse = np.square(a.astype(np.float64) - b).mean()
    return 99.0 if mse == 0 else min(99.0, float(10 * np.log10(255**2 / mse)))


def png(pixels: np.ndarray, settings: dict | None = None) -> bytes:
    """uint8 (H, W, C) as PNG bytes, with the settings that made it as JSON in the metadata."""
    info = PngImagePlugin.PngInfo()
    if settings is not None:
        info.add_text(SETTINGS_KEY, json.dumps(settings))
    out = io.BytesIO()
    to_pil(pixels).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def webp(pixels: np.ndarray, quality: int = 90, exact: bool = False) -> bytes:
    """uint8 (H, W, C) as WebP bytes: a quarter of a PNG's size, for display only, or `exact`, two thirds of it."""
    out = io.BytesIO()
    to_pil(pixels).save(out, "WEBP", quality=quality, lossless=exact, method=2)
    return out.getvalue()


def settings_of(path: str | Path) -> dict | None:
    """The settings inside a PNG that this app saved; None if it holds none.

    Raises:
        Refused: the file is not a picture, or its settings are damaged.
    """
    try:
        with Image.open(path) as picture:
            # the text is read after all pixels; pictures saved here are small
            if picture.width * picture.height > LARGE:
                raise ValueError
            text = getattr(picture, "text", {}).get(SETTINGS_KEY)
        settings = json.loads(text) if text else None
    except (OSError, ValueError, SyntaxError, AttributeError, RecursionError, Image.DecompressionBombError):
        raise Refused("This file is not a picture with settings that can be read.") from None
    return settings if isinstance(settings, dict) else None


def data_uri(data: bytes, kind: str = "png") -> str:
    """Encoded picture bytes as a data URI that a page shows without another request."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def packed(pixels: np.ndarray) -> str:
    """uint8 (H, W, C) as text."""
    return data_uri(png(pixels))


def unpacked(text: object, side: int = 64) -> np.ndarray:
    """The (side, side, 3) uint8 picture behind `packed`. Raises Refused if there is none of that size."""
    try:
        data = base64.b64decode(str(text).partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data)) as picture:
            if picture.size == (side, side):
                return np.asarray(to_rgb(picture))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # ValueError: not base64
        pass
    raise Refused("This picture's settings hold no original that can be read; drop a PNG that was saved here.")


def zip_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """(name, bytes) pairs as one zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def digit_of(picture: Image.Image) -> np.ndarray:
    """Any picture of one digit as MNIST has them: (28, 28, 1) uint8, white on black, its mass in the centre.

    Dark ink on light paper is inverted; the border decides. A crisp enlargement of a 28 x 28 digit comes back
    exactly.

    Raises:
        Refused: the picture is empty.
    """
    grey = np.asarray(to_rgb(picture).convert("L"), dtype=np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    paper = float(np.median(border))
    ink = np.clip(paper - grey if paper > 127 else grey - paper, 0, 255).round().astype(np.uint8)
    if ink.max() < 48:
        raise Refused(NO_DIGIT)
    block = max(1, len(ink) // 28)
    small = ink[::block, ::block, None]
    exact = small.shape == (28, 28, 1) and np.array_equal(enlarge(small, block)[..., 0], ink)
    return small if exact else _centred((ink * (255 / ink.max())).astype(np.uint8))[..., None]


def _centred(ink: np.ndarray) -> np.ndarray:
    """MNIST's own recipe: the digit fitted into 20 x 20, then its centre of mass put in the middle of 28 x 28."""
    rows, columns = np.nonzero(ink.max(1) > 63)[0], np.nonzero(ink.max(0) > 63)[0]
    crop = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    crop.thumbnail((20, 20), Image.Resampling.LANCZOS)
    if max(crop.size) < 20:
        scale = 20 / max(crop.size)
        crop = crop.resize([max(1, round(side * scale)) for side in crop.size], Image.Resampling.BICUBIC)
    digit = np.asarray(crop, dtype=np.float64)
    if not digit.any():
        raise Refused(NO_DIGIT)
    centre = [np.average(np.arange(n), weights=digit.sum(1 - axis)) for axis, n in enumerate(digit.shape)]
    top, left = (min(max(round(13.5 - c), 0), 28 - n) for c, n in zip(centre, digit.shape, strict=True))
    page = np.zeros((28, 28), np.uint8)
    page[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return page
