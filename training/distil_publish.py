"""Turn a finished run of a student into a checkpoint: fp16 weights, and a card with its quality by steps."""

import dataclasses
import datetime
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.models.cards import write_card
from core.models.mnist_students import build_student
from core.models.registry import CHECKPOINTS
from training import provenance
from training.distil_recipes import RECIPES, Recipe
from training.distil_run import QUICK, SAMPLERS, Run, quick
from training.state import hardware


def publish(run: Run, folder: Path = CHECKPOINTS) -> dict:
    """Write the averaged weights, measure them, and write the card."""
    name = run.folder.name
    out = folder / name
    out.mkdir(parents=True, exist_ok=True)
    half = {k: v.detach().cpu().half() if v.is_floating_point() else v.cpu() for k, v in run.ema.shadow.items()}
    save_file({k: v.contiguous() for k, v in half.items()}, out / "weights.safetensors")
    student = build_student(architecture(run), {k: v.float() if v.is_floating_point() else v for k, v in half.items()})
    found = {str(n): quick(student, SAMPLERS[run.recipe.objective], n) for n in student.counts}
    card = _card(run, name, out / "weights.safetensors") | {"metrics": {f"quick_by_steps_{QUICK}": found}}
    write_card(out / "card.json", card)
    provenance.write(folder)
    return card


def architecture(run: Run) -> dict:
    """What `core.models.registry` needs to rebuild the network."""
    return {"objective": run.recipe.objective, "hidden": run.net.places[0], "levels": run.recipe.levels}


def command(name: str, recipe: Recipe, seed: int) -> str:
    """The command line that makes the checkpoint."""
    used = {k: getattr(recipe, k) for k in ("steps", "batch", "optimiser", "lr", "ema", "chunks", "renew")}
    words = [f"--{k} {_written(v)}" for k, v in used.items() if v != getattr(RECIPES[name], k)]
    return " ".join([f"python -m training.distil {name}", *words, f"--seed {seed}"])


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _card(run: Run, name: str, file: Path) -> dict:
    return {
        "name": name,
        "architecture": architecture(run) | {"parameters": sum(p.numel() for p in run.net.parameters())},
        "recipe": dataclasses.asdict(run.recipe),
        "command": command(name, run.recipe, run.seed),
        "weights": "ema",
        "seed": run.seed,
        "steps": run.step,
        "device": hardware(run.device),
        "precision": "bfloat16 autocast" if run.bf16 else "float32",
        "training_seconds": round(run.seconds),
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__.split("+")[0],
        "data": f"paths of {run.recipe.teacher} with guidance, from noise; no digits of MNIST",
        "curve": [[step, round(loss, 5)] for step, loss in run.curve.points],
        "validation": run.validation,
        "metrics": {},
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
    }
