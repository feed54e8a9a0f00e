"""A sheet of samples: the same prompts from the same noise, so that two sheets compare."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

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


@torch.no_grad()
def sheet(
    pocket: Pocket, autocast: Callable[[], AbstractContextManager] = nullcontext, steps: int = 30, scale: float = 3.0
) -> Image.Image:
    """One picture per prompt of PROMPTS, guided, in rows of eight."""
    x = randn((len(PROMPTS), *pocket.shape), generators(0, len(PROMPTS)), pocket.device)
    guided = clip(guide(pocket, scale), -1, 1)
    with autocast():
        *_, last = ddim(guided, x, pocket.schedule.timesteps(steps), guided.encode(PROMPTS))
    return images.to_pil(images.enlarge(images.grid(images.to_uint8(last.x_t, -1, 1), 8), 2))
