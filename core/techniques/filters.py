"""Noise and its removal: forward noising, optimal classical filters, one step, and many steps.

Every classical filter is tuned on the clean picture, so its result is an upper bound. It is best on x_t / a_t, the
noisy picture at its right brightness.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import generator
from core.diffusion.schedule import Schedule, per_sample
from core.techniques.splits import lowpass

SIGMAS = (
    *(0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4, 1.6, 1.9, 2.2, 2.6, 3.0, 3.6, 4.3, 5.2, 6.3, 7.5, 9.0),
    *(11.0, 14.0, 18.0, 24.0, 32.0),
)
"""The standard deviations tried for the Gaussian blur, in pixels; the widest leaves little but the mean colour of 64."""
MEDIANS = (3, 5, 7, 9)
STRENGTHS = (0.3, 0.5, 0.7, 1.0, 1.5)
STRIDE = 30


def psnr(x: Tensor, clean: Tensor, span: float = 2.0) -> Tensor:
    """Peak signal-to-noise ratio in dB per picture, 10 log10(span^2 / MSE). (B, C, H, W) -> (B,).

    Args:
        span: white minus black; 2 for pictures in [-1, 1].
    """
    return 10 * torch.log10(span**2 / (x - clean).square().mean((1, 2, 3)).clamp(min=1e-12))


def noised(schedule: Schedule, x_0: Tensor, timesteps: Sequence[int], seed: int) -> Tensor:
    """One picture (C, H, W) at several timesteps, all with the same noise: (len(timesteps), C, H, W)."""
    eps = torch.randn(x_0.shape, generator=generator(seed)).to(x_0)
    x = x_0.expand(len(timesteps), *x_0.shape)
    return schedule.forward(x, torch.tensor(timesteps, device=x_0.device), eps.expand_as(x))


def _best(filters: Sequence[Callable[[Tensor], Tensor]], names: Sequence[float], noisy: Tensor, clean: Tensor):
    """Per picture, the filter with the highest PSNR: pictures (B, C, H, W) and that filter's number for each."""
    tries = torch.stack([f(noisy).clamp(-1, 1) for f in filters])  # (F, B, C, H, W)
    best = torch.stack([psnr(x, clean) for x in tries]).argmax(0)  # (B,)
    return tries[best, torch.arange(len(noisy))], [names[i] for i in best.tolist()]


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with standard deviation sigma in pixels; the border is mirrored. Keeps (B, C, H, W)."""
    return lowpass(x, sigma, 2 * math.ceil(3 * sigma) + 1)


def best_blur(noisy: Tensor, clean: Tensor) -> tuple[Tensor, list[float]]:
    """The Gaussian blur nearest to the clean pictures, and its sigma for each, in pixels.

    Each is tried on the picture and on what remains of it in [-1, 1]: at the last timesteps x_t / a_t is so large that no
    blur brings it back to where pictures are.

    Args:
        noisy: (B, C, H, W), x_t / a_t, or x_t itself.
        clean: (B, C, H, W) in [-1, 1].
    """
    plain = [lambda x, s=s: blur(x, s) for s in SIGMAS]
    cut = [lambda x, s=s: blur(x.clamp(-1, 1), s) for s in SIGMAS]
    return _best([*plain, *cut], [*SIGMAS, *SIGMAS], noisy, clean)


def median(x: Tensor, size: int) -> Tensor:
    """Median over a size x size window in each channel; the border is mirrored. Keeps (B, C, H, W)."""
    padded = F.pad(x, [size // 2] * 4, mode="reflect")
    return padded.unfold(2, size, 1).unfold(3, size, 1).flatten(-2).median(-1).values


def best_median(noisy: Tensor, clean: Tensor) -> tuple[Tensor, list[int]]:
    """The median filter nearest to the clean pictures, and its window for each, in pixels."""
    return _best([lambda x, k=k: median(x, k) for k in MEDIANS], MEDIANS, noisy, clean)


def non_local_means(x: Tensor, sigma: Tensor, strength: float, patch: int = 5, search: int = 6) -> Tensor:
    """Non-local means (Buades, Coll & Morel 2005): each pixel becomes the mean of pixels with similar surroundings.

    The weight of a pixel is exp(-max(d - 2 sigma^2, 0) / (strength * sigma)^2), where d is the mean squared
    difference of the two patches.

    Args:
        x: (B, C, H, W) noisy pictures.
        sigma: (B,) standard deviation of their noise.
        strength: h / sigma.
        patch: side of a patch, in pixels.
        search: the search distance, in pixels.
    """
    h, w = x.shape[-2:]
    padded = F.pad(x, [search] * 4, mode="reflect")
    noise = per_sample(sigma.to(x), x)
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    for dy in range(2 * search + 1):
        for dx in range(2 * search + 1):
            other = padded[:, :, dy : dy + h, dx : dx + w]
            gap = (x - other).square().mean(1, keepdim=True)  # (B, 1, H, W)
            d = F.avg_pool2d(gap, patch, 1, patch // 2, count_include_pad=False)
            weight = torch.exp(-(d - 2 * noise**2).clamp(min=0) / (strength * noise) ** 2)
            total, weights = total + weight * other, weights + weight
    return total / weights


def best_non_local_means(noisy: Tensor, clean: Tensor, sigma: Tensor) -> tuple[Tensor, list[float]]:
    """The non-local means nearest to the clean pictures, and its strength for each; sigma (B,) is that of the noise."""
    filters = [lambda x, h=h: non_local_means(x, sigma, h) for h in STRENGTHS]
    return _best(filters, STRENGTHS, noisy, clean)


@torch.no_grad()
def one_step(denoiser: Denoiser, x_t: Tensor, t: Tensor, cond: Tensor) -> Tensor:
    """The clean estimate in one network call, clamped to [-1, 1]: x_0 = (x_t - s_t eps) / a_t. t is (B,)."""
    return denoiser.predict(x_t, t, cond).x_0.clamp(-1, 1)


def strided(start: int, stride: int = STRIDE) -> list[int]:
    """Timesteps from `start` down by `stride`; the last step goes to the clean end. 690 -> [690, 660, ..., 0]."""
    return list(range(start, -1, -stride))
