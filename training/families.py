"""Measure the three families in the same way:  python -m training.families [--data FOLDER]

Publishing writes the measures on the cards. This command repeats them for the published models.
"""

import argparse
import json
import time
from collections.abc import Sequence
from statistics import fmean

import torch
from torch import Tensor
from tqdm import tqdm

from core.datasets.mnist import mnist, unit
from core.diffusion.denoiser import Denoiser
from core.diffusion.noise import generator
from core.models.cards import write_card
from core.models.mnist import CLASSES
from core.models.mnist_families import OneCall
from core.models.registry import CHECKPOINTS, load
from core.models.scores import Statistics, accuracy, frechet_distance, judge, reference
from core.models.variety import copies, coverage
from core.runs.families import FAMILIES, drawn

EACH = 200
"""Digits of each class."""
LABELS = torch.arange(CLASSES).repeat(EACH)
AT_ONCE = 100
ROUNDS = 7


class Judge:
    """The references for digits: the classifier, EACH test digits of every class, and all training digits."""

    def __init__(self, data: str | None = None):
        images, labels = mnist(False, data)
        order = torch.randperm(len(labels), generator=generator(0))
        rows = torch.stack([order[labels[order] == k][: 2 * EACH] for k in range(CLASSES)], 1)  # (2 EACH, 10)
        x = unit(images[rows.flatten()])
        self.classifier, self.training = load("classifier", "cpu"), unit(mnist(True, data)[0]).flatten(1)
        self.real = judge(self.classifier, x[: len(LABELS)])[1]
        self.others = x[len(LABELS) :]
        """(10 EACH, 1, 28, 28) more test digits, of the classes LABELS."""

    def look(self, x: Tensor) -> dict:
        """The measures of digits (10 EACH, 1, 28, 28) in [0, 1] that should be of the classes LABELS."""
        named, features = judge(self.classifier, x)
        varied = [round(coverage(self.real[k::CLASSES], features[k::CLASSES]), 3) for k in range(CLASSES)]
        return {
            "accuracy": round(accuracy(named, LABELS), 4),
            "frechet": round(frechet_distance(Statistics.of(features), reference()), 3),
            "coverage": round(fmean(varied), 3),
            "coverage_by_class": varied,
            "copies": round(copies(x.flatten(1), self.training), 3),
        }


def measured(model: OneCall | Denoiser, seed: int, data: str | None = None) -> dict:
    """The metrics on the card of one family; the same of real digits; and the time of one core for a digit."""
    held = Judge(data)
    found = {"digits": len(LABELS), **held.look(_drawn(model, seed)), "real_digits": held.look(held.others)}
    return found | {"milliseconds_a_digit": round(milliseconds(model, seed), 3)}


@torch.autocast("cpu", torch.bfloat16)
def _drawn(model: OneCall | Denoiser, seed: int) -> Tensor:
    """(10 EACH, 1, 28, 28) digits of the classes LABELS, AT_ONCE together, in the fast way of the benchmarks."""
    parts = tqdm(LABELS.split(AT_ONCE), desc="drawing", unit="batch", leave=False)
    return torch.cat([drawn(model, part.tolist(), seed + k * AT_ONCE) for k, part in enumerate(parts)])


def milliseconds(model: OneCall | Denoiser, seed: int) -> float:
    """The time of one core for a digit, of ten drawn together: the shortest of ROUNDS, since others may use the machine."""
    took = []
    for _ in range(ROUNDS):
        started = time.process_time()
        drawn(model, list(range(CLASSES)), seed)
        took.append(time.process_time() - started)
    return 1000 * min(took) / CLASSES


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what ships, and write it on the cards."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", help="folder that holds MNIST/raw (default: the variable DIFFUSION_DATA, else ./data)")
    args = p.parse_args(argv)
    for name in FAMILIES:
        path = CHECKPOINTS / name / "card.json"
        card = json.loads(path.read_text())
        card["metrics"] |= measured(load(name, "cpu"), card["seed"], args.data)
        write_card(path, card)
        print(name, json.dumps(card["metrics"]))


if __name__ == "__main__":
    main()
