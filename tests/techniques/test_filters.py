"""Classical denoising against numpy, and one step against a Gaussian in closed form."""

import math

import numpy as np
import pytest
import torch

from core.diffusion.closed_form import Gaussian
from core.diffusion.noise import generator, generators, randn
from core.diffusion.schedule import Schedule
from core.techniques.filters import (
    MEDIANS,
    SIGMAS,
    STRENGTHS,
    best_blur,
    best_median,
    best_non_local_means,
    blur,
    median,
    noised,
    non_local_means,
    one_step,
    psnr,
    strided,
)

SCHEDULE = Schedule.cosine(1000)


def pictures(n: int = 2, side: int = 16, seed: int = 0) -> torch.Tensor:
    """(n, 3, side, side) noise inside [-1, 1]."""
    return torch.rand(n, 3, side, side, generator=generator(seed)) * 2 - 1


# ---- PSNR ----


def test_psnr_is_its_formula_per_picture():
    clean = pictures(3)
    off = torch.tensor([0.02, 0.2, 2.0]).view(3, 1, 1, 1)
    expected = [10 * math.log10(4 / d**2) for d in (0.02, 0.2, 2.0)]
    assert psnr(clean + off, clean).tolist() == pytest.approx(expected, abs=1e-2)
    assert psnr(clean + off, clean, span=1).tolist() == pytest.approx(
        [e - 20 * math.log10(2) for e in expected], abs=1e-2
    )
    assert psnr(clean, clean).isfinite().all() and (psnr(clean, clean) > 100).all()


def test_psnr_does_not_mix_pictures():
    clean, noisy = pictures(2), pictures(2, seed=1)
    alone = [psnr(noisy[i : i + 1], clean[i : i + 1]).item() for i in range(2)]
    assert psnr(noisy, clean).tolist() == pytest.approx(alone)


# ---- forward noising ----


def test_every_timestep_has_the_same_noise():
    x_0, timesteps = pictures(1)[0], [10, 500, 990]
    x = noised(SCHEDULE, x_0, timesteps, seed=7)
    assert x.shape == (3, 3, 16, 16)
    found = [
        (x[i] - SCHEDULE.alpha_bar[t].sqrt() * x_0) / (1 - SCHEDULE.alpha_bar[t]).sqrt()
        for i, t in enumerate(timesteps)
    ]
    for eps in found:
        torch.testing.assert_close(eps, randn((3, 16, 16), generator(7)), atol=2e-5, rtol=0)
    assert torch.equal(x, noised(SCHEDULE, x_0, timesteps, seed=7))
    assert not torch.equal(x, noised(SCHEDULE, x_0, timesteps, seed=8))


# ---- blur ----


def blurred(x: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of three sigmas to each side, on a mirrored border, pixel by pixel; x is (H, W)."""
    h, w = x.shape
    r = min(math.ceil(3 * sigma), min(h, w) - 1)
    place = np.arange(-r, r + 1)
    kernel = np.exp(-(place**2) / (2 * sigma**2))
    kernel = np.outer(kernel, kernel) / kernel.sum() ** 2
    padded = np.pad(x, r, mode="reflect")
    return np.array(
        [[(padded[i : i + 2 * r + 1, j : j + 2 * r + 1] * kernel).sum() for j in range(w)] for i in range(h)]
    )


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.6, 9.0])
def test_blur_is_a_gaussian_convolution(sigma):
    x = pictures(2, 12)
    expected = np.array([[blurred(c, sigma) for c in picture] for picture in x.double().numpy()])
    np.testing.assert_allclose(blur(x, sigma).numpy(), expected, atol=1e-5)


def test_the_best_blur_is_the_one_that_was_planted_in_each_picture():
    noisy = 0.9 * pictures(4, 24)
    planted = [SIGMAS[0], SIGMAS[6], SIGMAS[12], SIGMAS[18]]
    clean = torch.cat([blur(noisy[i : i + 1], s) for i, s in enumerate(planted)])
    found, sigmas = best_blur(noisy, clean)
    assert sigmas == planted
    torch.testing.assert_close(found, clean, atol=1e-6, rtol=0)


def test_no_blur_of_the_list_beats_the_best():
    clean = blur(pictures(3, 24), 2.0) * 3
    noisy = clean + torch.tensor([0.1, 0.4, 1.5]).view(3, 1, 1, 1) * randn(clean.shape, generator(4))
    found, sigmas = best_blur(noisy, clean.clamp(-1, 1))
    inputs = noisy, noisy.clamp(-1, 1)
    each = torch.stack([psnr(blur(x, s).clamp(-1, 1), clean.clamp(-1, 1)) for s in SIGMAS for x in inputs])
    torch.testing.assert_close(psnr(found, clean.clamp(-1, 1)), each.max(0).values)
    assert sigmas[0] < sigmas[2] and found.abs().max() <= 1


def test_at_the_last_timestep_the_best_blur_is_not_worse_than_the_noisy_picture():
    """x_999 / a_999 is some ten thousand times too large; blurred and cut off it is black and white, at 5 dB."""
    clean, t = pictures(3, 64), torch.full((3,), 999)
    x_t = SCHEDULE.forward(clean, t, randn(clean.shape, generator(5)))
    found, _ = best_blur(x_t / SCHEDULE.at(t, x_t)[0], clean)
    assert (psnr(found, clean) > psnr(x_t.clamp(-1, 1), clean) + 3).all()


# ---- median ----


@pytest.mark.parametrize("size", MEDIANS)
def test_median_is_numpys(size):
    x = pictures(2, 10)
    r = size // 2
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (r, r), (r, r)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
    np.testing.assert_array_equal(median(x, size).numpy(), np.median(windows, (-2, -1)))


def test_the_best_median_is_the_one_that_was_planted():
    noisy = pictures(2, 20)
    clean = torch.cat([median(noisy[:1], 5), median(noisy[1:], 9)])
    found, sizes = best_median(noisy, clean)
    assert sizes == [5, 9] and torch.equal(found, clean)


# ---- non-local means ----


def naive_means(x: np.ndarray, sigma: float, strength: float, patch: int, search: int) -> np.ndarray:
    """Pixel by pixel, offset by offset; x is (C, H, W), patches stay inside the picture."""
    _, h, w = x.shape
    padded = np.pad(x, ((0, 0), (search, search), (search, search)), mode="reflect")
    out, r = np.zeros_like(x), patch // 2
    for i in range(h):
        for j in range(w):
            rows, columns = range(max(0, i - r), min(h, i + r + 1)), range(max(0, j - r), min(w, j + r + 1))
            total, weights = 0.0, 0.0
            for dy in range(-search, search + 1):
                for dx in range(-search, search + 1):
                    gaps = [
                        ((x[:, k, m] - padded[:, k + dy + search, m + dx + search]) ** 2).mean()
                        for k in rows
                        for m in columns
                    ]
                    d = max(np.mean(gaps) - 2 * sigma**2, 0)
                    weight = math.exp(-d / (strength * sigma) ** 2)
                    total = total + weight * padded[:, i + dy + search, j + dx + search]
                    weights += weight
            out[:, i, j] = total / weights
    return out


def test_non_local_means_is_its_formula():
    x, sigma = pictures(2, 7), torch.tensor([0.2, 0.5])
    found = non_local_means(x, sigma, 0.7, patch=3, search=2)
    expected = np.stack([naive_means(p, s, 0.7, 3, 2) for p, s in zip(x.double().numpy(), (0.2, 0.5), strict=True)])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)
    assert np.abs(expected - x.numpy()).max() > 0.1


def test_non_local_means_keeps_a_constant_picture_and_a_sharp_edge():
    constant = torch.full((1, 3, 12, 12), 0.3)
    torch.testing.assert_close(non_local_means(constant, torch.tensor([0.1]), 1.0), constant)
    edge = torch.ones(1, 3, 16, 16)
    edge[..., :8] = -1
    torch.testing.assert_close(non_local_means(edge, torch.tensor([0.1]), 0.5), edge, atol=1e-3, rtol=0)
    assert (blur(edge, 1.0) - edge).abs().max() > 0.5


def test_the_best_non_local_means_beats_the_noise_and_the_other_strengths():
    clean = torch.ones(2, 3, 20, 20)
    clean[..., :9] = -1
    sigma = torch.tensor([0.2, 0.6])
    noisy = clean + sigma.view(2, 1, 1, 1) * randn(clean.shape, generator(0))
    found, strengths = best_non_local_means(noisy, clean, sigma)
    each = torch.stack([psnr(non_local_means(noisy, sigma, h).clamp(-1, 1), clean) for h in STRENGTHS])
    assert strengths == [STRENGTHS[i] for i in each.argmax(0).tolist()]
    torch.testing.assert_close(psnr(found, clean), each.max(0).values)
    assert (psnr(found, clean) > psnr(noisy.clamp(-1, 1), clean) + 3).all()


# ---- by network ----


def test_one_step_is_the_posterior_mean_in_closed_form():
    shape, variance = (3, 4, 4), 0.3
    denoiser = Gaussian(SCHEDULE, variance * torch.eye(48, dtype=torch.float64), shape)
    mean = 0.2 * randn(shape, generator(1)).double()
    x_t, t = randn((4, *shape), generators(0, 4)).double(), torch.tensor([0, 250, 750, 999])
    a2 = SCHEDULE.alpha_bar[t].view(-1, 1, 1, 1)
    expected = mean + a2.sqrt() * variance / (a2 * variance + 1 - a2) * (x_t - a2.sqrt() * mean)
    assert expected.abs().max() > 1
    found = one_step(denoiser, x_t, t, denoiser.encode([mean] * 4))
    torch.testing.assert_close(found, expected.clamp(-1, 1))


@pytest.mark.parametrize(
    "start, stride, expected",
    [(90, 30, [90, 60, 30, 0]), (100, 30, [100, 70, 40, 10]), (5, 30, [5]), (0, 30, [0]), (4, 1, [4, 3, 2, 1, 0])],
)
def test_strided_timesteps_go_down_to_the_clean_end(start, stride, expected):
    assert strided(start, stride) == expected


def test_the_published_stride_makes_thirty_four_steps_of_990():
    assert strided(990) == list(range(990, -1, -30)) and len(strided(990)) == 34
