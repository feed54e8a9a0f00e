"""Batches for the upsampler: crops of drawings, and photos of which half the detail is known."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.datasets.drawings import drawings, unseen
from core.datasets.five_styles import LARGE
from core.datasets.pictures import HELD_OUT, SIDE, photos

CROP = 128
CACHE = "drawings256.npy"


class Crops:
    """Random crops (B, 3, 128, 128) of drawings and photos that the training may use.

    Args:
        photo_share: the share of photos in a batch, 0 .. 1. There are none of more than 64 pixels, so a photo is
            enlarged to 128 with bicubic interpolation: that teaches half of the enlargement, and to invent no cartoon.
        cache: the folder of the decoded drawings.
    """

    def __init__(self, photo_share: float, cache: Path, data: str | Path | None = None):
        self.share, self.source = photo_share, drawings(cache / CACHE, data)
        self.unseen, self.checked = unseen(self.source.slugs)
        self.pairs = self.source.pairs(self.unseen | self.checked, of=False)  # (M, 2)
        if photo_share:
            self.photos = photos(data)[0][:, :-HELD_OUT].reshape(-1, SIDE, SIDE, 3)

    def batch(self, n: int, g: torch.Generator) -> Tensor:
        """n crops (n, 3, 128, 128) in [-1, 1], from a CPU generator."""
        n_photos = int(n * self.share + torch.rand((), generator=g).item())
        crops = [self._drawing(g) for _ in range(n - n_photos)]
        x = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1 if crops else torch.empty(0)
        return torch.cat([x, *(self._photo(g) for _ in range(n_photos))])

    def _drawing(self, g: torch.Generator) -> np.ndarray:
        """(128, 128, 3) uint8: a crop of a drawing, turned, mirrored, its colours exchanged in half of them.

        It is the place with more content of two random ones: a network learns nothing from the white of a drawing.
        """
        pick = lambda high: int(torch.randint(high, (), generator=g))  # noqa: E731
        style, thing = self.pairs[pick(len(self.pairs))]
        places = [(pick(LARGE - CROP + 1), pick(LARGE - CROP + 1)) for _ in range(2)]
        crops = [self.source.pixels[style, thing, y : y + CROP, x : x + CROP] for y, x in places]
        crop = np.rot90(max(crops, key=lambda c: c[::2, ::2].std()), pick(4))
        crop = crop[:, ::-1] if pick(2) else crop
        return crop[..., torch.randperm(3, generator=g).numpy()] if pick(2) else crop

    def _photo(self, g: torch.Generator) -> Tensor:
        """(1, 3, 128, 128) in [-1, 1]: a photo, mirrored in half of them, twice as large."""
        photo = self.photos[int(torch.randint(len(self.photos), (), generator=g))]
        photo = photo.flip(1) if torch.randint(2, (), generator=g) else photo
        x = photo.permute(2, 0, 1)[None].float() / 127.5 - 1
        return F.interpolate(x, scale_factor=CROP / SIDE, mode="bicubic", align_corners=False).clamp(-1, 1)
