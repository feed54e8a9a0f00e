"""The single-step denoiser: one network call from a noisy digit to a clean one."""

import numpy as np
import torch

from core.diffusion.noise import generator, generators, randn
from core.diffusion.schedule import per_sample
from core.models.registry import load
from core.pictures.images import to_uint8

SIGMA = 0.5
"""The noise level at which the single-step denoiser was trained."""
SIGMAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)
"""The noise levels in the course's figure of that denoiser."""


def denoise_ladder(
    clean: np.ndarray, sigmas: tuple[float, ...] = SIGMAS, seed: int = 0, device: str = "auto"
) -> tuple[np.ndarray, np.ndarray, list[float], list[float]]:
    """One digit at several noise levels, through the single-step denoiser in one network call.

    Args:
        clean: (28, 28, 1) uint8.
        sigmas: noise levels; z = x + sigma eps with the same eps at each.

    Returns:
        Noisy and denoised digits, each (S, 28, 28, 1) uint8, and the mean squared error per pixel of each to the clean
        digit; the clean digit lies in [0, 1], the others are not clamped.
    """
    model = load("denoiser", device)
    x = torch.from_numpy(clean).permute(2, 0, 1)[None].float() / 255
    eps = randn((1, *x.shape[1:]), generator(seed))
    z = x + per_sample(torch.tensor(sigmas), x) * eps
    restored = model.restore(z).cpu()
    errors = [(e - x).square().flatten(1).mean(1).tolist() for e in (z, restored)]
    return to_uint8(z), to_uint8(restored), *errors


def mean_digit(n: int, seed: int, device: str = "auto") -> np.ndarray:
    """The outputs of the pure-noise denoiser for n different noises, (n, 28, 28, 1) uint8: always the mean digit."""
    return to_uint8(load("denoiser-noise", device).restore(randn((n, 1, 28, 28), generators(seed, n))))
