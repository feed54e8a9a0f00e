"""Pocket's student beside its teacher, by network calls:  python -m benchmarks.fewer_steps_pocket --bf16 --save-card

Drawings by their nearest neighbour, photos by the photo classifier: how often the kind is among its first five, and the
Frechet distance of their features to the training photos. All from the same noises, in one run.
"""

import argparse
import datetime
import json
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.pocket_judges import judged, named_right, right_drawings, share, to_training
from benchmarks.pocket_kinds import of_all_kinds, trained_on
from core.checks import ModelError, whole
from core.datasets.pictures import LISTS, with_article
from core.diffusion.students import is_student
from core.models.cards import write_card
from core.models.device import DEVICES, device_facts
from core.models.registry import CHECKPOINTS, card, load
from core.pictures.images import to_uint8
from core.runs.prompts import default_guidance
from core.runs.sampling import draw

TEACHER, STUDENT = "pocket", "pocket-fast"
CASES = ((TEACHER, 30), (TEACHER, 4), (STUDENT, 8), (STUDENT, 4), (STUDENT, 2), (STUDENT, 1))
"""(model, steps); the first is what the others are compared with."""
ROUNDS = 7
HEAD = "model        steps  drawings right  photos: among five  Frechet  ms for one, for four"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; impossible requests are refused in one sentence."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="auto", choices=DEVICES)
    p.add_argument("--pictures", type=int, default=200, help="drawings, and as many photos, behind every row")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--batch", type=int, default=50)
    p.add_argument("--bf16", action="store_true", help="draw in bfloat16; timings stay in float32, as the app runs")
    p.add_argument("--no-times", action="store_true", help="no timings: on a machine that others use they mean nothing")
    p.add_argument("--times", action="store_true", help="only the times anew, of the rows on the card")
    p.add_argument("--save-card", action="store_true", help="write the table on the student's card")
    args = p.parse_args(argv)
    try:
        whole(args.pictures, 2, 200, "--pictures")
        whole(args.batch, 1, 1000, "--batch")
    except ValueError as e:
        p.error(str(e))
    return args


class Bench:
    """The two models, and what both are asked for."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.guidance = args, default_guidance(TEACHER)
        self.models = {name: load(name, args.device) for name in (TEACHER, STUDENT)}
        about = card(TEACHER)
        known = set(about["drawings"])
        self.names = [n for n in LISTS["first"].read_text().splitlines() if n in known][: args.pictures]
        self.kinds = about["photos"]
        self.train = trained_on(tuple(self.kinds))

    def draw(self, model: str, steps: int, prompts: list[str]) -> np.ndarray:
        """(N, 64, 64, 3) uint8, picture k from seed + k."""
        out, device = [], self.models[model].device.type
        for first in tqdm(range(0, len(prompts), self.args.batch), desc=f"{model}, {steps}", leave=False):
            some = prompts[first : first + self.args.batch]
            with torch.autocast(device, torch.bfloat16, enabled=self.args.bf16):
                *_, last = draw(self.models[model], some, self.guidance, steps, self.args.seed + first)
            out.append(to_uint8(last.x_t, -1, 1))
        return np.concatenate(out)

    def milliseconds(self, model: str, steps: int, n: int) -> float:
        """The median time of n pictures in one batch, from noise to result."""
        took = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            *_, last = draw(self.models[model], ["an emoji of a rose"] * n, self.guidance, steps, self.args.seed)
            last.x_t.cpu()  # waits for the device
            took.append(time.perf_counter() - started)
        return round(1000 * statistics.median(took), 1)

    def row(self, model: str, steps: int) -> dict:
        """The measures of one model in that many steps."""
        prompts, asked = of_all_kinds(self.kinds, self.args.pictures)
        drawings = self.draw(model, steps, [f"an emoji of {with_article(n)}" for n in self.names])
        photos = self.draw(model, steps, prompts)
        features, logits = judged(photos)
        return {
            "model": model,
            "steps": steps,
            "network_calls": steps * (1 if is_student(self.models[model]) else 2),
            "guidance": self.guidance,
            "drawings_right": share(right_drawings(drawings, self.names)),
            "photos_among_five": named_right(logits, asked)["top_5"],
            "frechet": to_training(features, self.train),
        } | ({} if self.args.no_times else self.times(model, steps))

    def rows(self) -> Iterator[dict]:
        """Every row, measured anew. With --times, the rows on the card with only their times measured anew."""
        if not self.args.times:
            yield from (self.row(model, steps) for model, steps in CASES)
            return
        for row in card(STUDENT)["metrics"]["by_steps"]["rows"]:
            yield row | self.times(row["model"], row["steps"])

    def times(self, model: str, steps: int) -> dict:
        """Milliseconds of one picture and of four."""
        return {f"ms_for_{word}": self.milliseconds(model, steps, n) for word, n in (("one", 1), ("four", 4))}


def targets(rows: list[dict]) -> list[dict]:
    """The targets with the measured values; the teacher is the first row."""
    teacher, found = rows[0], []
    by_steps = {r["steps"]: r for r in rows if r["model"] == STUDENT}
    for steps, points in ((4, 0.02), (1, 0.06)):
        if row := by_steps.get(steps):
            least = round(teacher["drawings_right"] - points, 4)
            found.append((f"drawings right in {steps}", ">=", least, row["drawings_right"]))
    if row := by_steps.get(4):
        found.append(("Frechet in 4, of the teacher's", "<=", 1.3, round(row["frechet"] / teacher["frechet"], 3)))
        if "ms_for_one" in row:
            found.append(("ms for one picture in 4", "<=", 100.0, row["ms_for_one"]))
            found.append(("ms for four pictures in 4", "<=", 300.0, row["ms_for_four"]))
    return [
        {"what": what, "target": f"{sign} {limit:g}", "measured": m, "ok": m >= limit if sign == ">=" else m <= limit}
        for what, sign, limit, m in found
    ]


def save(rows: list[dict], device: str, pictures: int) -> None:
    """The table on the student's card."""
    fresh = json.loads((CHECKPOINTS / STUDENT / "card.json").read_text())
    fresh["metrics"]["by_steps"] = {
        "date": datetime.date.today().isoformat(),
        "device": device_facts(device),
        "pictures": pictures,
        "rows": rows,
        "targets": targets(rows),
    }
    write_card(CHECKPOINTS / STUDENT / "card.json", fresh)


def main(argv: list[str] | None = None) -> None:
    """Measure every row, print the table and the targets, and keep them on request."""
    args = parse(argv)
    try:
        bench = Bench(args)
    except (ModelError, FileNotFoundError) as e:
        raise SystemExit(str(e)) from None
    rows = []
    print(HEAD)
    for row in bench.rows():
        rows.append(row)
        print(
            f"{row['model']:12} {row['steps']:5} {row['drawings_right']:15.1%} {row['photos_among_five']:19.1%} {row['frechet']:8.2f} "
            f"{row.get('ms_for_one', '–'):>11}, {row.get('ms_for_four', '–')}", flush=True,
        )  # fmt: skip
    for t in targets(rows):
        print(f"{'PASS ' if t['ok'] else 'short'}  {t['what']}: {t['measured']:g} ({t['target']})")
    if args.save_card:
        save(rows, args.device, args.pictures)


if __name__ == "__main__":
    main()
