"""Trainings that people watch: made to go on, and compared."""

import torch

from core.runs.live_training import LiveTraining


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
