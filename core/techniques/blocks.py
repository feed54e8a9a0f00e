"""A look inside of a network while it is called: what chosen blocks put out, their feature maps, and how much they change."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy

import torch
from torch import Tensor, nn

Watch = Callable[[nn.Module], AbstractContextManager]
"""A network -> what is entered around each of its calls, under its lock."""


class Watchable:
    """A denoiser around one network, which it calls inside of `watch`."""

    watch: Watch = staticmethod(nullcontext)

    def watching(self, watch: Watch) -> "Watchable":
        """The same denoiser and network; in calls of this denoiser alone the network is watched."""
        twin = copy(self)
        twin.watch = watch
        return twin


class Outputs:
    """A Watch that keeps what chosen modules put out in the last call.

    Args:
        names: their paths.
        rows: the last rows of the batch that are kept.
    """

    def __init__(self, names: Sequence[str], rows: int):
        self.names, self.rows = names, rows
        self.found: dict[str, Tensor] = {}

    @contextmanager
    def __call__(self, net: nn.Module) -> Iterator[None]:
        hooks = [
            net.get_submodule(name).register_forward_hook(lambda m, a, out, name=name: self._keep(name, out))
            for name in self.names
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _keep(self, name: str, out: Tensor) -> None:
        self.found[name] = out[-self.rows :].detach().float()

    def take(self) -> dict[str, Tensor]:
        """(rows, ...) by name, since the last time."""
        found, self.found = self.found, {}
        return found


def change(pair: Tensor) -> float:
    """How far the second of two outputs (2, ...) is from the first, over the size of the first: |b - a| / |a|."""
    a, b = pair.flatten(1)
    return float((b - a).norm() / a.norm().clamp(min=1e-12))


def normalised(maps: Tensor, channels: int) -> Tensor:
    """The first channels of outputs (B, C, h, w) as (B, c, h, w) uint8, each from its least to its most over all B.

    One value per channel, (B, C, 1, 1) or (B, C), becomes one map with a place for each of all C, sixteen in a row.
    """
    if maps.dim() == 2 or maps.shape[-2:] == (1, 1):
        flat = maps.flatten(1)
        maps = flat.view(len(flat), 1, -1, 16 if flat.shape[1] % 16 == 0 else flat.shape[1])
    maps = maps[:, :channels]
    low, high = maps.amin((0, 2, 3), keepdim=True), maps.amax((0, 2, 3), keepdim=True)
    return (255 * (maps - low) / (high - low).clamp(min=1e-12)).round().to(torch.uint8)
