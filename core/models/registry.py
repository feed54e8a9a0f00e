"""Every model this program knows: what it is, whether it is here, and how to load it. Nothing loads at import."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.checks import ModelError
from core.locks import new_lock
from core.models.deepfloyd import hub
from core.models.device import lends_gpu, pick_device

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


@dataclass(frozen=True)
class ModelSpec:
    """One model.

    Args:
        name: its folder in checkpoints/.
        title: what people read.
        kind: "ddpm", "flow", "denoiser" or "classifier" for digits; "text" for text to image, "photos" for its judge,
            "enlarge" for pocket's own larger pictures, "upscale" for those of the hub.
        conditional: whether it takes a class or a prompt.
        command: the command that trains it.
        ours: whether its recipe is our own, where the course publishes none.
    """

    name: str
    title: str
    kind: str
    conditional: bool = False
    command: str = "training.train_mnist"
    ours: bool = False


DIGIT_KINDS = ("ddpm", "flow", "denoiser", "classifier")
MODELS = {
    spec.name: spec
    for spec in (
        ModelSpec("pocket", "Pocket, text to image at 64x64", "text", True, "training.train_pocket", ours=True),
        ModelSpec("pocket-up", "Pocket's upsampler, 64 to 256", "enlarge", True, "training.train_upsampler", ours=True),
        ModelSpec("ddpm-class", "DDPM, class-conditioned", "ddpm", True),
        ModelSpec("flow-class", "Flow matching, class-conditioned", "flow", True),
        ModelSpec("flow-class-adamw", "Flow matching, class-conditioned, constant rate", "flow", True, ours=True),
        ModelSpec("ddpm-time", "DDPM, unconditional", "ddpm"),
        ModelSpec("flow-time", "Flow matching, unconditional", "flow"),
        ModelSpec("denoiser", "Single-step denoiser", "denoiser"),
        ModelSpec("denoiser-noise", "Single-step denoiser of pure noise", "denoiser"),
        ModelSpec("classifier", "Digit classifier", "classifier", ours=True),
        ModelSpec(
            "photo-classifier", "Photo classifier", "photos", command="training.train_photo_classifier", ours=True
        ),
        ModelSpec("if-m", "DeepFloyd IF, medium, text to image at 64x64", "text", True),
        ModelSpec("if-l", "DeepFloyd IF, large, text to image at 64x64", "text", True),
        ModelSpec("if-xl", "DeepFloyd IF, extra large, text to image at 64x64", "text", True),
        ModelSpec("if-ii-m", "DeepFloyd IF stage II, medium, 64 to 256", "upscale", True),
        ModelSpec("if-ii-l", "DeepFloyd IF stage II, large, 64 to 256", "upscale", True),
        ModelSpec("x4-upscaler", "Stable Diffusion x4 upscaler, 256 to 1024", "upscale", True),
    )
}


def spec(name: str) -> ModelSpec:
    """The model of that name. Raises ModelError if there is none."""
    if not isinstance(name, str) or name not in MODELS:
        raise ModelError(f"There is no model called {str(name)[:40]!r}; there are {', '.join(MODELS)}.")
    return MODELS[name]


def borrows(name: str, device: str | None) -> bool:
    """Whether a model's calls need the GPU that the Space lends; the small ones stay on the CPU."""
    return lends_gpu() and name in hub.REPOSITORIES and device in (None, "auto")


def card(name: str, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """The JSON card of a checkpoint. Raises ModelError if it is missing or damaged."""
    if name in hub.REPOSITORIES:
        return hub.card(name)
    path = folder / spec(name).name / "card.json"
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ModelError(
            f"The model {name} is not in {folder.name}/; get that folder from the repository again, "
            f"or train it with: python -m {spec(name).command}{f' {name}' if spec(name).kind in DIGIT_KINDS else ''}"
        ) from None
    except ValueError:
        raise ModelError(
            f"The card of {name} is damaged; get {folder.name}/{name} from the repository again."
        ) from None


def weights(name: str, folder: Path = CHECKPOINTS) -> dict[str, Tensor]:
    """The checkpoint's tensors in float32, after its checksum was compared with the card's.

    Raises:
        ModelError: a file is missing or damaged.
    """
    tensors: dict[str, Tensor] = {}
    for file, checksum in card(name, folder)["sha256"].items():
        path = folder / name / file
        if not path.exists():
            raise ModelError(f"The file {folder.name}/{name}/{file} is missing; get it from the repository again.")
        if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
            raise ModelError(
                f"The file {folder.name}/{name}/{file} is damaged (its checksum is wrong); "
                "get it from the repository again."
            )
        tensors |= load_file(path)
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def availability(name: str, folder: Path = CHECKPOINTS) -> tuple[bool, str]:
    """(ready, one sentence), told without loading the model."""
    if name in hub.REPOSITORIES:
        state = hub.availability(name)
        return state.state == "ready", state.sentence
    try:
        files = card(name, folder)["sha256"]
    except ModelError as e:
        return False, str(e)
    missing = [f for f in files if not (folder / name / f).exists()]
    return (False, f"Missing: {', '.join(missing)}.") if missing else (True, "Ready.")


_loading = new_lock()
_loaded: dict[tuple[str, str], None] = {}


def loaded() -> list[str]:
    """The models in memory as "name" or "name on cuda", those of the hub last."""
    from core.models.deepfloyd import stages, upscaler

    here = [*list(_loaded), *stages.in_memory(), *upscaler.in_memory()]
    return [name if device == "cpu" else f"{name} on {device}" for name, device in here]


def load(name: str, device: str = "auto", folder: Path = CHECKPOINTS) -> Any:
    """The model, ready to use on a device, kept in memory from the first call on.

    Returns:
        A Denoiser for "ddpm", "flow", "text", "enlarge" and stage II, a diffusers pipeline for stage III, a SingleStep for
        "denoiser", a classifier for the others.

    Raises:
        ModelError: unknown, missing, damaged, or no such device.
    """
    with _loading:
        if name in hub.REPOSITORIES:
            return _load_from_hub(name, pick_device(device))
        return _load(spec(name).name, pick_device(device), folder)


def _load_from_hub(name: str, device: torch.device) -> Any:
    from core.models.deepfloyd import stages, upscaler

    return (upscaler if hub.REPOSITORIES[name].stage == 3 else stages).load(name, device)


@cache
def _load(name: str, device: torch.device, folder: Path) -> Any:
    net = _builder(MODELS[name].kind)(card(name, folder)["architecture"], weights(name, folder)).to(device)
    _loaded[name, device.type] = None
    return net


def _builder(kind: str) -> Callable[[dict, dict[str, Tensor]], Any]:
    from core.models import mnist, photo_classifier, pocket, pocket_upsampler

    return {
        "text": pocket.build_pocket,
        "enlarge": pocket_upsampler.build_upsampler,
        "photos": photo_classifier.build_photo_classifier,
        "ddpm": mnist.build_digits,
        "flow": mnist.build_digits,
        "denoiser": mnist.build_single_step,
        "classifier": mnist.build_classifier,
    }[kind]
