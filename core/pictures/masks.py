"""Masks for inpainting: 1 where new content goes, 0 where the picture stays. Float32 (1, 1, S, S)."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.checks import Refused
from core.diffusion.noise import generator
from core.pictures.images import shrunk, square, to_rgb

SIZE = 64
EMPTY = "The mask is empty: paint over the part that should be made anew."
FULL = "The mask covers everything, so nothing of the picture would stay: leave a part unpainted."
CHANGED = 24  # of 255: the least difference from the background that counts as painted


def mask_of(drawn: object, size: int = SIZE) -> Tensor:
    """A mask of 0s and 1s from the paint or from an uploaded picture, cropped and resized like pictures.

    An editor's answer is a mapping with "background", "layers" and "composite", each a PIL picture, a uint8 array
    (H, W) or (H, W, C), or None. The first that applies: the layers' opaque parts (not black, without alpha); the
    difference of composite and background; the erased parts of the background. A single picture is a mask itself:
    new content goes where it is transparent; if nothing is transparent, where it is white.

    Raises:
        Refused: it holds no mask, or it is too large.
    """
    if isinstance(drawn, Mapping):
        return _sized(_painted(drawn), size)
    pixels = _array(drawn)
    if pixels is None:
        raise Refused("There is no mask yet: paint over the part that should be made anew.")
    clear = _clear(pixels)
    return _sized(clear if clear.any() else pixels[..., : 3 if pixels.shape[-1] > 2 else 1].mean(-1), size)


def _array(picture: object) -> np.ndarray | None:
    """uint8 (H, W, C) of a PIL picture, shrunk if it is large, or an array; None for None. Raises Refused for anything else."""
    if picture is None:
        return None
    if isinstance(picture, Image.Image):
        picture = shrunk(picture)
        # A palette's or a colour's transparency counts too; not for 16 bits, which RGBA would cut off, not scale.
        clear = picture.has_transparency_data and not picture.mode.startswith("I")
        picture = np.asarray(picture.convert("RGBA") if clear else to_rgb(picture))
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim not in (2, 3):
        raise Refused("The mask must be a picture.")
    return picture if picture.ndim == 3 else picture[..., None]


def _clear(pixels: np.ndarray) -> np.ndarray:
    """(H, W) transparency, 0 .. 255; none without an alpha channel."""
    has_alpha = pixels.shape[-1] in (2, 4)
    return 255 - pixels[..., -1] if has_alpha else np.zeros(pixels.shape[:2], np.uint8)


def _painted(editor: Mapping) -> np.ndarray:
    layers = [pixels for pixels in map(_array, editor.get("layers") or []) if pixels is not None]
    inks = [p[..., -1] if p.shape[-1] in (2, 4) else np.where(p.max(-1) > 0, 255, 0) for p in layers]
    inks = [ink for ink in inks if ink.any()]
    if inks:
        if any(ink.shape != inks[0].shape for ink in inks):
            raise Refused("The layers of the mask must all have the same size.")
        return np.max(inks, axis=0)
    background, composite = _array(editor.get("background")), _array(editor.get("composite"))
    if background is None:
        raise Refused("There is no picture yet: upload one, or take one from another tab.")
    if composite is not None and composite.shape[:2] == background.shape[:2]:
        colours = min(3, background.shape[-1], composite.shape[-1])
        gap = np.abs(composite[..., :colours].astype(int) - background[..., :colours]).max(-1)
        gap = np.where((gap > CHANGED) & (_clear(background) == 0), 255, 0)
        if gap.any():
            return gap
    return _clear(background if composite is None else composite)


def _sized(values: np.ndarray, size: int) -> Tensor:
    """(H, W) of 0 .. 255 as a mask: the centred square, averaged over each new pixel, 1 from one half on."""
    picture = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if picture.width < size or picture.height < size:
        small = square(picture, size)
    else:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        small = picture.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.BOX)
    return (torch.from_numpy(np.array(small)) >= 128).float()[None, None]


def checked(mask: Tensor) -> Tensor:
    """The mask, unless it is empty or full.

    Raises:
        Refused: it is empty or full.
    """
    if not (mask > 0).any():
        raise Refused(EMPTY)
    if (mask > 0).all():
        raise Refused(FULL)
    return mask


def invert(mask: Tensor) -> Tensor:
    """The inverted mask, 1 - mask."""
    return 1 - mask


def grow(mask: Tensor, pixels: int) -> Tensor:
    """The mask widened by a round brush of that radius; narrowed for a negative radius."""
    if pixels < 0:
        return 1 - grow(1 - mask, -pixels)
    axis = torch.arange(-pixels, pixels + 1)
    brush = ((axis[:, None] ** 2 + axis**2) <= (pixels + 0.5) ** 2).to(mask)
    return (F.conv2d(mask, brush[None, None], padding=pixels) > 0.5).to(mask)


def feather(mask: Tensor, pixels: int) -> Tensor:
    """The mask with a soft outer edge: it falls from 1 inside to 0 at that distance."""
    return torch.stack([grow(mask, k) for k in range(pixels + 1)]).mean(0)


def soft(mask: Tensor, pixels: int) -> Tensor:
    """The mask for a run: with a soft edge, checked before and after it, since the edge may cover the rest.

    Args:
        mask: (1, 1, S, S) of 0s and 1s, 1 where new content goes; the result's shape too.
        pixels: width of the edge, 0 for none.

    Raises:
        Refused: the mask is empty, or it covers everything.
    """
    return checked(feather(checked(mask), pixels))


def hole_of(original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with a chequered hole; original (64, 64, 3) uint8, mask (64, 64, 1) uint8, 255 where new content goes."""
    y, x = np.indices(original.shape[:2]) // 4
    squares = np.where((x + y) % 2, 205, 240)[..., None]
    share = mask.astype(float) / 255
    return (original * (1 - share) + squares * share).round().astype(np.uint8)


def centre_square() -> Tensor:
    """A square of half the picture's side in its middle."""
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 1
    return mask


def top_half() -> Tensor:
    """The upper half."""
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., : SIZE // 2, :] = 1
    return mask


def random_holes() -> Tensor:
    """Twelve round holes, always the same, with radii from 1/20 to 1/10 of the picture's side."""
    y, x, r = torch.rand(3, 12, 1, 1, generator=generator(0))
    axis = (torch.arange(SIZE) + 0.5) / SIZE
    inside = (axis[:, None] - y) ** 2 + (axis - x) ** 2 < ((1 + r) / 20) ** 2
    return inside.any(0).float()[None, None]


PRESETS: dict[str, tuple[str, Callable[[], Tensor]]] = {
    "centre": ("Centre square", centre_square),
    "top": ("Top half", top_half),
    "holes": ("Random holes", random_holes),
}
"""Name -> title and what makes it."""
