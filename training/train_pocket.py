"""Train pocket, resuming where it stopped:  python -m training.train_pocket --minutes 20

On a GPU:            python -m training.train_pocket --minutes 20 --batch 512 --compile
On several GPUs:     accelerate launch -m training.train_pocket --minutes 20 --batch 512 --compile
On a CPU's N cores:  OMP_NUM_THREADS=1 torchrun --nproc_per_node N -m training.train_pocket --cpu --minutes 20
Then measure and write the checkpoint:  python -m training.publish_pocket
"""

import argparse
import dataclasses
import math
from pathlib import Path

from accelerate import Accelerator

from core.datasets.pictures import LISTS
from training.pocket_data import FIVE_STYLES
from training.pocket_run import Recipe, Run


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    budget = p.add_mutually_exclusive_group(required=True)
    budget.add_argument("--steps", type=int, help="how many steps to train")
    budget.add_argument("--minutes", type=float, help="how long to train, over all parts of the run")
    p.add_argument("--widths", type=int, nargs=3, default=Recipe.widths, help="channels at 32x32, 16x16, 8x8")
    p.add_argument("--depth", type=int, default=Recipe.depth, help="blocks per resolution")
    p.add_argument("--middle", type=int, default=Recipe.middle, help="blocks at 8x8 between down and up")
    p.add_argument("--emoji", choices=(*LISTS, "all", FIVE_STYLES), default=Recipe.emoji)
    p.add_argument("--photo-share", type=float, default=Recipe.photo_share, help="share of photos in a batch, 0 - 1")
    p.add_argument(
        "--favour", type=float, default=Recipe.favour, help="how often well-known things, or outlined drawings, come"
    )
    p.add_argument("--batch", type=int, default=Recipe.batch, help="pictures per step and process")
    p.add_argument("--optimiser", choices=("muon", "adamw"), default=Recipe.optimiser)
    p.add_argument("--lr", type=float, default=Recipe.lr)
    p.add_argument("--ema", type=float, default=Recipe.ema)
    p.add_argument("--init", default="", help="folder of a checkpoint to start from")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--cpu", action="store_true", help="stay on the CPU")
    p.add_argument("--fp32", action="store_true", help="no bfloat16 autocast")
    p.add_argument("--compile", action="store_true", help="compile the network first: pays on a GPU, not on a CPU")
    p.add_argument("--check-every", type=float, default=600, help="seconds between validations and sample sheets")
    p.add_argument("--data", help="folder with the data sets (default: the variable DIFFUSION_DATA, else ./data)")
    p.add_argument("--work", type=Path, default=Path(".training/pocket"), help="folder for the resumable state")
    args = p.parse_args(argv)
    # not as defaults, which argparse cannot tell from an explicit --steps 0
    args.steps, args.minutes = args.steps or 0, args.minutes or 0.0
    if not 0 < (args.steps or args.minutes) < math.inf:
        p.error("The budget, --steps or --minutes, must be a finite number above 0.")
    return args


def run_of(args: argparse.Namespace) -> Run:
    """The run of the command line, new or resumed.

    Raises:
        FileNotFoundError: a data set or the folder of --init is missing.
        ValueError: the folder of --work or --init holds another run or network.
    """
    accelerator = Accelerator(
        cpu=args.cpu,
        mixed_precision="no" if args.fp32 else "bf16",
        dynamo_backend="inductor" if args.compile else "no",
    )
    asked = {f.name: getattr(args, f.name) for f in dataclasses.fields(Recipe) if f.name in args}
    recipe = Recipe(**asked | {"widths": tuple(args.widths), "processes": accelerator.num_processes})
    return Run(recipe, args.work, args.seed, accelerator, args.data)


def main(argv: list[str] | None = None) -> None:
    """Train until the budget is used."""
    args = parse(argv)
    try:
        run = run_of(args)
    except (FileNotFoundError, ValueError) as e:
        raise SystemExit(str(e)) from None
    run.train(check_every=args.check_every)


if __name__ == "__main__":
    main()
