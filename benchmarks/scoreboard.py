"""The MNIST scoreboard: its rows, its targets, and the JSON that the app reads."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.diffusion.sampler_table import evaluations
from core.models.cards import write_card
from core.models.mnist import CLASSES
from core.models.registry import card, spec
from core.runs.guided_digits import default_guidance
from core.runs.guides import WEAKER
from core.runs.mnist import MEAN, start_told

DEFAULTS = {  # model, sampler, steps: the accuracy to reach
    ("ddpm-class", "ddpm", 300): 0.99,
    ("ddpm-class", "ddim", 20): 0.985,
    ("flow-class", "euler", 20): 0.985,
    ("flow-class", "heun", 10): None,
    ("flow-class-adamw", "euler", 20): None,
    ("ddpm-time", "ddim", 20): None,
    ("flow-time", "euler", 20): None,
}
ON_THE_MEAN = (("ddpm-time", "ddim", 20),)
"""Measured from noise on the mean digit too."""
STEPS = {
    ("ddpm-class", "ddim"): (5, 10, 20, 50, 100),
    ("ddpm-class", "ddpm-strided"): (20, 50, 100),
    ("flow-class", "euler"): (5, 10, 20, 50),
    ("flow-class", "heun"): (5, 10, 25),
}
SCALES = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0)
GUIDED = (("ddpm-class", "ddim", 20), ("flow-class", "euler", 20))
FLOORS = {"test_same_n": "as many test digits", "test_full": "all 10,000 test digits"}


def alone(model: str, guidance: float) -> bool:
    """Whether a model that could be led away from a weaker one is not; the default is to be led."""
    return bool(spec(model).weaker) and guidance == 1


@dataclass(frozen=True)
class Case:
    """One row of the scoreboard: what to draw, how, and how many."""

    group: str
    model: str
    sampler: str
    steps: int
    guidance: float
    digits: int
    start: str = "noise"

    @property
    def key(self) -> tuple:
        """The identity of a measurement: rows with equal keys are the same."""
        return self.group, self.model, self.sampler, self.steps, self.guidance, self.start

    @property
    def name(self) -> str:
        """The case as a key of the saved digits."""
        name = f"{self.model}_{self.sampler}_{self.steps}" + f"_{self.start}" * (self.start == MEAN)
        return name + "_alone" * alone(self.model, self.guidance)

    @property
    def asks(self) -> bool:
        """Whether the model is conditioned on classes, so that accuracy is defined."""
        return spec(self.model).conditional and self.guidance != 0

    @property
    def labels(self) -> list[int]:
        """The class asked of every picture: 0 .. 9 in turn."""
        return [k % CLASSES for k in range(self.digits)]

    @property
    def work(self) -> int:
        """The number of images that go through the network."""
        calls, images = evaluations(self.sampler, self.steps, self.guidance, self.digits)
        return calls * images


def plan(digits: int = 0, sweep: int = 0) -> list[Case]:
    """Every row of the scoreboard, in its order."""
    started = [(d, start) for d in DEFAULTS for start in ("noise", *[MEAN] * (d in ON_THE_MEAN))]
    scales = lambda d: [1.0] * bool(spec(d[0]).weaker) + [default_guidance(*d[:2])]  # noqa: E731
    shipped = [Case("defaults", *d, w, digits, start) for d, start in started for w in scales(d)]
    steps = [Case("steps", *s, n, default_guidance(*s), sweep) for s, counts in STEPS.items() for n in counts]
    guided = [Case("guidance", *g, w, sweep) for g in GUIDED for w in SCALES]
    for g in (d for d in DEFAULTS if spec(d[0]).weaker):
        guided += [Case("guidance", *g, w, sweep, MEAN if g in ON_THE_MEAN else "noise") for w in WEAKER]
    return shipped + steps + guided


def put(rows: list[dict], row: dict) -> list[dict]:
    """The rows with this one replacing its older version, in the plan's order; unplanned rows are dropped."""
    keys = ("group", "model", "sampler", "steps", "guidance")
    found = {(*(r[k] for k in keys), r.get("start", "noise")): r for r in [*rows, row]}
    return [found[case.key] for case in plan() if case.key in found]


def targets(board: dict) -> list[dict]:
    """The targets with the measured values."""
    shipped = [r for r in board["rows"] if r["group"] == "defaults" and r.get("start") != MEAN]
    rows = {(r["model"], r["sampler"], r["steps"]): r for r in shipped}
    found = []
    for case, least in DEFAULTS.items():
        if least and (r := rows.get(case)):
            what = f"{case[0]}, {case[1]} {case[2]}, {r['digits']:,} digits"
            found.append((f"{what}: accuracy", ">=", least, r["accuracy"]))
            floors = {name: board["scale"][key] for key, name in FLOORS.items() if board["scale"][key] is not None}
            found += [(f"{what}: Frechet, 10 x {n}", "<=", round(10 * f, 4), r["frechet"]) for n, f in floors.items()]
    found += [(s["what"], "<=", s["most"], s.get("percent", s["seconds"])) for s in board["speed"]]
    return [
        {"what": what, "target": f"{sign} {limit:g}", "measured": m, "ok": m >= limit if sign == ">=" else m <= limit}
        for what, sign, limit, m in found
    ]


def write(board: dict, path: Path) -> None:
    """Write the board as JSON with its current targets, one row per line."""
    lines = []
    for key, value in (board | {"targets": targets(board)}).items():
        inner = ",\n".join(f"    {json.dumps(v)}" for v in value) if isinstance(value, list) else ""
        lines.append(f"  {json.dumps(key)}: " + (f"[\n{inner}\n  ]" if inner else json.dumps(value)))
    replace(path, lambda p: p.write_text("{\n" + ",\n".join(lines) + "\n}\n"))


def write_scores(row: dict, folder: Path) -> None:
    """The row's scores on its model's card."""
    found = card(row["model"], folder)
    scores = {k: row[k] for k in ("accuracy", "frechet", "digits", "guidance", "precision")}
    how = f"{row['sampler']} {row['steps']}{start_told(row['start'])}"
    how += ", alone" * alone(row["model"], row["guidance"])
    found["scores"] = found.get("scores", {}) | {how: scores}
    replace(folder / row["model"] / "card.json", lambda p: write_card(p, found))


def save(drawn: dict[str, tuple[np.ndarray, list[int]]], path: Path) -> None:
    """NAME_digits (N, 28, 28) uint8 and NAME_labels (N,) of every case; plain digits and labels if there is one.

    The labels are the classes asked for; -1 where the model takes none.
    """
    arrays = {f"{name}_{k}": v for name, pair in drawn.items() for k, v in zip(("digits", "labels"), pair, strict=True)}
    if len(drawn) == 1:
        arrays |= {name.rpartition("_")[2]: v for name, v in arrays.items()}
    replace(path, lambda p: np.savez_compressed(p, **arrays))


def replace(path: Path, make: Callable[[Path], object]) -> None:
    """Write a file beside its place, then move it there; a killed run leaves the old or the new file."""
    fresh = path.with_name(f".{path.stem}.new{path.suffix}")
    make(fresh)
    os.replace(fresh, path)
