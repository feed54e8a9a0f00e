"""The hook of `core.techniques.attention` for the networks of diffusers, with whatever processor they have.

A processor calls torch's fused attention; for the time of one call that function calls the hook instead. IF's layers attend to
the text and to their own picture in one softmax: the keys are first the tokens, then the places.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from core.techniques.attention import Hook, numbered


def layers_to_words(net: nn.Module) -> dict[str, nn.Module]:
    """The attention layers of a UNet that read the text, by name: "down 32×32, 1", "middle 8×8"; outside a UNet's blocks by
    their names in the network."""
    from diffusers.models.attention_processor import Attention

    layers = {path: m for path, m in net.named_modules() if isinstance(m, Attention)}
    words = {path: m for path, m in layers.items() if m.added_kv_proj_dim or m.is_cross_attention}
    rooms = dict(_rooms(net)) if hasattr(net, "down_blocks") else {}
    names = [next((room for at, room in rooms.items() if path.startswith(f"{at}.")), path) for path in words]
    order = [*rooms.values(), *names].index
    found = sorted(zip(names, words.values(), strict=True), key=lambda pair: order(pair[0]))  # in the order of a call
    return dict(zip(numbered([name for name, _ in found]), [layer for _, layer in found], strict=True))


def _rooms(net: nn.Module) -> Iterator[tuple[str, str]]:
    """(name of a block in a UNet, "down 32×32") in the order of a call; blocks resize after they attend."""
    side = net.config.sample_size
    for k, block in enumerate(net.down_blocks):
        yield f"down_blocks.{k}", f"down {side}×{side}"
        side = -(-side // 2) if getattr(block, "downsamplers", None) else side
    yield "mid_block", f"middle {side}×{side}"
    for k, block in enumerate(net.up_blocks):
        yield f"up_blocks.{k}", f"up {side}×{side}"
        side = 2 * side if getattr(block, "upsamplers", None) else side


@contextmanager
def watching(net: nn.Module, hook: Hook | None) -> Iterator[None]:
    """Inside, every layer that reads the text calls the hook. Networks are shared: enter it for one call, under its lock."""
    layers = layers_to_words(net) if hook else {}
    before = {name: layer.processor for name, layer in layers.items()}
    for name, layer in layers.items():
        layer.processor = _Watching(layer.processor, name, hook)
    try:
        yield
    finally:
        for name, layer in layers.items():
            layer.processor = before[name]


class _Watching:
    """A processor that calls another one with the hook in the place of torch's attention."""

    def __init__(self, inner: Callable, name: str, hook: Hook):
        self.inner, self.name, self.hook = inner, name, hook

    def __call__(self, *args, **kwargs) -> torch.Tensor:
        with _Instead(self.name, self.hook):
            return self.inner(*args, **kwargs)


class _Instead(TorchFunctionMode):
    """In this thread, F.scaled_dot_product_attention calls the hook. A masked one has other weights and does not call
    it."""

    def __init__(self, name: str, hook: Hook):
        super().__init__()
        self.name, self.hook = name, hook

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: Mapping | None = None) -> Any:
        kwargs = kwargs or {}
        if func is not F.scaled_dot_product_attention or kwargs.get("attn_mask") is not None or len(args) > 3:
            return func(*args, **kwargs)
        parts = {"query": 0, "key": 1, "value": 2}
        q, k, v = (kwargs[name] if name in kwargs else args[i] for name, i in parts.items())
        return self.hook(self.name, lambda *qkv: func(*qkv), q, k, v)
