"""Stage III: Stable Diffusion's x4 upscaler, 256 to 1024, as a Denoiser of latents (Rombach et al. 2022, section 4.4).

A StableDiffusionUpscalePipeline is loaded for its parts; the loop is ours, so that it can be watched and stopped.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.checks import ModelError
from core.diffusion.denoiser import NETWORK_LOCK, Denoiser, Prediction
from core.diffusion.guidance import guide
from core.diffusion.noise import Generators, randn
from core.diffusion.samplers import Step, ddim
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.locks import new_lock
from core.models.deepfloyd import failures, hub


class Upscaler(Denoiser):
    """Denoiser of the latents (4, H, W) of given pictures (B, 3, H, W) in [-1, 1]; its pictures are (3, 4H, 4W).

    Args:
        pipe: a StableDiffusionUpscalePipeline on its device.
        low: the pictures, noised.
        level: the timestep at which they were.
    """

    def __init__(self, pipe, low: Tensor, level: int):
        self.pipe, self.low, self.level = pipe, low, level
        self.device, self.dtype = pipe.unet.device, pipe.unet.dtype
        self.shape = (pipe.vae.config.latent_channels, *low.shape[2:])
        self.schedule = schedule_of(pipe.scheduler.config)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str | None]) -> Tensor:
        """(B, 77, c) CLIP embeddings; None stands for "no condition"."""
        return _locked(lambda: self.pipe.encode_prompt([p or "" for p in prompts], self.device, 1, False)[0])

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: Tensor, cond: Tensor) -> Prediction:
        """One network call for latents x_t (B, 4, H, W) float32, t (B,), cond (B, 77, c); it predicts v or eps."""
        low = self.low.repeat(len(x_t) // len(self.low), 1, 1, 1)
        x_in, labels = torch.cat([x_t, low], 1).to(self.dtype), torch.full_like(t, self.level)
        out = _locked(lambda: self.pipe.unet(x_in, t, cond, labels, return_dict=False)[0]).to(x_t.dtype)
        if self.pipe.scheduler.config.prediction_type == "v_prediction":
            return Prediction(*self.schedule.from_v(x_t, t, out))
        return Prediction(self.schedule.x_0(x_t, t, out), out)

    @torch.no_grad()
    def to_pixels(self, x: Tensor) -> Tensor:
        """Latents (B, 4, H, W) to pictures (B, 3, 4H, 4W) in [-1, 1], in float32: the decoder overflows in fp16."""
        z = x.float() / self.pipe.vae.config.scaling_factor
        return _locked(lambda: self.pipe.vae.float().decode(z, return_dict=False)[0]).clamp(-1, 1)


def _locked(call: Callable[[], Tensor]) -> Tensor:
    """One network call, alone on the device; ModelError if the memory runs out."""

    def alone() -> Tensor:
        with NETWORK_LOCK:
            return call()

    return failures.attempt(alone, "x4-upscaler")


def schedule_of(config) -> Schedule:
    """The path of a scheduler's config, with linear or "scaled_linear" betas.

    Raises:
        ModelError: another kind of betas.
    """
    start, end, T = config["beta_start"], config["beta_end"], config["num_train_timesteps"]
    if config["beta_schedule"] == "scaled_linear":
        return Schedule.published(torch.linspace(start**0.5, end**0.5, T) ** 2)
    if config["beta_schedule"] == "linear":
        return Schedule.published(torch.linspace(start, end, T))
    raise ModelError(f"The upscaler's schedule {config['beta_schedule']!r} is not known here.")


def upscale(
    pipe,
    low: Tensor,
    prompts: Sequence[str | None],
    steps: int,
    source: Generators,
    guidance: float = 9.0,
    noise_level: int = 20,
) -> Iterator[Step]:
    """Pictures (B, 3, H, W) in [-1, 1] to (B, 3, 4H, 4W); the defaults are StableDiffusionUpscalePipeline's.

    Args:
        pipe: from `load`.
        noise_level: the timestep to which the low-resolution picture is noised, 0 .. 350.

    Returns:
        Steps of latents (B, 4, H, W); the last one holds the pictures.

    Raises:
        ModelError: the memory ran out; it is freed first.
    """
    device, level = pipe.unet.device, torch.full((len(low),), noise_level, device=pipe.unet.device)
    noise = randn(low.shape, source, device)  # before the latents, as the pipeline
    noised = schedule_of(pipe.low_res_scheduler.config).forward(low.to(device), level, noise)
    model = Upscaler(pipe, noised, noise_level)
    x = randn((len(low), *model.shape), source, device)
    timesteps = [t + pipe.scheduler.config["steps_offset"] for t in model.schedule.timesteps(steps)]
    for step in ddim(guide(model, guidance), x, visits_together(timesteps, len(x)), model.encode(prompts)):
        if step.i == step.n:
            picture = model.to_pixels(step.x_t)
            step = replace(step, x_t=picture, x_0=picture)
        yield step


STEPS = 75  # StableDiffusionUpscalePipeline's


def enlarge(pipe, low: Tensor, prompts: Sequence[str | None], source: Generators) -> Iterator[Step]:
    """`upscale` in STEPS steps. Until the last one, three of the four channels of a latent are what can be seen."""
    for step in upscale(pipe, low, prompts, STEPS, source):
        yield dataclasses.replace(step, x_t=step.x_t[:, :3], x_0=step.x_0[:, :3])


_pipes: dict[str, object] = {}
_lock = new_lock()


def load(name: str, device: torch.device):
    """The StableDiffusionUpscalePipeline from the cache, on the device; other networks leave the GPU where they would be in the way.

    Raises:
        ModelError: it is not in the cache, damaged, or does not fit.
    """
    r = hub.REPOSITORIES[name]
    if hub.missing(r, r.parts):
        raise ModelError(f"{r.id} is not here. {hub.availability(name).sentence}")
    with _lock:
        if str(device) not in _pipes:
            _pipes[str(device)] = failures.attempt(lambda: _read(r, device), name)
        return _pipes[str(device)]


def _read(r: hub.Repository, device: torch.device):
    from diffusers import StableDiffusionUpscalePipeline

    if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] < r.gpu * 1e9:
        failures.release_all()
    folder = hub.snapshot(r.id)
    options = {"variant": hub.variant(folder / "unet") or None, "use_safetensors": True, "local_files_only": True}
    dtype = torch.float32 if device.type == "cpu" else torch.float16
    return StableDiffusionUpscalePipeline.from_pretrained(folder, dtype=dtype, **options).to(device)


@failures.counts
def in_memory() -> list[tuple[str, str]]:
    """(name, kind of device) of stage III wherever it is in memory."""
    return [("x4-upscaler", device.partition(":")[0]) for device in list(_pipes)]


@failures.frees
def release() -> None:
    """Let go of stage III."""
    _pipes.clear()
