"""Train, measure and write one checkpoint of the MNIST family:  python -m training.train_mnist NAME"""

import argparse
import dataclasses
import json
from pathlib import Path

from core.checks import ModelError
from core.models.course import COURSE
from core.models.registry import MODELS
from training.mnist_recipes import RECIPES, Recipe
from training.mnist_run import Run
from training.publish import publish
from training.state import parsed

CHANGES = ("epochs", "hidden", "lr", "decay", "init")
"""The fields of a recipe that a command line can change."""


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", choices=RECIPES)
    p.add_argument("--epochs", type=int, help="another length than the recipe's; its decay is stretched to fit")
    p.add_argument("--hidden", type=int, help="another hidden size than the recipe's")
    p.add_argument("--lr", type=float, help="another learning rate than the recipe's")
    p.add_argument("--decay", type=float, help="another factor of the learning rate per epoch")
    p.add_argument("--init", choices=("ddpm-class", "flow-class"), help="start from this checkpoint, its class dropped")
    p.add_argument(
        "--course", action="store_true", help="the published recipe, for its figures alone: the weights stay here"
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--fp32", action="store_true", help="no bfloat16 autocast")
    p.add_argument("--data", help="folder that holds MNIST/raw (default: the variable DIFFUSION_DATA, else ./data)")
    p.add_argument("--work", type=Path, default=Path(".training"), help="folder for the resumable state")
    args = parsed(p, argv)
    if args.course and (MODELS[args.name].ours or any(getattr(args, change) for change in CHANGES)):
        p.error("--course trains a recipe that the course publishes, without any change.")
    return args


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The named recipe with the command line's changes; a shorter run has the same total decay."""
    recipe = RECIPES[args.name]
    if args.epochs:
        decay = recipe.decay ** (recipe.epochs / args.epochs)
        recipe = dataclasses.replace(recipe, epochs=args.epochs, decay=decay)
    changes = {name: value for name in CHANGES[1:] if (value := getattr(args, name))}
    return dataclasses.replace(recipe, **changes)


def main(argv: list[str] | None = None) -> None:
    """Train, evaluate and write one checkpoint."""
    args = parse(argv)
    folder = args.work / (args.name + COURSE * args.course)
    try:
        run = Run(recipe_of(args), folder, args.seed, args.device, not args.fp32, args.data)
    except (FileNotFoundError, ValueError, ModelError) as e:  # no data, the state of another run, no --init
        raise SystemExit(str(e)) from None
    run.train()
    card = publish(run)
    print(json.dumps(card["metrics"], indent=1))


if __name__ == "__main__":
    main()
