"""Denoisers in closed form for Forward & denoise, and its plans on one of the scenes."""

import numpy as np
import torch

from core.diffusion.denoiser import Prediction
from core.diffusion.schedule import Schedule
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs import denoise
from core.runs.denoise import DenoiseRequest, Denoising


class Grey:
    """A denoiser that takes every picture for an even grey, and counts its calls."""

    schedule, shape, device, calls = Schedule.cosine(1000), (3, 64, 64), torch.device("cpu"), 0

    def encode(self, prompts):
        """Nothing to encode."""
        return torch.zeros(len(prompts), 1)

    def predict(self, x_t, t, cond):
        """Grey, and the noise that goes with it."""
        self.calls += 1
        s = self.schedule.at(t, x_t)[1]
        return Prediction(torch.zeros_like(x_t), x_t / s)

    def to_pixels(self, x):
        """Its states are pictures."""
        return x


class Half(Grey):
    """A denoiser whose result hangs on the noise that was added on the way."""

    def predict(self, x_t, t, cond):
        """Half the state."""
        return Prediction(x_t / 2, x_t / 2)


def in_place_of_models(monkeypatch) -> Grey:
    """Grey in place of every model of Forward & denoise, and no filter that takes its time."""
    toy = Grey()
    monkeypatch.setattr(denoise, "load", lambda name, device: toy)
    for name in ("best_blur", "best_median"):
        monkeypatch.setattr(denoise, name, lambda noisy, clean: (noisy, [1.0] * len(noisy)))
    monkeypatch.setattr(denoise, "best_non_local_means", lambda noisy, clean, sigma: (noisy, [1.0] * len(noisy)))
    return toy


def picture() -> np.ndarray:
    """The mountains, (64, 64, 3) uint8."""
    return np.asarray(mountains().resize((64, 64)))


def clean() -> torch.Tensor:
    """The mountains as the network sees them."""
    return images.from_uint8(picture()[None], -1, 1)


def plan(*levels: int, **settings) -> Denoising:
    """A plan on the mountains."""
    levels = {"levels": levels} if levels else {}
    return Denoising(request=DenoiseRequest(**levels, **settings), inputs={"original": picture()})
