"""A small classifier of 64x64 photos; its features give the Frechet distance."""

import torch
from torch import Tensor, nn


class PhotoClassifier(nn.Module):
    """A plain residual network (He et al. 2016) on RGB in [-1, 1].

    Args:
        classes: kinds of photo.
        width: channels at 32x32; twice as many at 16x16, four times at 8x8, eight times at 4x4.
    """

    def __init__(self, classes: int = 200, width: int = 48):
        super().__init__()
        layers, c = [nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()], width
        for wide in (2 * width, 4 * width, 8 * width):
            layers.append(Residual(c, wide))
            c = wide
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(c, classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> (B, 8 width)."""
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, 64, 64) -> (B, classes) logits."""
        return self.head(self.body(x))


class Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut. (B, c_in, H, W) -> (B, c_out, H / 2, W / 2)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        conv = lambda a, b, s: nn.Conv2d(a, b, 3, s, 1, bias=False)  # noqa: E731
        self.branch = nn.Sequential(
            *(conv(c_in, c_out, 2), nn.BatchNorm2d(c_out), nn.ReLU()),
            *(conv(c_out, c_out, 1), nn.BatchNorm2d(c_out)),
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c_in, c_out, 1))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return torch.relu(self.shortcut(x) + self.branch(x))


def build_photo_classifier(architecture: dict, weights: dict[str, Tensor]) -> PhotoClassifier:
    """The classifier from its card and weights."""
    net = PhotoClassifier(architecture["classes"], architecture["width"])
    net.load_state_dict(weights)
    return net.eval().requires_grad_(False)
