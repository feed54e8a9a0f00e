"""Quality by network calls of the flow teacher and of its students:  python -m benchmarks.fewer_steps --bf16"""

import argparse
import datetime
import json
import statistics
import time
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.judging import Judge
from benchmarks.options import options, parsed
from benchmarks.scoreboard import Case, replace, write_scores
from core.diffusion.sampler_table import generate
from core.models.device import device_facts, pick_device
from core.models.mnist import CLASSES
from core.models.registry import CHECKPOINTS, availability, load

GUIDANCE = 1.5
COUNTS = {
    ("flow-class", "euler"): (20, 16, 8, 4, 2, 1),
    ("flow-class-fast", "few-steps"): (16, 8, 4, 2, 1),
    ("flow-class-consistency", "consistency"): (4, 2, 1),
    ("flow-class-consistency", "consistency-same"): (4, 2),
}
LIMITS = {  # model, sampler, steps: accuracy at least, Frechet distance at most
    ("flow-class-fast", "few-steps", 4): (0.995, 0.4),
    ("flow-class-fast", "few-steps", 2): (0.993, 0.6),
    ("flow-class-fast", "few-steps", 1): (0.99, 1.2),
    ("flow-class-consistency", "consistency", 2): (0.993, 0.6),
    ("flow-class-consistency", "consistency", 1): (0.985, 1.5),
}
CASE = ("group", "model", "sampler", "steps", "guidance", "digits")
TEN_MS = 50.0  # ten digits in one call, at most
ROUNDS = 7
HEAD = f"{'model':23} {'sampler':17} steps accuracy  Frechet  ms for ten"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = options(__doc__, "digits", 2000, CHECKPOINTS / "fewer_steps.json")
    names = list(dict.fromkeys(model for model, _ in COUNTS))
    p.add_argument("--models", nargs="+", choices=names, default=names, metavar="MODEL", help=", ".join(names))
    p.add_argument("--times", action="store_true", help="only the times anew, of the rows that are there")
    return parsed(p, argv, "digits")


def milliseconds(judge: Judge, case: Case) -> float:
    """The median time of the ten digits in one batch, from noise to result."""
    model, took = load(case.model, judge.device, judge.folder), []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        *_, last = generate(model, range(CLASSES), case.sampler, case.steps, case.guidance, judge.seed)
        last.x_t.cpu()  # waits for the device
        took.append(time.perf_counter() - started)
    return round(1000 * statistics.median(took), 1)


def targets(rows: list[dict]) -> list[dict]:
    """The targets with the measured values."""
    found = []
    for row in rows:
        what = f"{row['model']}, {row['sampler']} {row['steps']}"
        least, most = LIMITS.get((row["model"], row["sampler"], row["steps"]), (None, None))
        if least:
            found.append((f"{what}: accuracy", ">=", least, row["accuracy"]))
            found.append((f"{what}: Frechet", "<=", most, row["frechet"]))
        if row["steps"] == 1 and row["model"] != "flow-class":
            found.append((f"{what}: ms for ten digits", "<=", TEN_MS, row["ms_for_ten"]))
    return [
        {"what": what, "target": f"{sign} {limit:g}", "measured": m, "ok": m >= limit if sign == ">=" else m <= limit}
        for what, sign, limit, m in found
    ]


def write(rows: list[dict], path: Path, device: str) -> None:
    """The table as JSON with its targets, one row per line."""
    here = pick_device(device)
    facts = {
        "date": datetime.date.today().isoformat(),
        "device": torch.cuda.get_device_name(here) if here.type == "cuda" else device_facts(here.type),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__.split("+")[0],
    }
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in facts.items()]
    for key, value in {"targets": targets(rows), "rows": rows}.items():
        inner = ",\n".join(f"    {json.dumps(v)}" for v in value)
        lines.append(f'  "{key}": [\n{inner}\n  ]')
    replace(path, lambda p: p.write_text("{\n" + ",\n".join(lines) + "\n}\n"))


def put(rows: list[dict], row: dict) -> list[dict]:
    """The rows with this one replacing its older version, in the order of COUNTS."""
    key = lambda r: (r["model"], r["sampler"], r["steps"])  # noqa: E731
    found = {key(r): r for r in [*rows, row]}
    return [found[k] for (m, s), counts in COUNTS.items() for n in counts if (k := (m, s, n)) in found]


def main(argv: list[str] | None = None, folder: Path = CHECKPOINTS) -> None:
    """Measure every row, print the table and the targets, and write both."""
    args = parse(argv)
    judge = Judge(args.device, args.seed, args.bf16, folder)
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    ready = [model for model in args.models if availability(model, folder)[0]]
    if args.times:
        for row in (r for r in rows if r["model"] in ready):
            row["ms_for_ten"] = milliseconds(judge, Case(*(row[key] for key in CASE)))
            print(f"{row['model']:23} {row['sampler']:17} {row['steps']:5} {row['ms_for_ten']:7.1f} ms for ten")
        write(rows, args.out, args.device)
        return
    cases = [
        Case("fewer-steps", model, sampler, n, GUIDANCE, args.digits)
        for (model, sampler), counts in COUNTS.items()
        for n in counts
        if model in ready
    ]
    with tqdm(total=sum(c.work for c in cases), bar_format="{l_bar}{bar}| {elapsed} < {remaining}") as bar:
        bar.write(HEAD)
        for case in cases:
            started = time.monotonic()
            pixels = judge.draw(case, lambda work: bar.update(min(work, bar.total - bar.n)))
            row = judge.row(case, pixels, time.monotonic() - started) | {"ms_for_ten": milliseconds(judge, case)}
            rows = put(rows, row)
            write(rows, args.out, args.device)
            if case.model != "flow-class":  # the teacher's scores are mnist_quality's
                write_scores(row, folder)
            bar.write(
                f"{case.model:23} {case.sampler:17} {case.steps:5} {row['accuracy']:8.2%} {row['frechet']:8.3f} "
                f"{row['ms_for_ten']:11.1f}"
            )
    for t in targets(rows):
        print(f"{'PASS ' if t['ok'] else 'short'}  {t['what']}: {t['measured']:g} ({t['target']})")


if __name__ == "__main__":
    main()
