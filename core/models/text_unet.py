"""Pocket's network: a small text-conditioned U-Net on 64x64 RGB, processed as 32x32 pixels of 12 channels.

    x  ── unshuffle ── conv ── Res Res ─────────────────────────── cat ── Res Res Res ── conv ── shuffle ── v     32x32, c0
                                 └─ Res+Att Res+Att ── cat ── Res+Att (x3) ─┘                                     16x16, c1
                                        └─ Res+Att Res+Att ── cat ── Res+Att (x3) ─┘                               8x8, c2
                                                └──── Res+Att, Res, ... ─┘                                         8x8, c2

Every Res block is scaled and shifted by time and pooled text (Perez et al. 2018, FiLM; Dhariwal & Nichol 2021,
section 3); every Att block is self-attention over the pixels, then cross-attention to the words
(Rombach et al. 2022, section 3.3).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.mnist_unet import layout
from core.techniques.attention import numbered


def sinusoid(t: Tensor, width: int) -> Tensor:
    """(B,) timesteps -> (B, width) sines and cosines of geometrically spaced frequencies (Vaswani et al. 2017)."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(width // 2, device=t.device) / (width // 2))
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)


class Attention(nn.Module):
    """Multi-head attention of x (B, N, c) to a context (B, L, c_context); without one, to itself.

    `hook`, if it is set, is called with the attention in its place, see `core.techniques.attention.Hook`.
    """

    def __init__(self, c: int, c_context: int | None = None, head: int = 32):
        super().__init__()
        self.hook = None
        self.heads = max(1, c // head)
        self.q, self.kv, self.out = nn.Linear(c, c), nn.Linear(c_context or c, 2 * c), nn.Linear(c, c)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """(B, N, c) -> (B, N, c)."""
        split = lambda z: z.unflatten(2, (self.heads, -1)).transpose(1, 2)  # noqa: E731  (B, heads, N, c / heads)
        k, v = self.kv(x if context is None else context).chunk(2, 2)
        parts = split(self.q(x)), split(k), split(v)
        out = attend(*parts) if self.hook is None else self.hook(attend, *parts)
        return self.out(out.transpose(1, 2).flatten(2))


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v of (B, heads, N, d), by torch's fused function.

    In training on a CPU it is written out: with torch's fused gradient the whole network takes half as long again.
    """
    if q.device.type != "cpu" or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v)
    return (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(-1).to(v.dtype) @ v


class TextEncoder(nn.Module):
    """Word and position embeddings, then a pre-norm transformer. (B, L) word ids -> (B, L, c).

    Padding is an ordinary word, so a caption needs no mask. Row 0, at the start token, stands for the whole caption:
    the sum of its word embeddings is added there. A rare word that says what to draw then counts from the first
    training step.
    """

    def __init__(self, words: int, length: int, c: int, layers: int = 2):
        super().__init__()
        self.word, self.position = nn.Embedding(words, c), nn.Parameter(torch.zeros(length, c))
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm1": nn.LayerNorm(c),
                    "attention": Attention(c),
                    "norm2": nn.LayerNorm(c),
                    "mlp": nn.Sequential(nn.Linear(c, 2 * c), nn.GELU(), nn.Linear(2 * c, c)),
                }
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(c)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) int64 -> (B, L, c)."""
        x = self.word(ids) + self.position
        for layer in self.layers:
            x = x + layer["attention"](layer["norm1"](x))
            x = x + layer["mlp"](layer["norm2"](x))
        x = self.norm(x)
        return torch.cat([x[:, :1] + self.bag(ids), x[:, 1:]], 1)

    def bag(self, ids: Tensor, factors: Tensor | float = 1.0) -> Tensor:
        """(B, 1, c): the sum of the words' embeddings over the root of their number, each times its factor, (B, L)."""
        words = self.word(ids)
        real = (ids > 1).to(words.dtype)  # neither padding nor start
        total = (words * (real * factors)[:, :, None]).sum(1, keepdim=True)
        return total / real.sum(1).clamp(min=1).sqrt()[:, None, None]


class ResBlock(nn.Module):
    """Two 3x3 convolutions, the second scaled and shifted by an embedding. (B, c_in, H, W) -> (B, c_out, H, W)."""

    def __init__(self, c_in: int, c_out: int, c_emb: int):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, c_in), nn.Conv2d(c_in, c_out, 3, 1, 1)
        self.emb = nn.Linear(c_emb, 2 * c_out)
        self.norm2, self.conv2 = nn.GroupNorm(8, c_out), nn.Conv2d(c_out, c_out, 3, 1, 1)
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x (B, c_in, H, W), emb (B, c_emb)."""
        scale, shift = self.emb(emb)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class AttentionBlock(nn.Module):
    """Self-attention over the pixels, then cross-attention to the words; both residual. Keeps (B, c, side, side).

    A learned position map is added first: if x is only noise, a caption can still refer to positions.
    """

    def __init__(self, c: int, c_text: int, side: int):
        super().__init__()
        self.place = nn.Parameter(torch.zeros(side * side, c))
        self.norm1, self.own = nn.LayerNorm(c), Attention(c)
        self.norm2, self.words = nn.LayerNorm(c), Attention(c, c_text)
        nn.init.zeros_(self.own.out.weight)
        nn.init.zeros_(self.words.out.weight)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """x (B, c, side, side), text (B, L, c_text)."""
        h = x.permute(0, 2, 3, 1).flatten(1, 2) + self.place  # (B, side^2, c)
        h = h + self.own(self.norm1(h))
        h = h + self.words(self.norm2(h), text)
        return h.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


class Stage(nn.Module):
    """A ResBlock and, at the coarse resolutions, where `side` is given, an AttentionBlock."""

    def __init__(self, c_in: int, c_out: int, c_emb: int, c_text: int, side: int | None):
        super().__init__()
        self.res = ResBlock(c_in, c_out, c_emb)
        self.attention = AttentionBlock(c_out, c_text, side) if side else None

    def forward(self, x: Tensor, emb: Tensor, text: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H, W)."""
        x = self.res(x, emb)
        return x if self.attention is None else self.attention(x, text)


class TextUNet(nn.Module):
    """The whole network.

    Args:
        words: size of the vocabulary.
        length: tokens of a caption, with its start token.
        widths: channels at 32x32, 16x16 and 8x8.
        text: channels of the text encoder.
        depth: Stages per resolution on the way down; one more on the way up.
        middle: Stages at 8x8 between the way down and the way up; every other one attends.
    """

    def __init__(
        self,
        words: int,
        length: int,
        widths: tuple[int, ...] = (64, 128, 256),
        text: int = 192,
        depth: int = 1,
        middle: int = 2,
    ):
        super().__init__()
        c0, c_emb = widths[0], 4 * widths[0]
        self.encoder = TextEncoder(words, length, text)
        self.time = nn.Sequential(nn.Linear(c0, c_emb), nn.SiLU(), nn.Linear(c_emb, c_emb))
        self.caption = nn.Linear(text, c_emb)
        self.enter = nn.Conv2d(12, c0, 3, 1, 1)
        sides = (None, 16, 8)  # no attention at 32x32
        stage = lambda c_in, c_out, level: Stage(c_in, c_out, c_emb, text, sides[level])  # noqa: E731

        skips, c = [c0], c0
        self.down = nn.ModuleList()
        for level, width in enumerate(widths):
            if level:
                self.down.append(nn.Conv2d(c, c, 3, 2, 1))
                skips.append(c)
            for _ in range(depth):
                self.down.append(stage(c, width, level))
                c = width
                skips.append(c)
        self.middle = nn.ModuleList(stage(c, c, 0 if i % 2 else len(widths) - 1) for i in range(middle))
        self.up = nn.ModuleList()
        for level in reversed(range(len(widths))):
            for _ in range(depth + 1):
                self.up.append(stage(c + skips.pop(), widths[level], level))
                c = widths[level]
            if level:
                self.up.append(nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(c, widths[level - 1], 3, 1, 1)))
                c = widths[level - 1]
        self.norm, self.leave = nn.GroupNorm(8, c), nn.Conv2d(c, 12, 3, 1, 1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def layers_to_words(self) -> dict[str, Attention]:
        """Its cross-attention layers by name, in the order of a call: "down 16×16", "middle 8×8, 1" ..."""
        rooms = {"down": self.down, "middle": self.middle, "up": self.up}
        found = [
            (f"{room} {side}×{side}", layer.attention.words)
            for room, layers in rooms.items()
            for layer in layers
            if isinstance(layer, Stage) and layer.attention and (side := math.isqrt(len(layer.attention.place)))
        ]
        return dict(zip(numbered([name for name, _ in found]), [layer for _, layer in found], strict=True))

    def forward(self, x: Tensor, t: Tensor, text: Tensor, more: Tensor | float = 0.0) -> Tensor:
        """v for x (B, 3, 64, 64) in [-1, 1] at timesteps t (B,), given text (B, L, c) from `encoder`.

        Args:
            more: (B, 4 c0) of a student's further inputs, added to the embedding of time and caption.
        """
        emb = self.time(sinusoid(t, self.enter.out_channels)) + self.caption(text[:, 0]) + more
        emb = F.silu(emb)
        h = self.enter(F.pixel_unshuffle(x, 2).contiguous(memory_format=layout(x.device)))  # (B, c0, 32, 32)
        skips = [h]
        for layer in self.down:
            h = layer(h, emb, text) if isinstance(layer, Stage) else layer(h)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, emb, text)
        for layer in self.up:
            h = layer(torch.cat([h, skips.pop()], 1), emb, text) if isinstance(layer, Stage) else layer(h)
        return F.pixel_shuffle(self.leave(F.silu(self.norm(h))), 2)  # (B, 3, 64, 64)
