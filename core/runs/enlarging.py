"""From 64 to 256 pixels and on to 1024, with DeepFloyd's stage II and the x4 upscaler where they are."""

from collections.abc import Iterator

import numpy as np

from core.checks import ModelError
from core.diffusion.noise import generators
from core.diffusion.samplers import Step
from core.models.device import pick_device
from core.models.registry import availability, load, of_task, spec
from core.models.spec import named
from core.pictures.images import to_pil, to_tensor
from core.runs.anagrams import AnagramRequest
from core.runs.prompts import prompt_of


def enlarger(side: int) -> str:
    """The model that takes pictures of that side four times larger: stage II from 64, stage III from 256.

    Raises:
        ModelError: there is none for that side, or it is not here, with what it would need.
    """
    sides = sorted({model.enlarges for model in of_task("upscale")})
    if side not in sides:
        raise ModelError(f"Only pictures of {' or '.join(map(str, sides))} pixels are enlarged, not of {side}.")
    largest_first = [model.name for model in reversed(of_task("upscale")) if model.enlarges == side]
    states = {name: availability(name) for name in largest_first}
    here = [name for name in largest_first if states[name][0]]
    if not here:
        last = largest_first[-1]
        raise ModelError(
            f"The picture stays at {side} pixels: enlarging takes {last}, which is not ready here. {states[last][1]}"
        )
    return here[0]


def enlarge_anagram(pixels: np.ndarray, r: AnagramRequest, seed: int, device: str = "auto") -> Iterator[Step]:
    """One picture (64, 64, 3) uint8 of an anagram, 256 pixels wide: stage II asks about every view of it too.

    Args:
        r: has the prompts and the views; the weights of the views count alike here.

    Raises:
        ModelError: stage II is not here, or it does not fit.
    """
    asked = tuple(map(r.styled, r.prompts))
    return _enlarged(enlarger(len(pixels)), pixels, asked, seed, device, views=r.seen_through)


def enlarge(pixels: np.ndarray, prompt: object, seed: int, device: str = "auto") -> Iterator[Step]:
    """One picture (S, S, 3) uint8, S = 64 or 256, four times larger; the last Step holds it in [-1, 1].

    Raises:
        Refused: the prompt is not text.
        ModelError: no model for it is here, or it does not fit.
    """
    text = prompt_of(prompt)
    return _enlarged(enlarger(len(pixels)), pixels, text or None, seed, device)


def _enlarged(
    name: str, pixels: np.ndarray, prompt: str | tuple[str, ...] | None, seed: int, device: str, **views: object
) -> Iterator[Step]:
    low = to_tensor(to_pil(pixels), -1, 1).to(pick_device(device))
    return named(spec(name).enlarge)(load(name, device), low, [prompt], generators(seed, 1), **views)
