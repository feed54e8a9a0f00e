"""Accuracy and Frechet distance by scale, of classifier guidance and of classifier-free guidance:  python -m benchmarks.guides

All draw in 20 steps of DDIM from the same noises. Every finished row is written at once; a run that was stopped goes on
where it was.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.judging import BATCH, Bfloat16, Judge
from benchmarks.options import options, parsed
from benchmarks.scoreboard import replace
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import classifier_guide, guide
from core.diffusion.noise import generators, randn
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.device import device_facts, pick_device
from core.models.mnist import CLASSES
from core.models.registry import load
from core.models.scores import accuracy
from core.pictures.images import to_uint8
from core.runs.digit_guides import log_prob
from core.runs.guides import FILE

STEPS = 20
SCALES = {
    "classifier": (0.0, 1.0, 2.0, 4.0, 7.0, 10.0),
    "cfg": (0.5, 1.0, 1.5, 2.5, 4.0),
    "clean classifier": (2.0, 7.0),
}
"""Way of guiding -> its scales. At 0 the classifier does nothing: no guidance."""
WANTED = (0.98, 2.0)
"""Classifier guidance at its best scale: accuracy at least, and Frechet distance over that of no guidance at most."""
NET = {"classifier": "classifier-noisy", "clean classifier": "classifier"}
HEAD = f"{'guidance':17} scale accuracy  Frechet  seconds"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = options(__doc__, "digits", 1000, FILE)
    p.add_argument("--only", nargs="+", choices=SCALES, default=list(SCALES), metavar="WAY", help=", ".join(SCALES))
    p.add_argument("--again", action="store_true", help="measure rows that are there already, too")
    return parsed(p, argv, "digits")


def guided(way: str, scale: float, labels: torch.Tensor, judge: Judge) -> tuple[Denoiser, list[int | None]]:
    """The denoiser of one batch, and its prompts."""
    net = load("ddpm-class" if way == "cfg" else "ddpm-time", judge.device, judge.folder)
    net = Bfloat16(net) if judge.bf16 else net
    if way == "cfg":
        return guide(net, scale), labels.tolist()
    nothing = [None] * len(labels)
    return (
        classifier_guide(net, log_prob(NET[way], net.schedule, labels, judge.device), scale) if scale else net
    ), nothing


def with_progress(steps: Iterable[Step], advance: Callable[[], object]) -> Iterator[Step]:
    """The Steps; each calls `advance`."""
    for step in steps:
        advance()
        yield step


def draw(way: str, scale: float, labels: list[int], judge: Judge, advance: Callable[[], object]) -> np.ndarray:
    """The digits (N, 28, 28) uint8; picture k has seed + k, in any batch and with any guidance."""
    parts = []
    for start in range(0, len(labels), BATCH):
        wanted = torch.tensor(labels[start : start + BATCH])
        model, prompts = guided(way, scale, wanted, judge)
        noise = randn((len(wanted), *model.shape), generators(judge.seed + start, len(wanted)), model.device)
        visits = visits_together(model.schedule.timesteps(STEPS), len(wanted))
        *_, last = with_progress(ddim(model, noise, visits, model.encode(prompts)), advance)
        parts.append(to_uint8(last.x_t)[..., 0])
    return np.concatenate(parts)


def measure(way: str, scale: float, digits: int, judge: Judge, advance: Callable[[], object]) -> dict:
    """One row of the table."""
    started, labels = time.monotonic(), [k % CLASSES for k in range(digits)]
    named, distance = judge.look(draw(way, scale, labels, judge, advance))
    return {
        "way": way,
        "scale": scale,
        "digits": digits,
        "steps": STEPS,
        "accuracy": round(accuracy(named, torch.tensor(labels)), 4),
        "frechet": round(distance, 4),
        "seconds": round(time.monotonic() - started, 1),
        "precision": "bfloat16" if judge.bf16 else "float32",
    }


def best(rows: list[dict]) -> dict | None:
    """The row of classifier guidance with the smallest Frechet distance among the rows that are accurate
    enough. If there are none, the most accurate row."""
    found = [r for r in rows if r["way"] == "classifier" and r["scale"]]
    enough = [r for r in found if r["accuracy"] >= WANTED[0]]
    return min(enough, key=lambda r: r["frechet"]) if enough else max(found, key=lambda r: r["accuracy"], default=None)


def targets(rows: list[dict]) -> list[dict]:
    """The targets of classifier guidance, with the measured values."""
    row, plain = best(rows), next((r for r in rows if (r["way"], r["scale"]) == ("classifier", 0.0)), None)
    if not (row and plain):
        return []
    most = round(WANTED[1] * plain["frechet"], 4)
    what = f"classifier guidance, scale {row['scale']:g}"
    return [
        {"what": f"{what}: accuracy", "target": f">= {WANTED[0]}", "measured": row["accuracy"], "ok": row["accuracy"] >= WANTED[0]},
        {"what": f"{what}: Frechet", "target": f"< {most}", "measured": row["frechet"], "ok": row["frechet"] < most},
    ]  # fmt: skip


def put(rows: list[dict], row: dict) -> list[dict]:
    """The rows with this one replacing its older version, in the order of SCALES."""
    found = {(r["way"], r["scale"]): r for r in [*rows, row]}
    return [found[k] for way, scales in SCALES.items() for s in scales if (k := (way, s)) in found]


def write(rows: list[dict], path: Path, device: str) -> None:
    """The table as JSON with its targets, one row per line."""
    facts = {"device": device_facts(pick_device(device).type), "torch": torch.__version__.split("+")[0]}
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in facts.items()]
    for key, value in {"targets": targets(rows), "rows": rows}.items():
        lines.append(f'  "{key}": [\n' + ",\n".join(f"    {json.dumps(v)}" for v in value) + "\n  ]")
    replace(path, lambda p: p.write_text("{\n" + ",\n".join(lines) + "\n}\n"))


def main(argv: list[str] | None = None) -> None:
    """Measure what is missing, print the table and the targets, and write both."""
    args = parse(argv)
    judge = Judge(args.device, args.seed, args.bf16)
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    there = set() if args.again else {(r["way"], r["scale"]) for r in rows if r["digits"] == args.digits}
    todo = [(way, s) for way in args.only for s in SCALES[way] if (way, s) not in there]
    calls = -(-args.digits // BATCH) * (STEPS + 1)
    with tqdm(total=calls * len(todo), bar_format="{l_bar}{bar}| {elapsed} < {remaining}") as bar:
        bar.write(HEAD)
        for way, scale in todo:
            row = measure(way, scale, args.digits, judge, bar.update)
            rows = put(rows, row)
            write(rows, args.out, args.device)
            bar.write(f"{way:17} {scale:5g} {row['accuracy']:8.2%} {row['frechet']:8.3f} {row['seconds']:8.1f}")
    for t in targets(rows):
        print(f"{'PASS ' if t['ok'] else 'short'}  {t['what']}: {t['measured']:g} ({t['target']})")


if __name__ == "__main__":
    main()
