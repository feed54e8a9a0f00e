"""From 64 to 256 pixels and on to 1024, with DeepFloyd's stage II and the x4 upscaler where they are."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from core.checks import ModelError
from core.diffusion.noise import generators
from core.diffusion.samplers import Step
from core.diffusion.timestep_lists import timestep_list
from core.models.device import pick_device
from core.models.registry import availability, load
from core.pictures.images import to_pil, to_tensor
from core.runs.anagrams import AnagramRequest
from core.runs.sampling import prompt_of

STAGE_TWO, STAGE_THREE = ("if-ii-l", "if-ii-m"), "x4-upscaler"
LIST, STEPS = "smart50", 75  # published with stage II; StableDiffusionUpscalePipeline's


def enlarger(side: int) -> str:
    """The model that takes pictures of that side four times larger: stage II from 64, stage III from 256.

    Raises:
        ModelError: there is none for that side, or it is not here, with what it would need.
    """
    if side not in (64, 256):
        raise ModelError(f"Only pictures of 64 or 256 pixels are enlarged, not of {side}.")
    names = STAGE_TWO if side == 64 else (STAGE_THREE,)
    states = {name: availability(name) for name in names}
    here = [name for name in names if states[name][0]]
    if not here:
        last = names[-1]
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
    from core.models.deepfloyd.stages import super_resolve

    name, low = enlarger(len(pixels)), to_tensor(to_pil(pixels), -1, 1).to(pick_device(device))
    asked, source = tuple(map(r.styled, r.prompts)), generators(seed, 1)
    return super_resolve(load(name, device), low, [asked], timestep_list(LIST), source, views=r.seen_through)


def enlarge(pixels: np.ndarray, prompt: object, seed: int, device: str = "auto") -> Iterator[Step]:
    """One picture (S, S, 3) uint8, S = 64 or 256, four times larger; the last Step holds it in [-1, 1].

    Stage III works on latents, so until the last Step three of their four channels are what can be seen.

    Raises:
        Refused: the prompt is not text.
        ModelError: no model for it is here, or it does not fit.
    """
    text, name = prompt_of(prompt), enlarger(len(pixels))
    low, source, there = to_tensor(to_pil(pixels), -1, 1), generators(seed, 1), pick_device(device)
    if name == STAGE_THREE:
        from core.models.deepfloyd.upscaler import upscale

        return map(_seen, upscale(load(name, device), low.to(there), [text], STEPS, source))
    from core.models.deepfloyd.stages import super_resolve

    return super_resolve(load(name, device), low.to(there), [text or None], timestep_list(LIST), source)


def _seen(step: Step) -> Step:
    """Three channels, as pictures have."""
    return dataclasses.replace(step, x_t=step.x_t[:, :3], x_0=step.x_0[:, :3])
