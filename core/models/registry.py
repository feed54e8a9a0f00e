"""A table of all models, and how to load them. No network loads at import.

A new model needs a row in MODELS and a file with its network, which the row names.
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from core.checks import ModelError
from core.diffusion.schedule import Schedule
from core.locks import new_lock
from core.models.checkpoint import CHECKPOINT, CHECKPOINTS
from core.models.deepfloyd.family import HUB
from core.models.device import lends_gpu, pick_device
from core.models.kept import KEPT
from core.models.spec import ModelSpec, named

DDPM = {
    "task": "digits",
    "build": "core.models.mnist:build_digits",
    "path": "ddpm",
    "schedule": "core.models.mnist:DDPM",
    "loss": "mean squared error of the noise",
    "defaults": {"sampler": "ddim"},
}
FLOW = DDPM | {
    "path": "flow",
    "schedule": "core.models.mnist:FLOW",
    "loss": "mean squared error of the velocity",
    "defaults": {"sampler": "euler"},
}
STUDENT = FLOW | {"build": "core.models.mnist_students:build_student", "conditional": True, "ours": True}
FAST = STUDENT | {
    "student": "fast",
    "loss": "mean squared error of the mean velocity over a step",
    "defaults": {"sampler": "few-steps"},
}
CONSISTENT = STUDENT | {
    "student": "consistency",
    "loss": "distance of two clean estimates over the difference of their noise levels",
    "defaults": {"sampler": "consistency"},
}
SINGLE_STEP = {
    "task": "single-step",
    "build": "core.models.mnist:build_single_step",
    "loss": "mean squared error of the digit",
}
ONE_CALL = {
    "task": "one-call",
    "build": "core.models.mnist_families:build_one_call",
    "conditional": True,
    "ours": True,
}
JUDGE = {"task": "judge", "loss": "cross-entropy", "ours": True}
IF = {
    "source": HUB,
    "build": "core.models.deepfloyd.stages:load",
    "path": "ddpm",
    "schedule": "core.models.deepfloyd.stages:SCHEDULE",
    "conditional": True,
    "reader": "core.models.deepfloyd.family:BankReader",
    "finish": "core.models.deepfloyd.family:finish",
}
STAGE_ONE = IF | {
    "in_course": True,
    "defaults": {
        "prompt": "an oil painting of a snowy mountain village",
        "n": 1,
        "sampler": "ddpm",
        "timesteps": "stride30",
        "threshold": "dynamic",
    },
}
STAGE_TWO = IF | {"enlarges": 64, "enlarge": "core.models.deepfloyd.sampling:enlarge"}
POCKET = {
    "source": CHECKPOINT,
    "path": "ddpm",
    "schedule": "core.models.pocket:SCHEDULE",
    "conditional": True,
    "ours": True,
    "guidance": 2.0,  # by the benchmark
    "reader": "core.models.pocket:CaptionReader",
}


def _digits(name: str, title: str, kind: dict[str, Any], **more: Any) -> ModelSpec:
    """A row of the MNIST family."""
    train = f"training.train_mnist {name}"
    return ModelSpec(name, title, "digits", **{"source": CHECKPOINT, "command": train, **kind, **more})


MODELS = {
    model.name: model
    for model in (
        ModelSpec(
            *("pocket", "Pocket, text to image at 64x64", "pocket", "text"),
            **POCKET,
            build="core.models.pocket:build_pocket",
            command="training.train_pocket",
        ),
        ModelSpec(
            *("pocket-fast", "Pocket, distilled to 1 to 8 steps", "pocket", "text"),
            **POCKET,
            build="core.models.pocket_students:build_fast_pocket",
            student="fast",
            counts=(1, 2, 4, 8),
            scales=(1.0, 8.0),
            command="training.distil pocket-fast",
            loss="mean squared error of v over a step",
            defaults={"steps": 4},
        ),
        _digits("ddpm-class", "DDPM, class-conditioned", DDPM, conditional=True),
        _digits("flow-class", "Flow matching, class-conditioned", FLOW, conditional=True),
        _digits(
            "flow-class-adamw", "Flow matching, class-conditioned, constant rate", FLOW, conditional=True, ours=True
        ),
        _digits(
            *("flow-class-fast", "Flow matching, distilled to 1 to 16 steps", FAST),
            command="training.distil flow-class-fast",
        ),
        _digits(
            *("flow-class-consistency", "Flow matching, consistency-tuned to 1 to 4 steps", CONSISTENT),
            command="training.distil flow-class-consistency",
        ),
        _digits("ddpm-time", "DDPM, unconditional", DDPM, weaker="flow-small", guidance=2.0),
        _digits("flow-time", "Flow matching, unconditional", FLOW, weaker="flow-small", guidance=2.0),
        _digits("flow-small", "Flow matching, class-conditioned, small", FLOW, conditional=True, ours=True),
        _digits("vae", "VAE, class-conditioned", ONE_CALL, loss="negative ELBO in nats a digit"),
        _digits(
            *("gan", "GAN, class-conditioned", ONE_CALL),
            loss="critic's for a pair of a real and a drawn digit, and the generator's for a drawn one, in nats",
        ),
        _digits("denoiser", "Single-step denoiser", SINGLE_STEP),
        _digits("denoiser-noise", "Single-step denoiser of pure noise", SINGLE_STEP),
        _digits("classifier", "Digit classifier", JUDGE, build="core.models.mnist:build_classifier"),
        _digits(
            *("classifier-noisy", "Classifier of noisy digits", JUDGE),
            build="core.models.noisy_classifier:build_noisy_classifier",
        ),
        ModelSpec(
            *("photo-classifier", "Photo classifier", "photos"),
            source=CHECKPOINT,
            build="core.models.photo_classifier:build_photo_classifier",
            command="training.train_photo_classifier",
            **JUDGE,
        ),
        ModelSpec(  # before stage II, which is asked first where it is ready
            *("pocket-up", "Pocket's upsampler, 64 to 256", "pocket", "upscale"),
            source=CHECKPOINT,
            build="core.models.pocket_upsampler:build_upsampler",
            path="ddpm",
            schedule="core.models.pocket_upsampler:SCHEDULE",
            conditional=True,
            command="training.train_upsampler",
            ours=True,
            enlarges=64,
            enlarge="core.models.pocket_upsampler:enlarge",
            noised=True,
        ),
        ModelSpec("if-m", "DeepFloyd IF, medium, text to image at 64x64", "deepfloyd", "text", **STAGE_ONE),
        ModelSpec("if-l", "DeepFloyd IF, large, text to image at 64x64", "deepfloyd", "text", **STAGE_ONE),
        ModelSpec("if-xl", "DeepFloyd IF, extra large, text to image at 64x64", "deepfloyd", "text", **STAGE_ONE),
        ModelSpec("if-ii-m", "DeepFloyd IF stage II, medium, 64 to 256", "deepfloyd", "upscale", **STAGE_TWO),
        ModelSpec("if-ii-l", "DeepFloyd IF stage II, large, 64 to 256", "deepfloyd", "upscale", **STAGE_TWO),
        ModelSpec(
            *("x4-upscaler", "Stable Diffusion x4 upscaler, 256 to 1024", "stable-diffusion", "upscale"),
            source=HUB,
            build="core.models.deepfloyd.upscaler:load",
            conditional=True,
            enlarges=256,
            enlarge="core.models.deepfloyd.upscaler:enlarge",
        ),
    )
}


def spec(name: object) -> ModelSpec:
    """The model of that name, in the table or kept after a training in the page. Raises ModelError if there is none."""
    if kept := KEPT.spec(name):
        return kept
    if not isinstance(name, str) or name not in MODELS:
        raise ModelError(f"There is no model called {str(name)[:40]!r}; there are {', '.join(MODELS)}.")
    return MODELS[name]


def of_task(*tasks: str) -> list[ModelSpec]:
    """The models that do one of these tasks, in the order of the table."""
    return [model for model in MODELS.values() if model.task in tasks]


def schedule_of(name: str) -> Schedule:
    """The schedule of a generative model; the model need not be here."""
    return named(spec(name).schedule)


def borrows(name: str, device: str | None) -> bool:
    """Whether a model's calls need the GPU that the Space lends; small models run on the CPU."""
    return lends_gpu() and device in (None, "auto") and spec(name).source.borrows


def card(name: str, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """The facts on a model. Raises ModelError if it is missing or damaged."""
    return spec(name).source.card(spec(name), folder)


def weights(name: str, folder: Path = CHECKPOINTS) -> dict[str, Tensor]:
    """A checkpoint's tensors, as `core.models.checkpoint.Checkpoint.weights`."""
    return CHECKPOINT.weights(spec(name), folder)


def availability(name: str, folder: Path = CHECKPOINTS) -> tuple[bool, str]:
    """(ready, one sentence), without loading the model."""
    return spec(name).source.availability(spec(name), folder)


_loading = new_lock()


def loaded() -> list[str]:
    """The models in memory as "name" or "name on cuda", those of the checkpoints first."""
    sources = dict.fromkeys(model.source for model in MODELS.values())
    here = [pair for source in sources for pair in source.in_memory()]
    return [name if device == "cpu" else f"{name} on {device}" for name, device in here]


def load(name: str, device: str = "auto", folder: Path = CHECKPOINTS) -> Any:
    """The model, ready to use on a device, kept in memory from the first call on.

    Returns:
        A Denoiser for the tasks "text" and "digits" and for stage II, a diffusers pipeline for stage III, a SingleStep
        for "single-step", a OneCall for "one-call", a classifier for "judge".

    Raises:
        ModelError: unknown, missing, damaged, or no such device.
    """
    with _loading:
        return spec(name).source.load(spec(name), pick_device(device), folder)
