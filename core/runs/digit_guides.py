"""The classifiers that guide digits: log p(y | x_t) by each of them, and its gradient in colour."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.diffusion.denoiser import NETWORK_LOCK
from core.diffusion.guidance import LogProb
from core.diffusion.schedule import Schedule
from core.models.registry import load
from core.pictures.heat import signed

GUIDES = {"classifier-noisy": "has seen noise", "classifier": "has seen clean digits only"}
"""Model -> what people read."""
COLOURS = "red where more ink would make the digit likelier, blue where less"
FAINT = 0.02
"""The largest component of a gradient that is too small for the full colour: the classifier is sure, and white is right."""


def log_prob(name: str, path: Schedule, labels: Tensor, device: str = "auto") -> LogProb:
    """log p(y | x_t) for `classifier_guide` by a classifier of GUIDES; one that never saw noise is not told t.

    Args:
        labels: (B,) the classes y.
    """
    net = load(name, device)
    logits = partial(net.at, path) if name == "classifier-noisy" else lambda x_t, t: net(x_t)

    def log_p(x_t: Tensor, t: Tensor) -> Tensor:
        with NETWORK_LOCK:
            return logits(x_t, t).log_softmax(1).gather(1, labels.to(x_t.device)[:, None])[:, 0]

    return log_p


def in_colour(x: Tensor) -> Tensor:
    """Grey pictures (B, 1, H, W) as (B, 3, H, W)."""
    return x.expand(-1, 3, -1, -1)


def slope_in_colour(gradient: Tensor) -> Tensor:
    """The gradient (B, 1, H, W) as pictures (B, 3, H, W) in [0, 1], each up to its own most, but at least FAINT."""
    values = gradient[:, 0].cpu().numpy()
    pixels = np.stack([signed(v, max(FAINT, np.abs(v).max())) for v in values])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(gradient) / 255
