"""DeepFloyd IF's stages, run as in their published pipelines: stage I from noise, stage II on stage I's pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.diffusion.denoiser import Denoiser, Prediction, Technique
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, posterior
from core.diffusion.timestep_lists import timestep_list
from core.diffusion.visits import visits_together
from core.models.deepfloyd.stages import DeepFloyd
from core.techniques.illusions import anagram
from core.techniques.views.catalogue import View


class _Upscaling(Technique):
    """Stage II for given low-resolution pictures, which are three more channels (Saharia et al. 2022, section 2.4).

    Args:
        low: (B, 3, 256, 256) upsampled and noised, or (n B, ...) seen through n views; it is repeated for a call with
            more rows, as in guidance.
        level: the timestep to which `low` was noised.
    """

    inner: DeepFloyd

    def __init__(self, inner: DeepFloyd, low: Tensor, level: int):
        super().__init__(inner)
        self.low, self.level = low, level

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        low = self.low.repeat(len(x_t) // len(self.low), 1, 1, 1)
        return self.inner.ask(x_t, torch.cat([x_t, low], 1), t, cond, torch.full_like(t, self.level))


@dataclass(frozen=True)
class Settings:
    """How a stage is run; the defaults are the published ones of stage I.

    Args:
        guidance: w; the pipelines guide only above 1.
        negative: prompt that takes the place of "no condition".
        threshold: a key of `core.diffusion.guidance.THRESHOLDS`.
        ratio, top: the quantile of the dynamic threshold, and its largest value.
        noise_level: the timestep to which stage II noises its low-resolution picture, 0 .. 999; more adds more detail.
    """

    guidance: float = 7.0
    negative: str | None = None
    threshold: str = "dynamic"
    ratio: float = 0.95
    top: float = 1.5
    noise_level: int = 250


STAGE_ONE, STAGE_TWO = Settings(), Settings(guidance=4.0, top=1.0)


def published(model: Denoiser, settings: Settings = STAGE_ONE, views: Sequence[View] = ()) -> Denoiser:
    """A DeepFloyd as in its pipelines: guided noise estimate, clean estimate from it, dynamic threshold.

    With views, the noise estimate is that of their anagram.
    """
    w, negative = settings.guidance, settings.negative
    guided = anagram(model, views, w, negative) if views else guide(model, w, negative)
    return bounded(guided, settings.threshold, settings.ratio, settings.top)


def sample(
    model: DeepFloyd,
    prompts: Sequence[str | None],
    timesteps: Sequence[int],
    source: Generators,
    settings: Settings = STAGE_ONE,
    clean: Tensor | None = None,
) -> Iterator[Step]:
    """Stage I, one picture per prompt, as IFPipeline.

    Args:
        timesteps: descending; `timestep_list`, or `schedule.timesteps(n, "leading")` as the pipelines.
        source: a generator, or one per prompt.
        clean: (B, 3, H, W) pictures, noised to the first timestep to start from, as IFImg2ImgPipeline.

    Returns:
        Steps of (B, 3, H, W); the last holds the pictures.

    Raises:
        ModelError: in any step, if something is missing or does not fit; memory is freed first.
    """
    denoiser = published(model, settings)
    cond = denoiser.encode(prompts)
    x = randn((len(prompts), *model.shape), source, model.device)
    if clean is not None:
        start = torch.full((len(prompts),), timesteps[0], device=model.device)
        x = model.schedule.forward(clean.to(model.device), start, x)
    yield from posterior(denoiser, x, visits_together(timesteps, len(x)), cond, source)


def super_resolve(
    model: DeepFloyd,
    low: Tensor,
    prompts: Sequence,
    timesteps: Sequence[int],
    source: Generators,
    settings: Settings = STAGE_TWO,
    views: Sequence[View] = (),
) -> Iterator[Step]:
    """Stage II, (B, 3, 64, 64) in [-1, 1] to (B, 3, 256, 256), as IFSuperResolutionPipeline; otherwise as `sample`.

    Args:
        prompts: one per picture; with n views, a tuple of n.
        views: of an anagram; each view is applied to the low-resolution picture too (Geng et al. 2024).
    """
    shape, size = (len(prompts), *model.shape), model.shape[1:]
    level = torch.full((len(prompts),), settings.noise_level, device=model.device)
    x, noise = randn(shape, source, model.device), randn(shape, source, model.device)  # in the pipeline's order
    low = torch.nn.functional.interpolate(low.to(model.device), size, mode="bilinear", align_corners=True)
    low = model.schedule.forward(low, level, noise)
    low = torch.cat([view.apply(low) for view in views]) if views else low
    denoiser = published(_Upscaling(model, low, settings.noise_level), settings, views)
    yield from posterior(denoiser, x, visits_together(timesteps, len(x)), denoiser.encode(prompts), source)


def enlarge(
    model: DeepFloyd, low: Tensor, prompts: Sequence, source: Generators, views: Sequence[View] = ()
) -> Iterator[Step]:
    """`super_resolve` at the timesteps published with stage II."""
    return super_resolve(model, low, prompts, timestep_list("smart50"), source, views=views)
