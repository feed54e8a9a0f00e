"""Trainings that people watch: made to go on, and compared."""

import torch

from core.runs.digit_data import DigitSet
from core.runs.live_training import LiveTraining


def bars(n: int = 80) -> DigitSet:
    """A stand-in for MNIST that follows from nothing: bars at a place that tells the class."""
    labels = torch.arange(n) % 10
    x = torch.zeros(n, 1, 28, 28, dtype=torch.uint8)
    for row, k in zip(x, labels.tolist(), strict=True):
        row[:, 4:24, 2 * k + 3 : 2 * k + 6] = 255
    return DigitSet(x[10:], labels[10:], x[:10], "bars")


def updated(this: LiveTraining, n: int) -> LiveTraining:
    """The training after n more updates; its generator is closed then, as after Pause."""
    updates = this.updates()
    for _ in zip(range(n), updates, strict=False):
        pass
    updates.close()
    return this


def weights(this: LiveTraining) -> dict[str, torch.Tensor]:
    """All that determines how it goes on."""
    state = {f"net {k}": v for k, v in this.net.state_dict().items()}
    state |= {f"average {k}": v for k, v in this.average.shadow.items()}
    for k, values in this.optimiser.state_dict()["state"].items():
        state |= {f"optimiser {k} {name}": value for name, value in values.items()}
    return {k: v.clone() for k, v in state.items()}


def same(a: dict, b: dict) -> bool:
    """Whether two of `weights` are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
