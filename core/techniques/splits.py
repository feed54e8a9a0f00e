"""Pictures as sums of components: low and high frequencies, grey and colour, blurred by motion and the rest.

A split is a dict from a name to a linear map (B, C, H, W) -> (B, C, H, W); the maps of a split sum to the identity,
since the last is the rest of the others (factorized diffusion, Geng et al. 2024, section 3.2).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from core.checks import Refused

Component = Callable[[Tensor], Tensor]
Split = Mapping[str, Component]

SIGMA, KERNEL = 2.0, 33  # pixels, at 64 px
BANDS = {2: ("low", "high"), 3: ("low", "middle", "high")}


def weights(sigma: float, kernel: int = KERNEL) -> Tensor:
    """(kernel,) float64 Gaussian weights that sum to 1; sigma 0 is no blur.

    Args:
        sigma: standard deviation, in pixels.
        kernel: number of taps, odd.

    Raises:
        Refused: sigma is negative or not finite, or the kernel is not an odd positive number.
    """
    if not 0 <= sigma < math.inf:
        raise Refused(f"Sigma must be a number from 0, not {sigma}.")
    if kernel < 1 or kernel % 2 == 0:
        raise Refused(f"The kernel must have an odd number of pixels, not {kernel}.")
    taps = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    return torch.softmax(-0.5 * (taps / max(sigma, 1e-6)) ** 2, 0)


def lowpass(x: Tensor, sigma: float = SIGMA, kernel: int = KERNEL) -> Tensor:
    """Gaussian blur of (B, C, H, W), the border mirrored; a kernel wider than the picture allows is cut.

    Raises:
        Refused: see `weights`.
    """
    radius = min(kernel // 2, min(x.shape[-2:]) - 1)
    w = weights(sigma, kernel)[kernel // 2 - radius : kernel // 2 + radius + 1]
    w = (w / w.sum()).to(x)
    rows = F.pad(x.reshape(-1, 1, *x.shape[-2:]), [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(rows, w.view(1, 1, 1, -1)), w.view(1, 1, -1, 1)).view_as(x)


def response(sigma: float = SIGMA, kernel: int = KERNEL, points: int = 129) -> tuple[list[float], list[float]]:
    """The low pass along one axis: frequencies from 0 to 0.5 cycles per pixel, and the gain at each.

    The high pass has 1 - gain. A kernel too short for its sigma causes ripples.
    """
    frequencies = torch.linspace(0, 0.5, points, dtype=torch.float64)
    taps = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    gain = torch.cos(2 * math.pi * frequencies[:, None] * taps) @ weights(sigma, kernel)
    return frequencies.tolist(), gain.tolist()


def frequencies(sigmas: Sequence[float] = (SIGMA,), kernel: int = KERNEL) -> Split:
    """Bands between Gaussian blurs: low and high for one sigma; low, middle and high for two, the larger first.

    Args:
        sigmas: in pixels; a picture twice as large needs twice the sigma and kernel for the same look.

    Raises:
        Refused: not one or two sigmas, or not descending; or see `weights`.
    """
    if len(sigmas) + 1 not in BANDS or list(sigmas) != sorted(sigmas, reverse=True):
        raise Refused("Give one sigma, or two of which the first is the larger.")
    for sigma in sigmas:
        weights(sigma, kernel)
    blurs = [lambda x, s=s: lowpass(x, s, kernel) for s in sigmas] + [lambda x: x]
    bands = [blurs[0], *(lambda x, a=a, b=b: b(x) - a(x) for a, b in pairwise(blurs))]
    return dict(zip(BANDS[len(bands)], bands, strict=True))


def colours() -> Split:
    """The mean of the channels, and the rest (factorized diffusion, Geng et al. 2024: colour hybrids)."""

    def grey(x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True).expand_as(x)

    return {"grey": grey, "colour": lambda x: x - grey(x)}


def motion(length: int = 7, angle: float = 45.0) -> Split:
    """The motion-blurred picture, and the rest (Geng et al. 2024: motion hybrids).

    Args:
        length: the length of the path, in pixels, at least 1.
        angle: in degrees; 0 moves sideways, 90 up.

    Raises:
        Refused: the path is shorter than a pixel.
    """
    if length < 1:
        raise Refused(f"The path must be at least 1 pixel long, not {length}.")
    kernel = _line(length, angle)

    def blurred(x: Tensor) -> Tensor:
        radius = [min(kernel.shape[0] // 2, side - 1) for side in x.shape[-2:]]
        inner = [slice(kernel.shape[0] // 2 - r, kernel.shape[0] // 2 + r + 1) for r in radius]
        w = kernel[inner[0], inner[1]]
        padded = F.pad(x.reshape(-1, 1, *x.shape[-2:]), [radius[1]] * 2 + [radius[0]] * 2, mode="reflect")
        return F.conv2d(padded, (w / w.sum()).to(x)[None, None]).view_as(x)

    return {"motion": blurred, "rest": lambda x: x - blurred(x)}


def _line(length: int, angle: float) -> Tensor:
    """(K, K) float64 weights of a straight path through the middle, each point shared by the four pixels around it."""
    points = 16 * length
    along = (torch.arange(points, dtype=torch.float64) + 0.5) / points * length - length / 2
    y, x = -along * math.sin(math.radians(angle)), along * math.cos(math.radians(angle))
    taps = torch.arange(-(length // 2 + 1), length // 2 + 2, dtype=torch.float64)
    near_y, near_x = ((1 - (taps[:, None] - k).abs()).clamp(min=0) for k in (y, x))  # (K, points)
    kernel = near_y @ near_x.T
    return kernel / kernel.sum()
