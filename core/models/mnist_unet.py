"""The course's U-Net for 28x28 digits: one network, optionally conditioned on time and class.

    x ── ConvBlock ───────────────────────────────── concat ── ConvBlock ── Conv 3x3 ── out      28x28, D
           └─ DownBlock ───────────── concat ── UpBlock ─┘                                       14x14, D
                └─ DownBlock ─ concat ── UpBlock ─┘  * c2 + t2                                   7x7, 2D
                     └─ Flatten ── Unflatten ─┘  * c1 + t1                                       1x1, 2D

Source: CS 180 "Fun with Diffusion Models", part B; U-Net: Ronneberger et al. 2015.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def layout(device: torch.device | str) -> torch.memory_format:
    """The memory format of weights and pictures (B, C, H, W) on a device: channels last, except on Apple's MPS.

    It makes convolutions faster on CPUs and CUDA. On MPS, BatchNorm2d and avg_pool2d were silently wrong for
    channels-last tensors, forwards (pytorch/pytorch#174345) and backwards (#175189).
    """
    return torch.contiguous_format if torch.device(device).type == "mps" else torch.channels_last


class Conv(nn.Sequential):
    """3x3 convolution, BatchNorm, GELU; keeps the resolution. (B, c_in, H, W) -> (B, c_out, H, W)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(nn.Conv2d(c_in, c_out, 3, 1, 1), nn.BatchNorm2d(c_out), nn.GELU())


class ConvBlock(nn.Sequential):
    """Two Convs. (B, c_in, H, W) -> (B, c_out, H, W)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(Conv(c_in, c_out), Conv(c_out, c_out))


class DownBlock(nn.Sequential):
    """Stride-2 convolution, BatchNorm, GELU, then a ConvBlock. (B, c_in, H, W) -> (B, c_out, H/2, W/2)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(nn.Conv2d(c_in, c_out, 3, 2, 1), nn.BatchNorm2d(c_out), nn.GELU(), ConvBlock(c_out, c_out))


class UpBlock(nn.Sequential):
    """4x4 stride-2 transposed convolution, BatchNorm, GELU, then a ConvBlock. (B, c_in, H, W) -> (B, c_out, 2H, 2W)."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(
            nn.ConvTranspose2d(c_in, c_out, 4, 2, 1), nn.BatchNorm2d(c_out), nn.GELU(), ConvBlock(c_out, c_out)
        )


class FCBlock(nn.Sequential):
    """Linear, GELU, Linear. (B, f_in) -> (B, f_out, 1, 1), ready to broadcast over an image."""

    def __init__(self, f_in: int, f_out: int):
        super().__init__(nn.Linear(f_in, f_out), nn.GELU(), nn.Linear(f_out, f_out), nn.Unflatten(1, (f_out, 1, 1)))


class UNet(nn.Module):
    """The course's U-Net with hidden size D.

    Args:
        hidden: D, the width at full resolution.
        time: whether `forward` takes a time in [0, 1].
        classes: number of classes that `forward` takes as one-hot rows; 0 for none.
    """

    def __init__(self, hidden: int, time: bool = False, classes: int = 0):
        super().__init__()
        d = hidden
        self.enter = ConvBlock(1, d)
        self.down1 = DownBlock(d, d)
        self.down2 = DownBlock(d, 2 * d)
        self.flatten = nn.Sequential(nn.AvgPool2d(7), nn.GELU())
        self.unflatten = nn.Sequential(nn.ConvTranspose2d(2 * d, 2 * d, 7), nn.BatchNorm2d(2 * d), nn.GELU())
        self.up1 = UpBlock(4 * d, d)
        self.up2 = UpBlock(2 * d, d)
        self.leave = nn.Sequential(ConvBlock(2 * d, d), nn.Conv2d(d, 1, 3, 1, 1))
        if time:
            self.t1, self.t2 = FCBlock(1, 2 * d), FCBlock(1, d)
        if classes:
            self.c1, self.c2 = FCBlock(classes, 2 * d), FCBlock(classes, d)
        self.time, self.classes = time, classes
        self.places = (d, d, 2 * d, d, d)  # the channels after each block

    def forward(
        self,
        x: Tensor,
        t: Tensor | None = None,
        c: Tensor | None = None,
        film: Callable[[int, Tensor], Tensor] = lambda place, h: h,
    ) -> Tensor:
        """Predict an image-shaped target.

        Args:
            x: (B, 1, 28, 28) noisy digits.
            t: (B,) time in [0, 1], where the network takes one.
            c: (B, classes) one-hot rows, all zero for "no class", where the network takes them.
            film: (index in `places`, h (B, C, H, W)) -> h after the block there, to bring in further inputs.

        Returns:
            (B, 1, 28, 28): noise, velocity or clean digit, depending on the training.
        """
        t = t[:, None].to(x.dtype) if self.time else None  # (B, 1)
        skip1 = film(0, self.enter(x))  # (B, D, 28, 28)
        skip2 = film(1, self.down1(skip1))  # (B, D, 14, 14)
        skip3 = film(2, self.down2(skip2))  # (B, 2D, 7, 7)
        h = self.unflatten(self.flatten(skip3))  # (B, 2D, 7, 7)
        h = self.c1(c) * h if self.classes else h
        h = h + self.t1(t) if self.time else h
        h = film(3, self.up1(torch.cat([h, skip3], 1)))  # (B, D, 14, 14)
        h = self.c2(c) * h if self.classes else h
        h = h + self.t2(t) if self.time else h
        h = film(4, self.up2(torch.cat([h, skip2], 1)))  # (B, D, 28, 28)
        return self.leave(torch.cat([h, skip1], 1))  # (B, 1, 28, 28)
