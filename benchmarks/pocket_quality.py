"""Pocket against its targets: drawings, photos, guidance, speed.  python -m benchmarks.pocket_quality

Drawings and photos are judged against the data sets in the folder of the variable DIFFUSION_DATA; `--photos FILE.npz`
(uint8, N x 64 x 64 x 3) takes any photos for the denoising figures instead, and `--save FILE.npz` keeps the samples
with their prompts for other judges.
"""

import argparse
import datetime
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.pocket_judges import judged, named_right, to_training
from benchmarks.pocket_kinds import kinds, of_all_kinds, trained_on
from benchmarks.pocket_styles import never_seen, spread, styles
from core.checks import ModelError
from core.datasets import DATA_VARIABLE, data_folder
from core.datasets.pictures import HELD_OUT, SIDE, photos, unit
from core.diffusion.guidance import Interval, steps_within
from core.models.cards import write_card
from core.models.device import DEVICES
from core.models.registry import CHECKPOINTS, card, load
from core.pictures.images import to_uint8
from core.runs.prompts import default_guidance
from core.runs.sampling import THIRDS, draw
from core.techniques.filters import best_blur, one_step, psnr

STEPS = 30
LEVELS = (250, 500, 750)
STRONG = 7.0  # the guidance of when-to-guide
EARLY, MIDDLE, LATE = THIRDS
STRETCHES = {"throughout": None, "early": EARLY, "middle": MIDDLE, "late": LATE, "not late": (EARLY[0], MIDDLE[1])}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="auto", choices=DEVICES)
    p.add_argument("--drawings", type=int, default=200, help="names to draw, in each style")
    p.add_argument("--samples", type=int, default=200, help="photos behind every row of when-to-guide")
    p.add_argument("--per-kind", type=int, default=10, help="photos drawn of each kind, at the best guidance")
    p.add_argument("--held-out", type=int, default=200, help="photos denoised")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--batch", type=int, default=50)
    p.add_argument("--bf16", action="store_true", help="the network in bfloat16, faster where the hardware has it")
    p.add_argument("--photos", type=Path, help="an .npz of uint8 photos, N x 64 x 64 x 3, for the denoising figures")
    p.add_argument("--save", type=Path, help="keep the samples and their prompts in this .npz")
    p.add_argument("--save-card", action="store_true", help="write the numbers on the model's card")
    p.add_argument("--only", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK", help=", ".join(TASKS))
    args = p.parse_args(argv)
    if args.photos and not args.photos.exists():
        p.error(f"There is no file {args.photos}.")
    if args.save and not args.save.parent.is_dir():
        p.error(f"There is no folder {args.save.parent}.")
    try:
        args.pixels = read_photos(args.photos) if args.photos else None
    except ValueError as e:
        p.error(str(e))
    return args


def read_photos(file: Path) -> Tensor:
    """The photos (N, 64, 64, 3) uint8 of an .npz. Raises ValueError with one sentence if they are anything else."""
    try:
        pixels = next(iter(np.load(file).values()))
    except (OSError, EOFError, ValueError, AttributeError, StopIteration, zipfile.BadZipFile):
        pixels = np.empty(0)
    if pixels.dtype != np.uint8 or pixels.shape[1:] != (SIDE, SIDE, 3) or not len(pixels):
        raise ValueError(f"{file} is not an .npz of uint8 photos, N x {SIDE} x {SIDE} x 3.")
    return torch.from_numpy(pixels)


class Bench:
    """Shared by the tasks: the model, the arguments and all samples."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.model, self.card = args, load("pocket", args.device), card("pocket")
        self.prompts: list[str] = []
        self.drawn: list[np.ndarray] = []

    def samples(
        self, prompts: list[str], guidance: float, interval: Interval | None = None, apart: int = 0
    ) -> np.ndarray:
        """One picture per prompt, (N, 64, 64, 3) uint8, picture k from seed + apart + k; guidance may be on in an interval alone."""
        out = []
        for first in tqdm(range(0, len(prompts), self.args.batch), desc=f"guidance {guidance:g}", leave=False):
            some = prompts[first : first + self.args.batch]
            with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.args.bf16):
                *_, last = draw(self.model, some, guidance, STEPS, self.args.seed + apart + first, interval)
            out.append(to_uint8(last.x_t, -1, 1))
        return np.concatenate(out)

    def keep(self, prompts: list[str], pixels: np.ndarray) -> None:
        """Remember samples for --save."""
        self.prompts += prompts
        self.drawn.append(pixels)


def denoising(bench: Bench) -> dict:
    """PSNR of the one-step estimate against the best Gaussian blur, by noise level.

    The blur is applied to x_t itself, as in the course, and to x_t / a_t, at its right brightness, which is harder to
    beat.
    """
    pixels = bench.args.pixels
    if pixels is None:
        tiles, _ = photos()
        pixels = tiles[:, -HELD_OUT:].reshape(-1, SIDE, SIDE, 3)
        pixels = pixels[:: max(1, len(pixels) // bench.args.held_out)]
    clean = unit(pixels[: bench.args.held_out])
    rows = {}
    for level in LEVELS:
        g = torch.Generator().manual_seed(bench.args.seed + level)
        found = []
        for x in clean.split(bench.args.batch):
            t = torch.full((len(x),), level)
            x_t = bench.model.schedule.forward(x, t, torch.randn(x.shape, generator=g))
            cond = bench.model.encode(["a high quality photo"] * len(x))
            there = bench.model.device
            ours = one_step(bench.model, x_t.to(there), t.to(there), cond).cpu()
            blurred = [best_blur(noisy, x)[0] for noisy in (x_t, x_t / bench.model.schedule.at(t, x)[0])]
            found.append(torch.stack([psnr(y, x) for y in (ours, *blurred)]))
        db = dict(zip(("one_step", "blur", "scaled_blur"), torch.cat(found, 1).mean(1).tolist(), strict=True))
        rows[str(level)] = row = {name: round(v, 2) for name, v in db.items()}
        row |= {f"over_{name}": round(db["one_step"] - db[name], 2) for name in ("blur", "scaled_blur")}
        print(
            "photos, t = {t}: one step {one_step:.2f} dB; over the best blur of x_t {over_blur:+.2f} dB, over that of "
            "x_t / a_t {over_scaled_blur:+.2f} dB".format(t=level, **row)
        )
    return rows | {"photos": len(clean), "source": bench.args.photos.name if bench.args.photos else "held out"}


def when_to_guide(bench: Bench) -> dict:
    """Photos from the same noises with strong guidance in a part of the run: accuracy, Frechet distance, and
    network evaluations per photo."""
    prompts, asked = of_all_kinds(bench.card["photos"], bench.args.samples)
    rows, train, visits = {}, trained_on(tuple(bench.card["photos"])), bench.model.schedule.timesteps(STEPS)
    for name, interval in STRETCHES.items():
        features, logits = judged(bench.samples(prompts, STRONG, interval))
        rows[name] = row = named_right(logits, asked)
        row["frechet"] = to_training(features, train)
        row["asked"] = STEPS + steps_within(interval or (visits[0], 0), visits)
        print("guidance {:g} {}: class right {top_1:.1%}, among five {top_5:.1%}, of {n}; Frechet {frechet}; {asked} "
              "evaluations".format(STRONG, name, **row))  # fmt: skip
    return {"guidance": STRONG} | rows


LOADING = """
import sys, time, resource
import torch
from core.models.registry import load
started = time.perf_counter(); model = load("pocket", "{device}"); loaded = time.perf_counter() - started
from core.runs.sampling import THIRDS, draw
list(draw(model, ["an emoji of a rose"], {guidance}, 2, 0))
started = time.perf_counter(); list(draw(model, ["an emoji of a rose"], {guidance}, {steps}, 0))
seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(loaded, seconds, peak / (2**30 if sys.platform == "darwin" else 2**20))  # in bytes on macOS, else in kilobytes
"""


def speed(bench: Bench) -> dict:
    """In a separate process: seconds to load, seconds for one guided picture, peak memory in GB."""
    code = LOADING.format(device=bench.args.device, guidance=default_guidance("pocket"), steps=STEPS)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    load_s, picture_s, memory = (round(float(v), 2) for v in done.stdout.split())
    print(f"speed: loaded in {load_s} s, one picture of {STEPS} guided steps in {picture_s} s, {memory} GB at the peak")
    return {
        "load_seconds": load_s,
        "picture_seconds": picture_s,
        "memory_gb": memory,
        "threads": torch.get_num_threads(),
    }


TASKS = {
    "denoising": denoising,
    "when-to-guide": when_to_guide,
    "speed": speed,
    "styles": styles,
    "never-seen": never_seen,
    "spread": spread,
    "kinds": kinds,
}


def main(argv: list[str] | None = None) -> None:
    """Run the requested measurements and print them; keep samples and numbers on request."""
    args = parse(argv)
    photos64, five = "photos64/classes.tsv", "drawings256/names.tsv"
    needs = dict.fromkeys(("styles", "never-seen", "spread"), five)
    needs |= dict.fromkeys(("when-to-guide", "kinds"), photos64) | ({} if args.photos else {"denoising": photos64})
    try:
        bench = Bench(args)
    except ModelError as e:
        raise SystemExit(str(e)) from None
    metrics: dict = {}
    for name in args.only:
        if name in needs and not (data_folder() / needs[name]).exists():
            print(f"Skipped {name}: it needs the data sets; set {DATA_VARIABLE}.")
            continue
        metrics[name] = TASKS[name](bench)
    if args.save and bench.drawn:
        np.savez_compressed(args.save, images=np.concatenate(bench.drawn), prompts=np.array(bench.prompts))
    if args.save_card:
        path = CHECKPOINTS / "pocket" / "card.json"
        fresh = json.loads(path.read_text())
        fresh["metrics"] |= metrics | {"date": datetime.date.today().isoformat(), "steps": STEPS}
        write_card(path, fresh)


if __name__ == "__main__":
    main()
