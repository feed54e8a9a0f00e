"""A classifier of noisy digits, which can therefore guide: log p(y | x_t) at every noise level of both paths.

It is the way down of the digit U-Net, as in guided-diffusion, and is told the noise level at every block.
"""

import torch
from torch import Tensor, nn

from core.diffusion.schedule import Schedule
from core.models.mnist import CLASSES
from core.models.mnist_unet import ConvBlock, DownBlock, FCBlock


class NoisyClassifier(nn.Module):
    """(x_t, a, s) -> logits, for x_t = a x_0 + s eps with any a, s >= 0.

    Every such x_t over sqrt(a^2 + s^2) lies on one circle of noise levels, so one network reads the DDPM path and that
    of flow matching alike; the angle atan2(s, a) is its place there, 0 for a clean digit and pi / 2 for pure noise.

    Args:
        width: the channels at full resolution.
    """

    def __init__(self, width: int = 16):
        super().__init__()
        widths = (width, 2 * width, 4 * width)
        self.blocks = nn.ModuleList([ConvBlock(1, width), DownBlock(width, 2 * width), DownBlock(2 * width, 4 * width)])
        self.levels = nn.ModuleList(FCBlock(1, 2 * w) for w in widths)
        self.leave = nn.Sequential(ConvBlock(4 * width, 4 * width), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classify = nn.Linear(4 * width, CLASSES)

    def forward(self, x_t: Tensor, a: Tensor, s: Tensor) -> Tensor:
        """(B, 10) logits of x_t (B, 1, 28, 28) at signal and noise levels a, s (B, 1, 1, 1)."""
        h, angle = x_t / (a**2 + s**2).sqrt(), torch.atan2(s, a).flatten(1)  # (B, 1)
        for block, level in zip(self.blocks, self.levels, strict=True):
            scale, shift = level(angle).chunk(2, 1)  # (B, C, 1, 1) each
            h = block(h) * (1 + scale) + shift
        return self.classify(self.leave(h))

    def at(self, schedule: Schedule, x_t: Tensor, t: Tensor) -> Tensor:
        """(B, 10) logits of x_t at timesteps t (B,) of a path."""
        return self(x_t, *schedule.at(t, x_t))


def build_noisy_classifier(architecture: dict, weights: dict[str, Tensor]) -> NoisyClassifier:
    """The classifier from its card and weights, for inference."""
    net = NoisyClassifier(architecture["hidden"])
    net.load_state_dict(weights)
    return net.eval().requires_grad_(False)
