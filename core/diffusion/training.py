"""Training as a generator of Progress, one update each: the commands of `training/` and the live tabs consume it alike.

It holds no state but what it is given, so whoever consumes it decides when to stop, to pause, to measure and to save.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Progress:
    """One update.

    Args:
        step: the number of updates so far, counted from 1.
        loss: () the loss before the update, without a gradient, on its device; of P players (P,).
    """

    step: int
    loss: Tensor


class Ema:
    """Exponential moving average of a network's parameters and buffers, with a warm-up.

    Args:
        decay: the weight of the past once warmed up; after n updates it is min(decay, (1 + n) / (warm + n)).
    """

    def __init__(self, net: nn.Module, decay: float, warm: int = 10):
        self.decay, self.warm = decay, warm
        self.shadow = {k: v.detach().clone() for k, v in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, n: int) -> None:
        """Update the average with the network's weights after n updates."""
        keep = min(self.decay, (1 + n) / (self.warm + n))
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                self.shadow[key].lerp_(value, 1 - keep)
            else:
                self.shadow[key].copy_(value)


@torch.enable_grad()
def train(
    net: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    losses: Callable[[int], Tensor] | Sequence[Callable[[int], Tensor]],
    rate: Callable[[int], float],
    start: int = 0,
    average: Ema | None = None,
    backward: Callable[[Tensor], None] = Tensor.backward,
) -> Iterator[Progress]:
    """Update a network for as long as Progress is asked for.

    Args:
        optimisers: each steps some of the network's parameters.
        losses: update k = 0, 1, ... -> () the loss of its batch. It draws all random numbers from k, so that a run that
            was stopped repeats. Of players that learn against each other, one each: in an update they move one after
            the other, and each sees to it that its loss has a gradient for its own weights alone.
        rate: k -> the learning rate.
        start: the number of updates before this call.
        average: updated along with the network.
        backward: how the gradient is computed, such as `clipped`.
    """
    players = [losses] if callable(losses) else losses
    for k in itertools.count(start):
        for group in (group for o in optimisers for group in o.param_groups):
            group["lr"] = rate(k)
        values = []
        for loss in players:
            value = loss(k)
            net.zero_grad()
            backward(value)
            for optimiser in optimisers:  # leaves weights without a gradient as they are
                optimiser.step()
            values.append(value.detach())
        if average is not None:
            average.update(net, k + 1)
        yield Progress(k + 1, torch.stack(values) if len(values) > 1 else values[0])


def clipped(
    net: nn.Module, largest: float, backward: Callable[[Tensor], None] = Tensor.backward
) -> Callable[[Tensor], None]:
    """`backward` of a loss, and then the gradient's norm is at most `largest`; accelerate has a `backward` of its own."""

    def limited(loss: Tensor) -> None:
        backward(loss)
        nn.utils.clip_grad_norm_(net.parameters(), largest)

    return limited


class Curve:
    """The mean loss of every `every` updates, as points [step, loss], or [step, loss of each player]; adding a loss does
    not wait for the device.

    Args:
        points: of an earlier part of the run.
        pending: (n,) losses since the last point; of P players (n, P).
    """

    def __init__(self, every: int, points: Sequence = (), pending: Tensor | None = None):
        self.every, self.points = every, [list(p) for p in points]
        self.pending = [] if pending is None else list(pending)

    def add(self, progress: Progress) -> None:
        """Take one more update into the curve."""
        self.pending.append(progress.loss)
        if progress.step % self.every == 0:
            self.points.append([progress.step, *torch.stack(self.pending).mean(0).flatten().tolist()])
            self.pending = []
