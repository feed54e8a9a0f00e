"""The first weights of networks, from a generator, so that a training repeats and the common random numbers stay as they are."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

N = TypeVar("N", bound=nn.Module)


def begun(make: Callable[[], N], source: torch.Generator) -> N:
    """The network of `make()`. Its first weights have torch's own distribution, but come from a generator."""
    with torch.random.fork_rng(devices=[]):  # the layers draw weights when they are made
        net = make()
    return net.apply(lambda layer: _begin(layer, source))


@torch.no_grad()
def _begin(layer: nn.Module, source: torch.Generator) -> None:
    if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        bound = layer.weight[0].numel() ** -0.5
        for p in (layer.weight, layer.bias):
            p.uniform_(-bound, bound, generator=source)
    elif isinstance(layer, nn.Embedding):
        layer.weight.normal_(generator=source)
