"""Shared by all trainings: resumable state as safetensors (no pickles, so safe to open), device, average."""

import argparse
import dataclasses
import datetime
import json
import os
import platform
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.checks import ModelError
from core.diffusion.training import Curve
from core.models.device import DEVICES, pick_device

UNSAID = {"optimiser": "adamw", "middle": 2}
"""Fields missing in the recipes of pocket's first runs; their states keep AdamW's moments under "optimiser"."""


def save_state(path: Path, parts: dict[str, dict[str, Tensor]], facts: dict) -> None:
    """Write named groups of tensors and JSON-able facts in one file, atomically: a kill leaves the old file whole."""
    tensors = {
        f"{part}/{key}": value.detach().cpu().contiguous() for part, d in parts.items() for key, value in d.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    save_file(tensors, fresh, metadata={"facts": json.dumps(facts)})
    os.replace(fresh, path)


def load_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict]:
    """The groups and facts that `save_state` wrote."""
    parts: dict[str, dict[str, Tensor]] = {}
    with safe_open(path, "pt") as f:
        facts = json.loads(f.metadata()["facts"])
        for name in f.keys():  # noqa: SIM118 (a safetensors file is not a dict)
            part, key = name.split("/", 1)
            parts.setdefault(part, {})[key] = f.get_tensor(name)
    return parts, facts


def save_run(run, facts: dict) -> None:
    """Write a training run so that `resume_run` continues it: its network, average, optimisers, curve and progress.

    Args:
        run: has net, ema, optimisers (by name), curve, step, seconds, validation, recipe, seed and state_file.
        facts: further JSON-able facts about it.
    """
    parts = {"net": run.net.state_dict(), "ema": run.ema.shadow}
    parts |= {name: optimiser_tensors(optimiser) for name, optimiser in run.optimisers.items()}
    if run.curve.pending:
        parts["pending"] = {"losses": torch.stack(run.curve.pending)}
    kept = {name: getattr(run, name) for name in ("step", "seconds", "validation", "seed")}
    made = {"date": datetime.date.today().isoformat(), "torch": torch.__version__, "device": hardware(run.device)}
    recipe = dataclasses.asdict(run.recipe)
    save_state(run.state_file, parts, kept | made | {"curve": run.curve.points, "recipe": recipe} | facts)


def resume_run(run, unsaid: dict, **same: object) -> dict:
    """Restore what `save_run` wrote into a fresh run of the same recipe and seed.

    Args:
        unsaid: fields missing in old recipes.
        same: facts that must be as they were.

    Returns:
        All facts about it.

    Raises:
        ValueError: it is a run of another recipe, of another seed, or of other facts.
    """
    parts, facts = load_state(run.state_file)
    asked = json.loads(json.dumps(same | {"recipe": dataclasses.asdict(run.recipe), "seed": run.seed}))
    if {name: facts.get(name) for name in asked} | {"recipe": unsaid | facts["recipe"]} != asked:
        raise ValueError(f"{run.state_file} belongs to another recipe or seed; move it away or pass --work.")
    run.net.load_state_dict(parts["net"])
    run.ema.shadow = {k: v.to(run.device) for k, v in parts["ema"].items()}
    for name, optimiser in run.optimisers.items():
        restore_optimiser(optimiser, parts.get(name, parts.get("optimiser", {})))
    run.curve = Curve(run.curve.every, facts["curve"], parts.get("pending", {}).get("losses"))
    run.step, run.seconds, run.validation = facts["step"], facts["seconds"], facts["validation"]
    return facts


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's per-parameter state, flattened to "parameter.name" keys."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, d in state.items() for name, value in d.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Undo `optimiser_tensors` on an optimiser over the same parameters.

    A moment gets its parameter's memory layout back, which a file does not keep: a fused optimiser reads both in the
    order of memory.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        i, name = key.split(".")
        like = parameters[int(i)]
        value = torch.empty_like(like, dtype=value.dtype).copy_(value) if value.shape == like.shape else value
        state.setdefault(int(i), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def hardware(device: torch.device) -> str:
    """The training hardware, for the card."""
    return (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type.upper()} ({platform.machine()})"
    )


def parsed(p: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """The command line with --device as a torch.device; a missing device is refused in one sentence."""
    p.add_argument(
        "--device", default="auto", choices=DEVICES, help="auto: CUDA, else MPS (not tried yet), else the CPU"
    )
    args = p.parse_args(argv)
    try:
        args.device = pick_device(args.device)
    except ModelError as e:
        p.error(str(e))
    return args
