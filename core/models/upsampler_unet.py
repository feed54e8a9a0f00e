"""The upsampler's network: 256x256 RGB, worked on as 64x64 pixels of 48 channels, beside the picture of 64x64 itself.

    x_t, low ── unshuffle, cat ── conv ── Res ... ─────────────────── + ── Res ... ── conv ── shuffle ── detail   64x64, c0
                                            └─ Res ... ───── + ── Res ... ─┘                                      32x32, c1
                                                └─ Res ... ──┘                                                    16x16, c2

It says what is missing on top of a bicubic enlargement. Norms are over the channels of each pixel alone: a picture is then
enlarged in the same way as the crops that the network was trained on (Chen et al. 2022, "Simple baselines for image
restoration", section 3.3). Every Res block is scaled and shifted by the timestep and by the noise on the condition
(Perez et al. 2018, FiLM; Ho et al. 2022, "Cascaded diffusion models", section 4).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.diffusion.schedule import Schedule
from core.models.mnist_unet import layout
from core.models.text_unet import sinusoid

FACTOR = 4
SCHEDULE = Schedule.cosine(1000)
DETAIL = 0.1
"""Standard deviation of what a bicubic enlargement lacks, over the drawings, in a range of [-1, 1]."""
TRUST = 0.03
"""The noise on the condition at which three quarters of a correction to the mean of each 4x4 block are let through."""


def shrink(x: Tensor) -> Tensor:
    """(B, C, 4H, 4W) -> (B, C, H, W): the mean of every block of 4x4 pixels."""
    return F.avg_pool2d(x, FACTOR)


def spread(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 4H, 4W): every pixel becomes a block of 4x4."""
    return F.interpolate(x, scale_factor=FACTOR, mode="nearest")


def smooth(low: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, C, 4H, 4W): bicubic, then every 4x4 block moved to the mean that it has in `low`.

    Of all pictures with these means the true one is among those nearer to this than to the bicubic one: a projection
    on what is known takes error away, never adds any.
    """
    x = F.interpolate(low, scale_factor=FACTOR, mode="bicubic", align_corners=False)
    return x + spread(low - shrink(x))


class ResBlock(nn.Module):
    """Two 3x3 convolutions, the first one's result scaled and shifted by an embedding. Keeps (B, c, H, W)."""

    def __init__(self, c: int, c_emb: int):
        super().__init__()
        self.norm = nn.LayerNorm(c)
        self.conv1, self.emb, self.conv2 = nn.Conv2d(c, c, 3, 1, 1), nn.Linear(c_emb, 2 * c), nn.Conv2d(c, c, 3, 1, 1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x (B, c, H, W), emb (B, c_emb)."""
        scale, shift = self.emb(emb)[:, :, None, None].chunk(2, 1)
        h = self.conv1(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return x + self.conv2(F.silu(h * (1 + scale) + shift))


class Blocks(nn.ModuleList):
    """ResBlocks in a row."""

    def __init__(self, n: int, c: int, c_emb: int):
        super().__init__(ResBlock(c, c_emb) for _ in range(n))

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """(B, c, H, W) -> (B, c, H, W)."""
        for block in self:
            x = block(x, emb)
        return x


def _up(c_in: int, c_out: int) -> nn.Sequential:
    """(B, c_in, H, W) -> (B, c_out, 2H, 2W)."""
    return nn.Sequential(nn.Conv2d(c_in, 4 * c_out, 1), nn.PixelShuffle(2))


class UpsamplerUNet(nn.Module):
    """The whole network.

    Args:
        widths: channels at 64x64, 32x32 and 16x16.
        depths: ResBlocks at 64x64 down, 32x32 down, 16x16, 32x32 up, 64x64 up.
    """

    def __init__(self, widths: tuple[int, ...] = (64, 128, 128), depths: tuple[int, ...] = (2, 2, 2, 3, 3)):
        super().__init__()
        (c0, c1, c2), (d0, d1, m, u1, u0) = widths, depths
        c_emb = 2 * c0
        self.emb = nn.Sequential(nn.Linear(2 * c0, c_emb), nn.SiLU(), nn.Linear(c_emb, c_emb), nn.SiLU())
        self.enter = nn.Conv2d(3 * FACTOR**2 + 3, c0, 3, 1, 1)
        self.down0, self.to1 = Blocks(d0, c0, c_emb), nn.Conv2d(c0, c1, 2, 2)
        self.down1, self.to2 = Blocks(d1, c1, c_emb), nn.Conv2d(c1, c2, 2, 2)
        self.middle, self.from2 = Blocks(m, c2, c_emb), _up(c2, c1)
        self.up1, self.from1 = Blocks(u1, c1, c_emb), _up(c1, c0)
        self.up0, self.leave = Blocks(u0, c0, c_emb), nn.Conv2d(c0, 3 * FACTOR**2, 3, 1, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x_t: Tensor, t: Tensor, low: Tensor, noise: Tensor) -> Tensor:
        """The clean picture (B, 3, 4H, 4W) float32, not clamped; H and W are multiples of 4.

        Args:
            x_t: (B, 3, 4H, 4W) the state, clean pictures in [-1, 1].
            t: (B,) timesteps of SCHEDULE.
            low: (B, 3, H, W) the small picture in [-1, 1], with noise on it.
            noise: (B,) standard deviation of that noise, 0 .. 0.5.
        """
        base = smooth(low)
        a, s = SCHEDULE.at(t, x_t)
        # what x_t tells about the missing detail: its best linear estimate, 0 where x_t is pure noise
        hint = (x_t - a * base) * (a * DETAIL / ((a * DETAIL) ** 2 + s**2))
        h = torch.cat([F.pixel_unshuffle(hint, FACTOR), low], 1).contiguous(memory_format=layout(x_t.device))
        emb = self.emb(torch.cat([sinusoid(f, self.emb[0].in_features // 2) for f in (t, 1000 * noise)], 1))
        h0 = self.down0(self.enter(h), emb)  # (B, c0, H, W)
        h1 = self.down1(self.to1(h0), emb)  # (B, c1, H / 2, W / 2)
        h2 = self.middle(self.to2(h1), emb)  # (B, c2, H / 4, W / 4)
        h1 = self.up1(h1 + self.from2(h2), emb)
        h0 = self.up0(h0 + self.from1(h1), emb)
        size = (DETAIL**2 + noise**2).sqrt().view(-1, 1, 1, 1)  # of what is to be taken from the base and added to it
        detail = F.pixel_shuffle(self.leave(h0).float(), FACTOR) * size
        # a clean `low` is the mean of each 4x4 block, so only the detail inside is asked for
        trust = (TRUST / (noise + TRUST)).square().view(-1, 1, 1, 1)
        return base + detail - trust * spread(shrink(detail))
