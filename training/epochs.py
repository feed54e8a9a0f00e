"""The answers of a network after each shown epoch: strips from the same noise, and GIFs of samplers' trajectories."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.datasets.mnist import mnist, unit
from core.diffusion.loop import Step
from core.diffusion.sampler_table import generate
from core.models.course import COURSE, GUIDED, without_course
from core.models.mnist import CLASSES, Digits, build_digits, build_single_step
from core.models.mnist_families import NETWORKS, OneCall, build_one_call
from core.models.mnist_losses import SIGMA
from core.pictures import images
from core.pictures.figures import gif
from core.runs.families import drawn
from core.runs.guided_digits import default_guidance
from training.mnist_run import Run
from training.state import load_state

STEPS = {"ddpm": ("ddim", 20), "flow": ("euler", 20)}
"""The sampler of each objective, and its steps."""
COURSE_ROWS = 4
"""The rows of each digit in the course's figures of class-conditioned digits."""
SECONDS = 2.5  # that a GIF plays for
FRAMES = 20


def samples_by_epoch(run: Run, out: Path) -> list[int]:
    """Write `epoch-NN.png` for each shown epoch, of samplers also a GIF; with the course's recipe and classes, a second
    strip with its guidance scale, `epoch-NN-guided.png`. Returns the epochs."""
    epochs = []
    if run.recipe.objective.startswith("classifier"):
        return epochs
    course = run.folder.name.endswith(COURSE)
    for path in sorted(run.folder.glob("epoch-*.safetensors")):
        parts, facts = load_state(path)
        weights = {k: v.float() if v.is_floating_point() else v for k, v in parts["net"].items()}
        weights = shipped(run, weights)
        epochs.append(facts["epoch"])
        if not run.recipe.time:
            (out / f"{path.stem}.png").write_bytes(images.png(rows(*answers(run, weights))))
            continue
        n = CLASSES * (COURSE_ROWS if course and run.recipe.classes else 1)
        steps = digits(run, weights, n)
        frames = [*(rows(s.x_0) for s in steps[:: max(1, len(steps) // FRAMES)]), rows(steps[-1].x_t)]
        (out / f"{path.stem}.png").write_bytes(images.png(frames[-1]))
        (out / f"{path.stem}.gif").write_bytes(gif(frames, SECONDS))
        if n > CLASSES:
            guided = digits(run, weights, n, GUIDED)[-1].x_t
            (out / f"{path.stem}-guided.png").write_bytes(images.png(rows(guided)))
    return epochs


def rows(*parts: Tensor) -> np.ndarray:
    """(N, 1, 28, 28) digits each, in [0, 1], ten in a row, as one uint8 picture."""
    return images.grid(images.to_uint8(torch.cat(parts)), CLASSES)


def answers(run: Run, weights: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Rows of ten digits: the samples of a decoder, or the inputs and outputs of a denoiser.

    The digits that are denoised are the first of each class among MNIST's test digits.
    """
    if run.recipe.objective in NETWORKS:
        return (drawn(built(run, weights), list(range(CLASSES)), run.seed),)
    model = build_single_step(architecture(run), weights)
    noise = torch.randn(CLASSES, 1, 28, 28, generator=torch.Generator().manual_seed(run.seed))
    if run.recipe.objective == "denoiser-noise":
        return noise, model.restore(noise)
    x = first_of_each(*mnist(False, run.data))
    z = x + SIGMA * noise
    return x, z, model.restore(z)


def first_of_each(pictures: Tensor, labels: Tensor) -> Tensor:
    """(10, 1, 28, 28) in [0, 1], the first digit of each class."""
    return unit(torch.stack([pictures[labels == k][0] for k in range(CLASSES)]))


def digits(run: Run, weights: dict[str, Tensor], n: int, guidance: float | None = None) -> list[Step]:
    """The Steps of n digits, 0 .. 9 in turn, with the objective's default sampler and guidance scale, or another one."""
    sampler, steps = STEPS[run.recipe.objective]
    if guidance is None:
        guidance = default_guidance(without_course(run.folder.name), sampler) if run.recipe.classes else 1.0
    prompts = [k % CLASSES for k in range(n)]
    return list(generate(built(run, weights), prompts, sampler, steps, guidance, run.seed))


def shipped(run: Run, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights that draw: all of them, or the decoder's."""
    if run.recipe.objective not in NETWORKS:
        return weights
    return {k.removeprefix("decoder."): v for k, v in weights.items() if k.startswith("decoder.")}


def architecture(run: Run) -> dict:
    """The architecture from which `core.models.registry` builds the network."""
    r = run.recipe
    return {"objective": r.objective, "hidden": r.hidden, "time": r.time, "classes": r.classes}


def built(run: Run, weights: dict[str, Tensor]) -> OneCall | Digits:
    """The model that draws, with its published weights."""
    make = build_one_call if run.recipe.objective in NETWORKS else build_digits
    return make(architecture(run), weights)
