"""Samples of the same prompts from the same noise, to compare two states of a network."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from PIL import Image

from core.models.captions import DRAWING_STYLES
from core.models.pocket import Pocket
from core.pictures import images
from core.runs.sampling import draw

PROMPTS = (
    *("an emoji of a skull", "an emoji of a dog face", "an emoji of a volcano", "an emoji of a rocket"),
    *("a hamburger", "a rose", "a robot", "a penguin", "an emoji of a castle", "an emoji of a tiger"),
    *("a photo of a goldfish", "a photo of a lion", "a photo of a school bus", "a photo of a pizza"),
    *("a photo of a lighthouse", "a high quality photo"),
)
STYLED = tuple(
    style.of(thing)
    for thing in ("a fox", "a castle", "a rose", "a robot", "a hamburger")
    for style in DRAWING_STYLES.values()
)
KINDS = tuple(
    f"a photo of {kind}"
    for kind in (
        *("a goldfish", "a lion", "a school bus", "a pizza", "a lighthouse"),
        *("a seashore", "a jellyfish", "an elephant", "a monarch", "a sports car"),
        *("a lemon", "an espresso", "a teddy bear", "a penguin", "a triumphal arch"),
    )
)
LEARNED = (
    *("an emoji of a skull", "an emoji of a rocket", "an emoji of a penguin", "an emoji of a castle"),
    *("a photo of a seashore", "a photo of a pizza", "a photo of a lemon", "a photo of a school bus"),
)
"""The prompts of the samples that the app shows for every published state."""


def samples(
    pocket: Pocket,
    prompts: Sequence[str],
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    steps: int = 30,
    scale: float = 3.0,
) -> np.ndarray:
    """One guided picture per prompt, (N, 64, 64, 3) uint8, picture k from the noise of seed k."""
    with autocast():
        *_, last = draw(pocket, prompts, scale, steps, seed=0)
    return images.to_uint8(last.x_t, -1, 1)


def sheet(pocket: Pocket, autocast: Callable[[], AbstractContextManager] = nullcontext, steps: int = 30) -> Image.Image:
    """`samples` of things in five styles and of photos, in rows of five; of PROMPTS, in rows of eight, without styles."""
    prompts, columns = (STYLED + KINDS, 5) if pocket.vocabulary.known("outlined") else (PROMPTS, 8)
    return images.to_pil(images.enlarge(images.grid(samples(pocket, prompts, autocast, steps), columns), 2))
