"""What guides a model of digits: its classes, or a weaker model that it is led away from."""

from pathlib import Path

from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import autoguide, guide
from core.diffusion.paths import on_path
from core.diffusion.sampler_table import SAMPLERS
from core.models.registry import CHECKPOINTS, load, spec

WEAKER_SHARE = 0.3
"""The time of an image of the weaker network over that of the network which it guides."""


def default_guidance(model: str, sampler: str) -> float:
    """The sampler's guidance scale; for a model without classes its own, or 1 (none) if nothing guides it."""
    row = spec(model)
    if row.conditional:
        return SAMPLERS[sampler].guidance
    return row.guidance if row.weaker else 1.0


def images_a_picture(scale: float) -> float:
    """The images that a picture takes in each call at a scale of autoguidance: at 1 the model's own alone, at 0 the
    weaker one's."""
    return (scale != 0) + WEAKER_SHARE * (scale != 1)


def guided_model(
    name: str, guidance: float, device: str = "auto", folder: Path = CHECKPOINTS
) -> tuple[Denoiser, float]:
    """A model of digits, and the scale of classifier-free guidance that is left to its sampler.

    A model without classes is led away from a weaker one here (`core.diffusion.guidance.autoguide`), whose class is
    dropped if it has any; nothing is left then.
    """
    row, model = spec(name), load(name, device, folder)
    if row.weaker and guidance != 1:
        weaker = guide(load(row.weaker, device), 0.0)
        return autoguide(model, on_path(weaker, model.schedule), guidance), 1.0
    return model, guidance if row.conditional else 1.0
