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

from core.techniques.attention import Hook


def layers_to_words(net: nn.Module) -> dict[str, nn.Module]:
    """The attention layers of a UNet that read the text, by their names in the network."""
    from diffusers.models.attention_processor import Attention

    layers = {name: m for name, m in net.named_modules() if isinstance(m, Attention)}
    return {name: m for name, m in layers.items() if m.added_kv_proj_dim or m.is_cross_attention}


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
    """In this thread, F.scaled_dot_product_attention calls the hook; a masked one, whose weights are others, does not."""

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
