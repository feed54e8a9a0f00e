"""Samples of the same prompts from the same noise, so that two states of a network compare."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from PIL import Image

from core import images
from core.guidance import clip, guide
from core.models.pocket import Pocket
from core.rng import generators, randn
from core.samplers import ddim

PROMPTS = (
    *("an emoji of a skull", "an emoji of a dog face", "an emoji of a volcano", "an emoji of a rocket"),
    *("a hamburger", "a rose", "a robot", "a penguin", "an emoji of a castle", "an emoji of a tiger"),
    *("a photo of a goldfish", "a photo of a lion", "a photo of a school bus", "a photo of a pizza"),
    *("a photo of a lighthouse", "a high quality photo"),
)
LEARNED = (
    *("an emoji of a skull", "an emoji of a rocket", "an emoji of a penguin", "an emoji of a castle"),
    *("a photo of a seashore", "a photo of a pizza", "a photo of a lemon", "a photo of a school bus"),
)
"""What the app shows of every published state."""


@torch.no_grad()
def samples(
    pocket: Pocket,
    prompts: Sequence[str],
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    steps: int = 30,
    scale: float = 3.0,
) -> np.ndarray:
    """One guided picture per prompt, (N, 64, 64, 3) uint8, picture k from the noise of seed k."""
    x = randn((len(prompts), *pocket.shape), generators(0, len(prompts)), pocket.device)
    guided = clip(guide(pocket, scale), -1, 1)
    with autocast():
        *_, last = ddim(guided, x, pocket.schedule.timesteps(steps), guided.encode(prompts))
    return images.to_uint8(last.x_t, -1, 1)


def sheet(pocket: Pocket, autocast: Callable[[], AbstractContextManager] = nullcontext, steps: int = 30) -> Image.Image:
    """`samples` of PROMPTS in rows of eight."""
    return images.to_pil(images.enlarge(images.grid(samples(pocket, PROMPTS, autocast, steps), 8), 2))
