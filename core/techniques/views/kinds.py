"""The kinds of views: linear maps of pictures, as small classes. `core.techniques.views.catalogue` has the protocol and the table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from core.techniques.views import permutations


@dataclass(frozen=True)
class Same:
    """The identity, and the base of all views, `core.techniques.views.catalogue.View`; its animation is a crossfade."""

    title: str
    about: str
    legal: bool = True
    seed: int | None = None

    def apply(self, x: Tensor) -> Tensor:
        return x.clone()

    def invert(self, x: Tensor) -> Tensor:
        return x.clone()

    def invert_variance(self, v: Tensor) -> Tensor:
        return self.invert(v)

    def tween(self, pixels: np.ndarray, n: int) -> list[np.ndarray]:
        return [pixels.copy(), *(self._between(pixels, k / (n - 1)) for k in range(1, n - 1)), self._after(pixels)]

    def _between(self, pixels: np.ndarray, f: float) -> np.ndarray:
        return np.rint((1 - f) * pixels + f * self._after(pixels)).astype(np.uint8)

    def _after(self, pixels: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        return ((self.apply(x)[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


@dataclass(frozen=True)
class Pieced(Same):
    """A pixel permutation that moves rigid pieces; `cut` takes the size, and the seed, if any."""

    cut: Callable[..., permutations.Pieces] = field(kw_only=True)

    def apply(self, x: Tensor) -> Tensor:
        return x.flatten(-2)[..., _order(self, x.shape[-1])[0].to(x.device)].view_as(x)

    def invert(self, x: Tensor) -> Tensor:
        return x.flatten(-2)[..., _order(self, x.shape[-1])[1].to(x.device)].view_as(x)

    def _between(self, pixels: np.ndarray, f: float) -> np.ndarray:
        return _pieces(self, len(pixels)).frame(pixels, f)


@lru_cache(maxsize=64)
def _pieces(view: Pieced, size: int) -> permutations.Pieces:
    return view.cut(size) if view.seed is None else view.cut(size, view.seed)


@lru_cache(maxsize=64)
def _order(view: Pieced, size: int) -> tuple[Tensor, Tensor]:
    """The permutation (S S,) and its inverse."""
    index = _pieces(view, size).index()
    return index, index.argsort()


@dataclass(frozen=True)
class Flip(Same):
    """A flip about the middle line; `axis` -2 swaps top and bottom, -1 left and right."""

    axis: int = field(kw_only=True)

    def apply(self, x: Tensor) -> Tensor:
        return x.flip(self.axis)

    invert = apply

    def _between(self, pixels: np.ndarray, f: float) -> np.ndarray:
        """The card seen while it turns over: squeezed by the cosine of the angle."""
        lines = np.moveaxis(pixels, self.axis - 1, 0)
        middle, page = (len(lines) - 1) / 2, np.full_like(lines, permutations.PAPER)
        squeeze = np.cos(np.pi * f)
        squeeze = squeeze if abs(squeeze) > 1e-3 else 1e-3
        source = np.rint((np.arange(len(lines)) - middle) / squeeze + middle)
        seen = (source >= 0) & (source < len(lines))
        page[seen] = lines[source[seen].astype(np.int64)]
        return np.ascontiguousarray(np.moveaxis(page, 0, self.axis - 1))


@dataclass(frozen=True)
class Skew(Same):
    """Columns rolled downwards, each by `factor` pixels more than its left neighbour, none in the middle."""

    factor: float = field(default=1.5, kw_only=True)

    def _rows(self, size: int, f: float) -> np.ndarray:
        """(S, S) the row that each pixel comes from."""
        shift = np.rint(f * np.rint(self.factor * (np.arange(size) - size / 2))).astype(np.int64)
        return (np.arange(size)[:, None] - shift) % size

    def apply(self, x: Tensor) -> Tensor:
        rows = torch.from_numpy(self._rows(x.shape[-1], 1.0)).to(x.device)
        return x.gather(-2, rows.expand_as(x))

    def invert(self, x: Tensor) -> Tensor:
        rows = torch.from_numpy(self._rows(x.shape[-1], -1.0)).to(x.device)
        return x.gather(-2, rows.expand_as(x))

    def _between(self, pixels: np.ndarray, f: float) -> np.ndarray:
        return np.take_along_axis(pixels, self._rows(len(pixels), f)[..., None], 0)


@dataclass(frozen=True)
class Negate(Same):
    """The negative. The noise changes sign with the picture; a variance does not."""

    def apply(self, x: Tensor) -> Tensor:
        return -x

    invert = apply

    def invert_variance(self, v: Tensor) -> Tensor:
        return v.clone()


@dataclass(frozen=True)
class Blur(Same):
    """Gaussian blur with wrap-around, and its regularised inverse h / (h^2 + 1e-4); sigma in pixels."""

    sigma: float = field(default=1.0, kw_only=True)

    def _filtered(self, x: Tensor, back: bool) -> Tensor:
        size = x.shape[-1]
        fy, fx = torch.fft.fftfreq(size, device=x.device), torch.fft.rfftfreq(size, device=x.device)
        gain = torch.exp(-2 * (np.pi * self.sigma) ** 2 * (fy[:, None] ** 2 + fx**2))
        gain = gain / (gain**2 + 1e-4) if back else gain
        work = x if x.dtype == torch.float64 else x.float()
        return torch.fft.irfft2(torch.fft.rfft2(work) * gain, s=x.shape[-2:]).to(x.dtype)

    def apply(self, x: Tensor) -> Tensor:
        return self._filtered(x, back=False)

    def invert(self, x: Tensor) -> Tensor:
        return self._filtered(x, back=True)

    def invert_variance(self, v: Tensor) -> Tensor:
        return v.clone()


@dataclass(frozen=True)
class WhiteBalance(Same):
    """Channels scaled, the first by `warm`, the last by 2 - warm, others in between: invertible, not orthogonal."""

    warm: float = field(default=1.4, kw_only=True)

    def _gains(self, x: Tensor) -> Tensor:
        return torch.linspace(self.warm, 2 - self.warm, x.shape[1], device=x.device).to(x.dtype).view(1, -1, 1, 1)

    def apply(self, x: Tensor) -> Tensor:
        return x * self._gains(x)

    def invert(self, x: Tensor) -> Tensor:
        return x / self._gains(x)

    def invert_variance(self, v: Tensor) -> Tensor:
        return v.clone()
