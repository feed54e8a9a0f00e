"""Distil a student of few steps and write its checkpoint, resuming where it stopped:  python -m training.distil NAME"""

import argparse
import dataclasses
import json
from pathlib import Path

from core.checks import ModelError
from training.distil_publish import publish
from training.distil_recipes import RECIPES
from training.distil_run import Run
from training.state import parsed


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", choices=RECIPES)
    for name, kind in (("steps", int), ("batch", int), ("lr", float), ("ema", float), ("chunks", int), ("renew", int)):
        p.add_argument(f"--{name}", type=kind, help=f"another value than the recipe's {name}")
    p.add_argument("--optimiser", choices=("muon", "adam"), help="another optimiser than the recipe's")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--fp32", action="store_true", help="no bfloat16 autocast")
    p.add_argument("--check-every", type=float, default=240, help="seconds between quick looks at its digits")
    p.add_argument("--work", type=Path, default=Path(".training"), help="folder for the resumable state and the paths")
    return parsed(p, argv)


def main(argv: list[str] | None = None) -> None:
    """Train, measure and write one student."""
    args = parse(argv)
    numbers = "steps", "batch", "optimiser", "lr", "ema", "chunks", "renew"
    changes = {n: v for n in numbers if (v := getattr(args, n)) is not None}
    try:
        recipe = dataclasses.replace(RECIPES[args.name], **changes)
        run = Run(recipe, args.work / args.name, args.seed, args.device, not args.fp32)
    except (ValueError, ModelError) as e:  # the state of another run, no teacher
        raise SystemExit(str(e)) from None
    run.train(args.check_every, save_every=120)
    print(json.dumps(publish(run)["metrics"], indent=1))


if __name__ == "__main__":
    main()
