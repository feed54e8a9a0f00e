"""Name the style of a drawing, with a small network that sees texture more than content.

It learns from four fifths of the real drawings of each style, in a minute or two. The others measure its accuracy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.datasets.pictures import unit

EPOCHS, BATCH, RATE = 5, 64, 3e-3
TOLD = 5  # one in so many drawings tells the accuracy
NOISE = 0.15
"""The largest standard deviation of the noise, of a range of 2, under which it learns: samples are not as clean as drawings."""


def network(styles: int) -> nn.Sequential:
    """Four convolutions, all but the first to half of the side, then the means of the features. (B, 3, 64, 64) -> (B, styles)."""
    layers, c = [], 3
    for wide, stride in ((24, 1), (48, 2), (64, 2), (96, 2)):
        layers += [nn.Conv2d(c, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
        c = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, styles))


@dataclass(frozen=True)
class StyleJudge:
    """A fitted judge.

    Args:
        styles: their S names, in the order of the network's logits.
        net: (B, 3, 64, 64) in [-1, 1] -> (B, S).
        accuracy: the share of real drawings that it is right about, among those it was not fitted to.
    """

    styles: tuple[str, ...]
    net: nn.Module
    accuracy: float

    @classmethod
    def of(cls, drawings: Mapping[str, np.ndarray], epochs: int = EPOCHS) -> "StyleJudge":
        """Fitted to real drawings, (N, 64, 64, 3) uint8 by style; the same one whenever it is asked for."""
        styles, pixels = tuple(drawings), np.concatenate(list(drawings.values()))
        labels = torch.cat([torch.full((len(x),), i) for i, x in enumerate(drawings.values())])
        told = torch.cat([torch.arange(len(x)) % TOLD == TOLD - 1 for x in drawings.values()])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = fit(network(len(styles)), pixels[~told.numpy()], labels[~told], epochs)
        right = answers(net, pixels[told.numpy()]) == labels[told]
        return cls(styles, net, round(right.float().mean().item(), 4))

    def named(self, pixels: np.ndarray) -> list[str]:
        """The style of each picture, (N, 64, 64, 3) uint8."""
        return [self.styles[i] for i in answers(self.net, pixels).tolist()]


def fit(net: nn.Module, pixels: np.ndarray, labels: Tensor, epochs: int) -> nn.Module:
    """Train a network on (N, 64, 64, 3) uint8 and (N,) labels, with flips and noise; returns it for inference."""
    steps = epochs * -(-len(pixels) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps)
    order = torch.cat([torch.randperm(len(pixels)) for _ in range(epochs)])
    for some in order.chunk(steps):
        x = unit(torch.from_numpy(pixels[some.numpy()]))
        x = x.flip(3) if torch.rand(()) < 0.5 else x
        x = (x + NOISE * torch.rand(len(x), 1, 1, 1) * torch.randn_like(x)).clamp(-1, 1)
        optimiser.zero_grad()
        F.cross_entropy(net(x), labels[some]).backward()
        optimiser.step()
        schedule.step()
    return net.eval().requires_grad_(False)


def answers(net: nn.Module, pixels: np.ndarray) -> Tensor:
    """(N,) the most likely class of each picture, (N, 64, 64, 3) uint8."""
    return torch.cat(
        [net(unit(torch.from_numpy(some))).argmax(1) for some in np.array_split(pixels, len(pixels) // 500 + 1)]
    )
