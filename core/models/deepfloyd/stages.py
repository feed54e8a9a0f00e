"""DeepFloyd IF as Denoisers: pixel diffusion at 64x64 and then 256x256, in [-1, 1], conditioned on T5's text.

Method: Saharia et al. 2022; learned variance: Nichol & Dhariwal 2021; T = 1000, cosine schedule. The networks run in
half precision on a GPU, the samplers always in float32: alpha_bar is 0 in fp16 at t = 999.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from core.checks import ModelError
from core.diffusion.denoiser import NETWORK_LOCK, Denoiser, Prediction, Technique
from core.diffusion.schedule import Schedule, cosine_betas
from core.locks import new_lock
from core.models.deepfloyd import failures, hub
from core.models.deepfloyd.attention import watching
from core.models.deepfloyd.text_cache import project_text_once
from core.models.deepfloyd.text_encoder import Text
from core.techniques.attention import Hook

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
    """The text encoder of a stage I model. A stage II model uses the text encoder of the largest stage I here.

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
