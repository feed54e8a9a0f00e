"""Write checkpoints/README.md, the provenance table, from the cards:  python -m training.provenance"""

import json
from pathlib import Path

from core.registry import CHECKPOINTS, MODELS
from training.mnist_recipes import RECIPES

HEAD = """# Checkpoints

Made by the commands in `training/`, from the data named on each card, and by nothing else. Weights are fp16 safetensors;
`card.json` beside them holds architecture, recipe, seed, loss curve, metrics and the checksum that is compared at loading.
`epoch-NN.png` are samples after NN epochs, all from the same noise; samplers also have their trajectories as `.gif`.
`classifier/features.safetensors` holds the mean and covariance of its features over MNIST's training and test digits,
for the Frechet distance. The published recipe is that of the course (CS 180, project 5, part B), in
`training/mnist_recipes.py`; pocket and the photo classifier are this project's own. Held-out losses are mean squared
errors of what each network predicts (for the classifier: cross-entropy), so they compare only within one kind. This file
is written by `python -m training.provenance`.

"""
DATA = """
Digits: trained on MNIST, 60,000 training digits (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0).

Pocket: trained on Noto Emoji (Google; Apache 2.0) and on Tiny ImageNet's training photos (Stanford CS231n, cut from
ImageNet; for research and education); the photo classifier on the same photos. 2 % of the photos were held out. Weights
trained on these photos are for research and teaching; this project has no ties to ImageNet's owners. No picture of any
data set is part of this repository.
"""
COLUMNS = (
    "checkpoint",
    "what",
    "parameters",
    "command",
    "hardware and time",
    "held-out loss",
    "differs from the published recipe",
)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def command(card: dict) -> str:
    """The command line that made a checkpoint; a shorter run stretches the decay by itself."""
    if "command" in card:
        return card["command"]
    published, used = RECIPES[card["name"]], card["recipe"]
    stretched = published.decay ** (published.epochs / used["epochs"])
    flags = ["epochs", "hidden", "lr", "init"] + ["decay"] * (abs(used["decay"] - stretched) > 1e-9)
    words = [f"--{k} {used[k]}" for k in flags if used.get(k, "") != getattr(published, k)]
    return " ".join(["python -m training.train_mnist", card["name"], *words, f"--seed {card['seed']}"])


def row(card: dict) -> str:
    """One card as a row of the table."""
    differs = "; ".join(
        f"{k} {_short(v['used'])}, not {_short(v['published'])}"
        for k, v in card.get("differs_from_published", {}).items()
    )
    hardware = card.get("hardware") or f"{card['device']}, {card['training_seconds'] / 60:.0f} min, {card['precision']}"
    loss = card["metrics"].get("held_out_loss")
    cells = (
        f"`{card['name']}`",
        MODELS[card["name"]].title,
        f"{card['architecture']['parameters']:,}",
        f"`{command(card)}`",
        hardware,
        f"{loss:.4f}" if loss else "see the card",
        differs or card.get("reached") or "no",
    )
    return "| " + " | ".join(cells) + " |"


def write(folder: Path = CHECKPOINTS) -> None:
    """The table of every checkpoint that is there."""
    cards = [json.loads(p.read_text()) for name in MODELS if (p := folder / name / "card.json").exists()]
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS), *map(row, cards)]
    (folder / "README.md").write_text(HEAD + "\n".join(lines) + "\n" + DATA)


if __name__ == "__main__":
    write()
