"""Thresholds of pocket's clean estimate by guidance scale, class right against Frechet distance:  python -m benchmarks.thresholds

It is the figure of Saharia et al. 2022 (Imagen, section 2.3) with pocket's photos in the place of Imagen's. They are of one
kind after the other, from the same noises in every row, judged as in `benchmarks.pocket_quality`. Every finished row is
written at once; a run that was stopped goes on where it was.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.judging import Bfloat16
from benchmarks.options import options, parsed
from benchmarks.pocket_judges import judged, named_right, to_training
from benchmarks.pocket_kinds import of_all_kinds, trained_on
from benchmarks.scoreboard import replace
from core.checks import ModelError
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import bounded, guide
from core.diffusion.noise import generators, randn
from core.diffusion.samplers import ddim
from core.diffusion.visits import visits_together
from core.models.device import device_facts, pick_device
from core.models.registry import card, load
from core.pictures.images import to_uint8
from core.runs.thresholds import FILE, ROWS, ThresholdsRequest

STEPS, BATCH = 15, 50
SCALES = (1.0, 3.0, 7.0, 15.0, 20.0)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = options(__doc__, "photos", 200, FILE)
    p.add_argument("--again", action="store_true", help="measure rows that are there already, too")
    return parsed(p, argv, "photos")


def draw(model: Denoiser, prompts: list[str], threshold: str, scale: float, seed: int) -> np.ndarray:
    """A photo per prompt, (N, 64, 64, 3) uint8, photo k from seed + k."""
    r = ThresholdsRequest()
    denoiser = bounded(guide(model, scale), threshold, r.ratio, r.top)
    x = randn((len(prompts), *model.shape), generators(seed, len(prompts)), model.device)
    *_, last = ddim(
        denoiser, x, visits_together(model.schedule.timesteps(STEPS), len(prompts)), denoiser.encode(prompts)
    )
    return to_uint8(last.x_t, -1, 1)


def measure(
    model: Denoiser, photos: tuple[list[str], Tensor], threshold: str, scale: float, args: argparse.Namespace
) -> dict:
    """One row of the table. `photos` are N prompts and the classes (N,) that they ask for."""
    started, (prompts, asked) = time.monotonic(), photos
    model = Bfloat16(model) if args.bf16 else model
    parts = [
        draw(model, prompts[k : k + BATCH], threshold, scale, args.seed + k) for k in range(0, len(prompts), BATCH)
    ]
    features, logits = judged(np.concatenate(parts))
    return {
        "threshold": threshold,
        "scale": scale,
        "photos": len(prompts),
        "steps": STEPS,
        **{k: v for k, v in named_right(logits, asked).items() if k != "n"},
        "frechet": to_training(features, trained_on(tuple(card("pocket")["photos"]))),
        "seconds": round(time.monotonic() - started, 1),
        "precision": "bfloat16" if args.bf16 else "float32",
    }


def put(rows: list[dict], row: dict) -> list[dict]:
    """The rows with this one replacing its older version, threshold by threshold."""
    found = {(r["threshold"], r["scale"]): r for r in [*rows, row]}
    return [found[key] for key in sorted(found, key=lambda key: (list(ROWS).index(key[0]), key[1]))]


def write(rows: list[dict], path: Path, device: str) -> None:
    """The table as JSON, one row per line."""
    facts = {"device": device_facts(pick_device(device).type), "torch": torch.__version__.split("+")[0]}
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in facts.items()]
    lines.append('  "rows": [\n' + ",\n".join(f"    {json.dumps(row)}" for row in rows) + "\n  ]")
    replace(path, lambda p: p.write_text("{\n" + ",\n".join(lines) + "\n}\n"))


def main(argv: list[str] | None = None) -> None:
    """Measure what is missing, print the table, and write it."""
    args = parse(argv)
    try:
        model = load("pocket", args.device)
        photos = of_all_kinds(card("pocket")["photos"], args.photos)
    except (ModelError, FileNotFoundError) as e:
        raise SystemExit(str(e)) from None
    rows = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    there = set() if args.again else {(r["threshold"], r["scale"]) for r in rows if r["photos"] == args.photos}
    todo = [(name, scale) for scale in SCALES for name in ROWS if (name, scale) not in there]
    for name, scale in tqdm(todo, bar_format="{l_bar}{bar}| {elapsed} < {remaining}"):
        row = measure(model, photos, name, scale, args)
        rows = put(rows, row)
        write(rows, args.out, args.device)
        tqdm.write(
            "{threshold:8} {scale:5g}  kind right {top_1:.1%}, among five {top_5:.1%}  Frechet {frechet}".format(**row)
        )


if __name__ == "__main__":
    main()
