"""The maps of words in a run: from a recorder's attention to bytes in its frames, and from these to maps by word.

A byte b stands for the share (b / 255)^2, so that small shares are exact to a thousandth: most of a word's are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import isqrt

import numpy as np
import torch
from torch import Tensor

from core.diffusion.samplers import Step
from core.pictures.heat import heat
from core.runs.frame import Frame
from core.runs.recording import MAX_FRAMES
from core.techniques.attention import Recorder

MOST = 100_000_000
"""The largest size of a run's maps, in bytes, at which every head is kept. Large networks with long prompts exceed
it."""


def as_bytes(shares: np.ndarray) -> np.ndarray:
    """Shares in [0, 1] as uint8."""
    return (255 * np.sqrt(np.clip(shares, 0, 1))).round().astype(np.uint8)


def as_shares(data: np.ndarray) -> np.ndarray:
    """The shares behind `as_bytes`, float32."""
    return np.square(data.astype(np.float32) / 255)


def with_maps(steps: Iterable[Step], recorder: Recorder, heads: bool) -> Iterator[Step]:
    """The Steps, with the maps of their network call as parts: by layer (B, heads W, h, w) uint8, W words per head.

    The result comes without a call: it has those of the last one.

    Args:
        heads: whether every head is kept, if the run's maps then have at most MOST bytes; else their mean.
    """
    maps: dict[str, Tensor] = {}
    for step in steps:
        taken = recorder.take()
        if not maps and taken:
            heads = heads and sum(m.numel() for m in taken.values()) * min(step.n + 1, MAX_FRAMES) <= MOST
        if not heads:
            taken = {name: m.mean(1, keepdim=True) for name, m in taken.items()}
        maps = {name: laid_out(m, *step.x_t.shape[-2:]) for name, m in taken.items()} or maps
        yield replace(step, parts={**step.parts, **maps})


def laid_out(maps: Tensor, height: int, width: int) -> Tensor:
    """Maps (B, heads, N, W) in [0, 1] of a picture of that size, whose N places go row by row: (B, heads W, h, w) uint8."""
    h = isqrt(maps.shape[2] * height // width)
    places = maps.unflatten(2, (h, -1)).permute(0, 1, 4, 2, 3).flatten(1, 2)  # (B, heads W, h, w)
    return (places.clamp(0, 1).sqrt() * 255).round().to(torch.uint8)


def by_head(frame: Frame, layer: str, words: int) -> np.ndarray:
    """The shares (B, heads, words, h, w) of a layer."""
    b, h, w, _ = frame.maps[layer].shape
    return as_shares(frame.maps[layer]).reshape(b, h, w, -1, words).transpose(0, 3, 4, 1, 2)


def average(frame: Frame, words: int) -> np.ndarray:
    """The mean (B, words, h, w) over layers and heads; coarse layers are enlarged, not smoothed, to the finest."""
    means = [by_head(frame, layer, words).mean(1) for layer in frame.maps]
    fine = max(m.shape[-1] for m in means)
    return np.mean([m.repeat(fine // m.shape[-1], 2).repeat(fine // m.shape[-1], 3) for m in means], 0)


def tiles(pixels: np.ndarray, maps: np.ndarray, count: int) -> list[np.ndarray]:
    """A word's map over the picture, each from its own least to its own most; (H, W, 3) uint8 each.

    Args:
        pixels: (H, W, 3) uint8.
        maps: (words, h, w), of which the first `count` are this picture's.
    """
    return [heat(pixels, m, m.min(), m.max()) for m in maps[:count]]
