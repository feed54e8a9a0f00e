"""DeepFloyd IF as Denoisers: pixel diffusion at 64x64 and then 256x256, in [-1, 1], conditioned on T5's text.

Method: Saharia et al. 2022; learned variance: Nichol & Dhariwal 2021; T = 1000, cosine schedule. The networks run in
half precision on a GPU, the samplers always in float32: alpha_bar is 0 in fp16 at t = 999.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from core.checks import ModelError
from core.diffusion.denoiser import NETWORK_LOCK, Denoiser, Prediction, Technique
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, posterior
from core.diffusion.schedule import Schedule, cosine_betas
from core.diffusion.timestep_lists import timestep_list
from core.diffusion.visits import visits_together
from core.locks import new_lock
from core.models.deepfloyd import failures, hub
from core.models.deepfloyd.attention import watching
from core.models.deepfloyd.text_cache import project_text_once
from core.models.deepfloyd.text_encoder import Text
from core.techniques.attention import Hook
from core.techniques.illusions import anagram
from core.techniques.views.catalogue import View

SCHEDULE = Schedule.published(cosine_betas(1000))


class DeepFloyd(Denoiser):
    """Stage I or II as a Denoiser; the first call that needs its network loads it.

    Args:
        name: a key of hub.REPOSITORIES.
        size: width and height of a picture.
        text: the text encoder with its bank; stage II shares stage I's.
        read: loads the UNet in a dtype on a device.
    """

    schedule = SCHEDULE

    def __init__(
        self,
        name: str,
        size: int,
        text: Text,
        device: torch.device,
        read: Callable[[torch.dtype, torch.device], Callable],
    ):
        self.name, self.shape, self.text, self.device, self._read = name, (3, size, size), text, device, read
        self.dtype = torch.float32 if device.type == "cpu" else torch.float16
        self._net, self._loading = None, new_lock()

    @property
    def net(self) -> Callable:
        """The UNet on the device; other networks leave the GPU if their memory is needed."""
        with self._loading:
            if self._net is None:
                need = hub.REPOSITORIES[self.name].gpu * 1e9
                if self.device.type == "cuda" and torch.cuda.mem_get_info(self.device)[0] < need:
                    failures.release_all()
                self._net = self._read(self.dtype, self.device)
            return self._net

    @property
    def here(self) -> bool:
        """Whether the network is in memory."""
        return self._net is not None

    def release(self) -> None:
        """Free the network; the next call loads it again."""
        self._net = None

    def encode(self, prompts: Sequence[str | None]) -> Tensor:
        """(B, 77, 4096) embeddings from the prompt bank, else from T5, which then has the device to itself."""
        return self.text.encode(prompts, self.device, self.dtype)

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for x_t (B, 3, H, W) float32, t (B,), cond (B, 77, 4096)."""
        return self.ask(x_t, x_t, t, cond)

    def watched(self, hook: Hook) -> Denoiser:
        """The same network; its attention to the text calls the hook, in calls of this denoiser alone."""
        return _Watched(self, hook)

    @torch.no_grad()
    def ask(
        self,
        x_t: Tensor,
        x_in: Tensor,
        t: Tensor,
        cond: Tensor,
        class_labels: Tensor | None = None,
        hook: Hook | None = None,
    ) -> Prediction:
        """One network call on x_in (B, C, H, W); its 6 output channels are eps and the learned variance.

        Raises:
            ModelError: the network is damaged or does not fit; all networks are freed first.
        """

        def call() -> Tensor:
            net = self.net
            with NETWORK_LOCK, watching(net, hook):
                return net(x_in.to(self.dtype), t, cond, class_labels, return_dict=False)[0]

        eps, v = failures.attempt(call, self.name).to(x_t.dtype).split(3, 1)
        return Prediction(self.schedule.x_0(x_t, t, eps), eps, v)


class _Watched(Technique):
    """A stage whose attention calls a hook."""

    inner: DeepFloyd

    def __init__(self, inner: DeepFloyd, hook: Hook):
        super().__init__(inner)
        self.hook = hook

    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        return self.inner.ask(x_t, x_t, t, cond, hook=self.hook)


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


# ---- Loading ----

_models: dict[tuple[str, str], DeepFloyd] = {}
_lock = new_lock()


def load(name: str, device: torch.device) -> DeepFloyd:
    """A stage I or II model of hub.REPOSITORIES from the cache; its weights follow with the first call.

    Raises:
        ModelError: it is not in the cache.
    """
    with _lock:
        key = name, str(device)
        if key not in _models:
            r = hub.REPOSITORIES[name]
            if hub.missing(r, r.parts):
                raise ModelError(f"{r.id} is not here. {hub.availability(name).sentence}")
            folder = hub.snapshot(r.id) / "unet"
            size = json.loads((folder / "config.json").read_text())["sample_size"]
            _models[key] = DeepFloyd(name, size, text_of(name), device, partial(_read_unet, folder))
        return _models[key]


def text_of(name: str) -> Text:
    """The text encoder of a stage I model; a stage II model uses that of the largest stage I here.

    Nothing is loaded.

    Raises:
        ModelError: there is no stage I here for a stage II model.
    """
    r = hub.REPOSITORIES[name]
    first = [hub.REPOSITORIES[name] for name in hub.FIRST]
    owners = [r] if r.stage == 1 else [f for f in first if not hub.missing(f, f.parts)]
    if not owners:
        raise ModelError(f"{r.id} needs a stage I model, which reads the prompt; download one first.")
    return Text(owners[-1], hub.snapshot(owners[-1].id))


@failures.counts
def in_memory() -> list[tuple[str, str]]:
    """(name, kind of device) of every stage I or II model whose network is in memory."""
    return [(m.name, m.device.type) for m in list(_models.values()) if m.here]


@failures.frees
def release() -> None:
    """Free the networks of stages I and II."""
    for model in list(_models.values()):
        model.release()


def _read_unet(folder: Path, dtype: torch.dtype, device: torch.device):
    """The real loader, from a cached folder."""
    from diffusers import UNet2DConditionModel

    options = {"variant": hub.variant(folder) or None, "use_safetensors": True, "local_files_only": True}
    return ready(UNet2DConditionModel.from_pretrained(folder, dtype=dtype, **options), device)


def ready(net: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """A UNet for inference; on CUDA in the memory layout with fast convolutions."""
    layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return project_text_once(net).to(device, memory_format=layout).eval().requires_grad_(False)
