"""Turn a finished run into a checkpoint: fp16 weights, a card, and samples by epoch."""

import dataclasses
import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.checks import ModelError
from core.datasets.mnist import mnist, unit
from core.diffusion.schedule import Schedule
from core.models.cards import write_card
from core.models.course import COURSE, without_course
from core.models.mnist import CLASSES, DDPM, FLOW, Classifier, build_classifier, build_single_step
from core.models.mnist_losses import SIGMA
from core.models.noisy_classifier import NoisyClassifier, build_noisy_classifier
from core.models.registry import CHECKPOINTS, load
from core.models.scores import Statistics, accuracy, frechet_distance, judge, reference
from core.runs.families import FAMILIES
from training import provenance
from training.epochs import architecture, built, digits, samples_by_epoch, shipped
from training.families import measured
from training.mnist_recipes import RECIPES
from training.mnist_run import Run
from training.state import hardware


def publish(run: Run, folder: Path = CHECKPOINTS) -> dict:
    """Choose the better of raw and averaged weights, write them, measure them, and write the card.

    Without a held-out loss, as for a GAN, the averaged weights are taken. Only the decoder of a VAE or GAN is written.
    A run of the course's recipe keeps its weights in its own folder; only its card and its figures are published.
    """
    _, raw, averaged = run.validation[-1] if run.validation else (0, 0.0, 0.0)
    choice, chosen = ("ema", run.ema.shadow) if averaged <= raw else ("raw", run.net.state_dict())
    out = folder / run.folder.name
    out.mkdir(parents=True, exist_ok=True)
    half = {k: _half(v) for k, v in shipped(run, chosen).items()}
    course = out.name.endswith(COURSE)
    weights = (run.folder if course else out) / "weights.safetensors"
    save_file(half, weights)
    kept = {k: v.float() if v.is_floating_point() else v for k, v in half.items()}
    card = _card(run, choice, sum(v.numel() for v in run.net.parameters()), [] if course else [weights])
    card["metrics"] |= _measure(run, kept, out)
    card["epochs_shown"] = samples_by_epoch(run, out)
    write_card(out / "card.json", card)
    provenance.write(folder)
    return card


def _half(v: Tensor) -> Tensor:
    return v.detach().cpu().half().contiguous() if v.is_floating_point() else v.detach().cpu()


def _card(run: Run, choice: str, parameters: int, files: Sequence[Path]) -> dict:
    published, used = (dataclasses.asdict(r) for r in (RECIPES[without_course(run.folder.name)], run.recipe))
    return {
        "name": run.folder.name,
        "architecture": architecture(run) | {"parameters": parameters},
        "recipe": used,
        "differs_from_published": {
            k: {"published": published[k], "used": v} for k, v in used.items() if v != published[k]
        },
        "weights": choice,
        "seed": run.seed,
        "steps": run.step,
        "device": hardware(run.device),
        "precision": "bfloat16 autocast" if run.bf16 else "float32",
        "training_seconds": round(run.seconds),
        "cpu_seconds": round(run.cpu_seconds),
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__.split("+")[0],
        "data": "MNIST, 60,000 training digits (LeCun, Cortes, Burges; CC BY-SA 3.0)",
        "curve": [[step, *(round(loss, 5) for loss in losses)] for step, *losses in run.curve.points],
        "validation": [[e, round(a, 5), round(b, 5)] for e, a, b in run.validation],
        "metrics": {"held_out_loss": round(min(run.validation[-1][1:]), 5)} if run.validation else {},
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }


def _measure(run: Run, kept: dict[str, Tensor], out: Path) -> dict:
    if run.recipe.objective == "classifier":
        return _measure_classifier(build_classifier(architecture(run), kept), run, out)
    if run.recipe.objective == "classifier-noisy":
        return _measure_noisy(build_noisy_classifier(architecture(run), kept), run)
    if run.folder.name in FAMILIES:
        return measured(built(run, kept), run.seed, run.data)
    if run.recipe.time:
        return _measure_samples(run, kept)
    model = build_single_step(architecture(run), kept)
    x = run.held_out[0].cpu()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(run.seed))
    z = noise if run.recipe.objective == "denoiser-noise" else x + SIGMA * noise
    return {"test_mse": round((model.restore(z) - x).square().mean().item(), 5)}


def _measure_classifier(net: Classifier, run: Run, out: Path) -> dict:
    """Test accuracy, and the reference feature statistics of the Frechet distance."""
    (train, _), (test, labels) = mnist(True, run.data), mnist(False, run.data)
    named, features = judge(net, unit(test))
    sets = {"train": judge(net, unit(train))[1], "test": features}
    noise = torch.rand(2000, 1, 28, 28, generator=torch.Generator().manual_seed(run.seed))
    stats = {name: Statistics.of(f) for name, f in sets.items()}
    save_file(
        {f"{n}.{k}": getattr(s, k).float().contiguous() for n, s in stats.items() for k in ("mean", "covariance")},
        out / "features.safetensors",
    )
    return {
        "test_accuracy": round(accuracy(named, labels), 4),
        "frechet_test": frechet_distance(stats["test"], stats["train"]),
        "frechet_test_2000": frechet_distance(Statistics.of(features[:2000]), stats["train"]),
        "frechet_noise": frechet_distance(Statistics.of(judge(net, noise)[1]), stats["train"]),
    }


def _measure_noisy(net: NoisyClassifier, run: Run) -> dict:
    """Accuracy on all test digits, noised to seven timesteps of each path."""
    images, labels = mnist(False, run.data)
    x, g, found = unit(images), torch.Generator().manual_seed(run.seed), {}
    for path, schedule in (("ddpm", DDPM), ("flow", FLOW)):
        times = [min(k * schedule.T // 6, schedule.T - 1) for k in range(7)]
        found[path] = {str(t): round(accuracy(_named(net, schedule, x, t, g), labels), 4) for t in times}
    return {"test_accuracy_by_t": found}


@torch.no_grad()
def _named(net: NoisyClassifier, schedule: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
    """(N,) the classes that the classifier reads in digits x (N, 1, 28, 28), noised to t."""
    t, eps = torch.full((len(x),), t), torch.randn(x.shape, generator=g)
    parts = zip(schedule.forward(x, t, eps).split(500), t.split(500), strict=True)
    return torch.cat([net.at(schedule, x_t, times).argmax(1) for x_t, times in parts])


def _measure_samples(run: Run, kept: dict[str, Tensor], n: int = 300) -> dict:
    """A quick look at n samples; benchmarks.mnist_quality measures in full."""
    try:
        classifier = load("classifier", "cpu")
    except ModelError:
        return {}
    x = digits(run, kept, n)[-1].x_t.clamp(0, 1)
    named, features = judge(classifier, x)
    found = {f"quick_frechet_{n}": round(frechet_distance(Statistics.of(features), reference()), 3)}
    if run.recipe.classes:
        found[f"quick_accuracy_{n}"] = accuracy(named, torch.arange(n) % CLASSES)
    return found
