"""Turn a finished run of a student into a checkpoint: fp16 weights, and a card with its quality by steps."""

import dataclasses
import datetime
import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.models.cards import write_card
from core.models.registry import CHECKPOINTS
from training import provenance
from training.distil_recipes import RECIPES, Recipe
from training.distil_run import Run
from training.publish_pocket import SHARD, write_shards
from training.state import hardware


def publish(run: Run, folder: Path = CHECKPOINTS) -> dict:
    """Write the averaged weights, measure them, and write the card."""
    name = run.folder.name
    out = folder / name
    out.mkdir(parents=True, exist_ok=True)
    half = {k: v.detach().cpu().half() if v.is_floating_point() else v.cpu() for k, v in run.ema.shadow.items()}
    sums = write_weights(out, half)
    net = run.fresh({k: v.float() if v.is_floating_point() else v for k, v in half.items()})
    found = run.family.look(run, net, all_steps=True)
    card = _card(run, name, sums) | {"metrics": {run.family.quick_look: found}}
    write_card(out / "card.json", card)
    provenance.write(folder)
    return card


def write_weights(out: Path, half: dict[str, Tensor]) -> dict[str, str]:
    """Write the weights in files under 10 MB, one or several; returns file name -> checksum."""
    if sum(v.nbytes for v in half.values()) > SHARD:
        return write_shards(out, half)
    file = out / "weights.safetensors"
    save_file({k: v.contiguous() for k, v in half.items()}, file)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}


def command(name: str, recipe: Recipe, seed: int) -> str:
    """The command line that makes the checkpoint."""
    used = {k: getattr(recipe, k) for k in ("steps", "batch", "optimiser", "lr", "ema", "chunks", "renew")}
    words = [f"--{k} {_written(v)}" for k, v in used.items() if v != getattr(RECIPES[name], k)]
    return " ".join([f"python -m training.distil {name}", *words, f"--seed {seed}"])


def _written(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _card(run: Run, name: str, sums: dict[str, str]) -> dict:
    family, objective = run.family, run.recipe.objective
    return {
        "name": name,
        "architecture": family.architecture(run.net, objective)
        | {"parameters": sum(p.numel() for p in run.net.parameters())},
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
        "data": f"paths of {run.recipe.teacher} with guidance, from noise; no {family.pictures}",
        **family.facts,
        "curve": [[step, round(loss, 5)] for step, loss in run.curve.points],
        "validation": run.validation,
        "metrics": {},
        "sha256": sums,
    }
