"""Accuracy, Frechet distance and speed of the MNIST family, against the targets:  python -m benchmarks.mnist_quality"""

import argparse
import datetime
import json
import time
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.judging import SPEED, Judge
from benchmarks.options import options, parsed
from benchmarks.scoreboard import DEFAULTS, Case, plan, put, save, targets, write, write_scores
from core.models.device import device_facts, pick_device
from core.models.registry import CHECKPOINTS, availability
from core.runs.mnist import start_told

GROUPS = ("defaults", "steps", "guidance", "speed")
HEAD = f"{'group':9} {'model':17} {'sampler':12} steps guidance digits accuracy  Frechet  seconds"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; impossible requests are refused in one sentence."""
    p = options(__doc__, "digits", 2000, CHECKPOINTS / "mnist_quality.json")
    p.add_argument("--sweep-digits", type=int, default=500, help="digits behind every row of the sweeps")
    p.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP", help=", ".join(GROUPS))
    names = dict.fromkeys(model for model, *_ in DEFAULTS)
    p.add_argument("--models", nargs="+", choices=names, default=names, metavar="MODEL", help=", ".join(names))
    npz = lambda name: Path(name).with_suffix(".npz")  # noqa: E731
    p.add_argument("--save", type=npz, help="keep the digits of the defaults and the labels asked for in this .npz")
    args = parsed(p, argv, "digits", "sweep-digits")
    if args.save and "defaults" not in args.only:
        p.error("--save keeps the digits of the defaults, which are not among the groups of --only.")
    if args.save and not args.save.parent.is_dir():
        p.error(f"There is no folder {args.save.parent}.")
    return args


def opened(path: Path, device: str) -> dict:
    """The scoreboard so far, dated today."""
    old = json.loads(path.read_text()) if path.exists() else {}
    here = pick_device(device)
    name = torch.cuda.get_device_name(here) if here.type == "cuda" else device_facts(here.type)
    head = {"date": datetime.date.today().isoformat(), "device": name, "torch": torch.__version__.split("+")[0]}
    return head | {k: old.get(k, {} if k == "scale" else []) for k in ("scale", "targets", "rows", "speed")}


def summary(row: dict) -> str:
    """A row of the printed table."""
    right = "" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
    return (
        f"{row['group']:9} {row['model']:17} {row['sampler']:12} {row['steps']:5} {row['guidance']:8g} "
        f"{row['digits']:6} {right:>8} {row['frechet']:8.3f} {row['seconds']:8.1f}{start_told(row['start'])}"
    )


def measure(judge: Judge, cases: list[Case], board: dict, out: Path, digits_file: Path | None) -> None:
    """Draw and judge every case; each row is saved and printed before the next one starts."""
    drawn = {}
    with tqdm(total=sum(c.work for c in cases), bar_format="{l_bar}{bar}| {elapsed} < {remaining}") as bar:
        bar.write(HEAD)
        for case in cases:
            bar.set_description(f"{case.model}, {case.sampler} {case.steps}, guidance {case.guidance:g}")
            started = time.monotonic()
            pixels = judge.draw(case, lambda work: bar.update(min(work, bar.total - bar.n)))
            row = judge.row(case, pixels, time.monotonic() - started)
            board["rows"] = put(board["rows"], row)
            write(board, out)
            bar.write(summary(row))
            if case.group == "defaults":
                write_scores(row, judge.folder)
                drawn[case.name] = pixels, case.labels if case.asks else [-1] * case.digits
                if digits_file:
                    save(drawn, digits_file)


def speed(judge: Judge, models: list[str], board: dict, out: Path) -> None:
    """Time ten digits with each of the models that has a limit."""
    for case in SPEED:
        if case[0] in models:
            fresh = judge.speed(*case)
            kept = [s for s in board["speed"] if s["what"] not in {f["what"] for f in fresh}]
            board["speed"] = kept + fresh
            write(board, out)


def verdict(board: dict) -> str:
    """The scale, and every target with what was measured."""
    s = board["scale"]
    same = "not measured, no data set (set DIFFUSION_DATA)" if s["test_same_n"] is None else f"{s['test_same_n']:.3f}"
    lines = [
        "",
        "Frechet distance to the training digits, the scale:",
        f"  10,000 test digits {s['test_full']:.3f}; {s['n']:,} test digits {same}; uniform noise {s['noise']:.0f}",
    ]
    lines += [
        f"{'PASS ' if t['ok'] else 'short'}  {t['what']}: {t['measured']:g} ({t['target']})" for t in targets(board)
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None, folder: Path = CHECKPOINTS) -> None:
    """Measure the requested cases with the checkpoints in a folder, and print them against the targets."""
    args = parse(argv)
    judge, board = Judge(args.device, args.seed, args.bf16, folder), opened(args.out, args.device)
    states = {name: availability(name, folder) for name in args.models}
    for name, (here, sentence) in states.items():
        print(f"Skipped {name}: {sentence}\n" if not here else "", end="")
    ready = [name for name, (here, _) in states.items() if here]
    if "defaults" in args.only or not board["scale"]:
        board["scale"] = judge.scale(args.digits)
    cases = [c for c in plan(args.digits, args.sweep_digits) if c.group in args.only and c.model in ready]
    if cases:
        measure(judge, cases, board, args.out, args.save)
    if "speed" in args.only:
        speed(judge, ready, board, args.out)
    print(verdict(board))


if __name__ == "__main__":
    main()
