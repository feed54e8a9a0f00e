"""Train pocket-up, 64 to 256 pixels, resuming where it stopped:  python -m training.train_upsampler --minutes 90

On one core of a CPU:  OMP_NUM_THREADS=1 nice -n 15 python -m training.train_upsampler --minutes 90
Then write the checkpoint:  python -m training.publish_upsampler
And measure it:  python -m benchmarks.upsampler_quality --save-card
"""

import argparse
import dataclasses
import math
from pathlib import Path

from core.datasets import DATA_VARIABLE
from training.state import parsed
from training.upsampler_run import Recipe, Run


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    budget = p.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int, help="how many steps to train")
    budget.add_argument("--minutes", type=float, help="how long to train, over all parts of the run")
    p.add_argument("--widths", type=int, nargs=3, default=Recipe.widths, help="channels at 64x64, 32x32, 16x16")
    p.add_argument("--depths", type=int, nargs=5, default=Recipe.depths, help="blocks on the way down and up again")
    p.add_argument("--photo-share", type=float, default=Recipe.photo_share, help="share of photos in a batch, 0 - 1")
    p.add_argument("--batch", type=int, default=Recipe.batch, help="crops per step")
    p.add_argument("--optimiser", choices=("muon", "adamw"), default=Recipe.optimiser)
    p.add_argument("--lr", type=float, default=Recipe.lr)
    p.add_argument("--ema", type=float, default=Recipe.ema)
    p.add_argument("--init", default=Recipe.init, help="the folder of a checkpoint of this shape to begin with")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--fp32", action="store_true", help="no bfloat16 autocast")
    p.add_argument("--check-every", type=float, default=300, help="seconds between validations")
    p.add_argument(
        "--data", help=f"folder with drawings256 and photos64 (default: the variable {DATA_VARIABLE}, else ./data)"
    )
    p.add_argument("--work", type=Path, default=Path(".training/upsampler"), help="folder for state and cache")
    args = parsed(p, argv)
    # not as defaults, which argparse cannot tell from a --steps 0 that was given
    args.steps, args.minutes = args.steps or 0, args.minutes or 0.0
    if not 0 < (args.steps or args.minutes) < math.inf:
        p.error("The budget, --steps or --minutes, must be a finite number above 0.")
    return args


def main(argv: list[str] | None = None) -> None:
    """Train until the budget is used."""
    args = parse(argv)
    asked = {f.name: getattr(args, f.name) for f in dataclasses.fields(Recipe) if f.name in args}
    recipe = Recipe(**asked | {"widths": tuple(args.widths), "depths": tuple(args.depths)})
    try:
        run = Run(recipe, args.work, args.seed, args.device, not args.fp32, args.data)
    except (FileNotFoundError, ValueError) as e:
        raise SystemExit(str(e)) from None
    run.train(check_every=args.check_every)


if __name__ == "__main__":
    main()
