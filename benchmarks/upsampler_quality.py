"""Pocket-up against its targets, on drawings never seen:  python -m benchmarks.upsampler_quality

Each drawing, 256x256, is made small by the mean of every 4x4 block and enlarged again; the decibels are the mean over the
drawings of what each gains over bicubic interpolation and over Lanczos with an unsharp mask. `--sheet FILE.png` shows
some of them beside the true ones. Data: the folder of the variable DIFFUSION_DATA.
"""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from core.checks import ModelError
from core.datasets import DATA_VARIABLE
from core.datasets.drawings import drawings, unseen
from core.diffusion.noise import generators
from core.models.cards import write_card
from core.models.device import DEVICES
from core.models.pocket_upsampler import PocketUp, upsampled
from core.models.registry import CHECKPOINTS, card, load
from core.models.upsampler_unet import shrink
from core.pictures.enlargements import bicubic, sharpened
from core.pictures.images import from_uint8, grid, png, to_uint8
from core.techniques.filters import psnr

NAME, STEPS, NOISES = "pocket-up", (1, 2, 4, 8), (0.1, 0.2)
WANTED, SECONDS, MEGABYTES = 7.0, 0.8, 6.0
PERFECT = 60.0  # decibels, where a picture of one colour would have infinitely many


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="auto", choices=DEVICES)
    p.add_argument("--drawings", type=int, default=200, help="how many are enlarged")
    p.add_argument("--steps", type=int, nargs="+", default=STEPS, help="the numbers of steps tried")
    p.add_argument("--noises", type=float, nargs="*", default=NOISES, help="the noise tried with four steps")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--data", help=f"folder with drawings256 (default: the variable {DATA_VARIABLE}, else ./data)")
    p.add_argument("--cache", type=Path, default=Path(".training/upsampler/drawings256.npy"))
    p.add_argument("--folder", type=Path, default=CHECKPOINTS, help="of the checkpoint")
    p.add_argument("--save", type=Path, help="write the numbers in this JSON file")
    p.add_argument("--save-card", action="store_true", help="write the numbers on pocket-up's card")
    p.add_argument("--sheet", type=Path, help="a PNG: small, bicubic, sharpened, ours, true")
    return p.parse_args(argv)


def small(pixels: np.ndarray) -> np.ndarray:
    """(N, 256, 256, 3) uint8 -> (N, 64, 64, 3) uint8, the rounded mean of every 4x4 block."""
    return np.concatenate([to_uint8(shrink(from_uint8(p[None]))) for p in pixels])


def decibels(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(N,) PSNR of (N, 256, 256, 3) uint8 pictures."""
    pairs = zip(made, true, strict=True)
    scores = [psnr(from_uint8(x[None]), from_uint8(y[None]), span=1.0).item() for x, y in pairs]
    return np.minimum(scores, PERFECT)


def ours(model: PocketUp, low: np.ndarray, noise: float, steps: int, seed: int) -> tuple[np.ndarray, float, float]:
    """(N, 256, 256, 3) uint8, one at a time, picture k from seed + k; the median of the seconds each took, and of the
    seconds of processor time, over all cores, which other work on the machine lengthens less."""
    made, took, worked = [], [], []
    for picture, source in zip(tqdm(low, desc=f"{steps} steps", leave=False), generators(seed, len(low)), strict=True):
        started, busy = time.perf_counter(), time.process_time()
        made.append(to_uint8(upsampled(model, from_uint8(picture[None], -1, 1), noise, steps, [source]), -1, 1))
        took.append(time.perf_counter() - started)
        worked.append(time.process_time() - busy)
    return np.concatenate(made), statistics.median(took), statistics.median(worked)


def measure(
    model: PocketUp, true: np.ndarray, seed: int, counts: Sequence[int] = STEPS, noises: Sequence[float] = NOISES
) -> tuple[dict, np.ndarray]:
    """The numbers for drawings (N, 256, 256, 3) uint8, and their enlargements with four steps.

    Args:
        counts: the numbers of steps tried without noise.
        noises: the noise on the small picture tried with four steps.
    """
    low = small(true)
    rivals = [decibels(np.stack([way(x) for x in low]), true) for way in (bicubic, sharpened)]
    rows, shown = [], low
    for steps, noise in [*((n, 0.0) for n in counts), *((4, noise) for noise in noises)]:
        made, seconds, work = ours(model, low, noise, steps, seed)
        got = decibels(made, true)
        rows.append({
            "steps": steps, "noise": noise, "psnr": round(float(got.mean()), 2),
            "over_bicubic": round(float((got - rivals[0]).mean()), 2),
            "over_sharpened": round(float((got - rivals[1]).mean()), 2),
            "better_than_both": round(float((got > np.maximum(*rivals)).mean()), 3),
            "low_kept": round(float(decibels(small(made), low).mean()), 1),
            "seconds": round(seconds, 3), "processor_seconds": round(work, 3),
        })  # fmt: skip
        shown = made if (steps, noise) == (4, 0.0) else shown
    plain, sharp = (round(float(r.mean()), 2) for r in rivals)
    numbers = {"drawings": len(true), "bicubic": plain, "sharpened": sharp, "rows": rows}
    return numbers | {"threads": torch.get_num_threads()}, shown


def sheet(true: np.ndarray, made: np.ndarray, n: int = 12) -> bytes:
    """A PNG of n drawings: a row each of bicubic, sharpened, ours, true."""
    chosen = np.linspace(0, len(true) - 1, n).astype(int)
    low = small(true[chosen])
    rows = [[bicubic(x), sharpened(x), y, z] for x, y, z in zip(low, made[chosen], true[chosen], strict=True)]
    return png(grid(np.stack([tile for row in rows for tile in row]), 4, gap=4))


def table(numbers: dict, megabytes: float) -> str:
    """The numbers as text, with what is wanted."""
    lines = [
        f"{numbers['drawings']} drawings never seen: bicubic {numbers['bicubic']} dB, Lanczos sharpened {numbers['sharpened']} dB"
    ]
    for r in numbers["rows"]:
        lines.append(
            f"{r['steps']} steps, noise {r['noise']:g}: {r['psnr']} dB, {r['over_bicubic']:+} over bicubic, {r['over_sharpened']:+} "
            f"over sharpened, better than both {r['better_than_both']:.1%}, {r['seconds']} s ({r['processor_seconds']} of processor time); the small picture kept to {r['low_kept']} dB"
        )
    lines.append(f"wanted at 4 steps: {WANTED:+} over both, {SECONDS} s, {MEGABYTES} MB; it takes {megabytes:.2f} MB")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    args = parse(argv)
    try:
        source, model = drawings(args.cache, args.data), load(NAME, args.device, args.folder)
    except (FileNotFoundError, ModelError) as e:
        raise SystemExit(str(e)) from None
    pairs = source.pairs(unseen(source.slugs)[0])[: args.drawings]
    true = source.take(pairs)
    numbers, made = measure(model, true, args.seed, args.steps, args.noises)
    about = card(NAME, args.folder)
    size = sum((args.folder / NAME / file).stat().st_size for file in about["sha256"]) / 1e6
    numbers |= {"megabytes": round(size, 2), "device": model.device.type}
    print(table(numbers, size))
    if args.sheet:
        args.sheet.write_bytes(sheet(true, made))
    if args.save:
        args.save.write_text(json.dumps(numbers, indent=1) + "\n")
    if args.save_card:
        write_card(args.folder / NAME / "card.json", about | {"metrics": numbers})


if __name__ == "__main__":
    main()
