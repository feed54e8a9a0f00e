"""The options that the benchmarks' command lines share."""

import argparse
from pathlib import Path

from core.checks import ModelError, whole
from core.diffusion.noise import MAX_SEED
from core.models.device import DEVICES, pick_device


def options(doc: str, what: str, n: int, out: Path) -> argparse.ArgumentParser:
    """A command line with --device, --WHAT, --seed, --bf16 and --out.

    Args:
        doc: of the benchmark.
        what: "digits" or "photos", and how many there are behind every row unless told otherwise.
        out: the table that the benchmark updates.
    """
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--device", default="auto", choices=DEVICES)
    p.add_argument(f"--{what}", type=int, default=n, help=f"{what} behind every row")
    p.add_argument("--seed", type=int, default=0, help=f"of the first of the {what}; number k has seed + k")
    p.add_argument("--bf16", action="store_true", help="draw in bfloat16; timings stay in float32, as the app runs")
    p.add_argument("--out", type=Path, default=out, help="the table to update")
    return p


def parsed(p: argparse.ArgumentParser, argv: list[str] | None, *counts: str) -> argparse.Namespace:
    """The command line; impossible requests are refused in one sentence.

    Args:
        counts: the options that are numbers of pictures.
    """
    args = p.parse_args(argv)
    if not args.out.parent.is_dir():
        p.error(f"There is no folder {args.out.parent}.")
    try:
        pick_device(args.device)
        whole(args.seed, 0, MAX_SEED, "--seed")
        for name in counts:
            whole(getattr(args, name.replace("-", "_")), 2, 100_000, f"--{name}")
    except (ModelError, ValueError) as e:
        p.error(str(e))
    return args
