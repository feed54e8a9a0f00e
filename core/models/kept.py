"""Networks that a person trained in the page: in memory, under a name that nobody else can guess."""

import threading
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checks import ModelError
from core.models.spec import ModelSpec, Source, named

PREFIX = "trained-"
MOST = 200_000_000
"""Bytes of all kept weights; the oldest are dropped. One network has half a MB at D = 16 and 8 MB at D = 64."""
GONE = "This network is no longer kept: train it again."


@dataclass(frozen=True)
class KeptNetwork:
    """A network with its card and its weights on the CPU."""

    spec: ModelSpec
    card: dict[str, Any]
    weights: dict[str, Tensor]

    @property
    def nbytes(self) -> int:
        """The bytes of its weights."""
        return sum(w.nbytes for w in self.weights.values())


class Kept(Source):
    """The latest kept networks by name."""

    def __init__(self, most: int = MOST):
        self.most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[str, KeptNetwork] = OrderedDict()

    def keep(self, title: str, card: dict[str, Any], weights: dict[str, Tensor], **facts: Any) -> str:
        """Keep a network of the digits; its name.

        Args:
            facts: further fields of its `ModelSpec`.
        """
        name = PREFIX + uuid.uuid4().hex
        spec = ModelSpec(name, title, "digits", source=self, ours=True, **facts)
        copied = {k: v.detach().cpu().clone() for k, v in weights.items()}
        with self._lock:
            self._kept[name] = KeptNetwork(spec, card, copied)
            while len(self._kept) > 1 and sum(n.nbytes for n in self._kept.values()) > self.most:
                self._kept.popitem(last=False)
        return name

    def get(self, name: object) -> KeptNetwork | None:
        """The network of that name; None if it is none of them, or no longer kept."""
        with self._lock:
            return self._kept.get(name) if isinstance(name, str) else None

    def spec(self, name: object) -> ModelSpec | None:
        """The description of a kept network; None if there is none of that name. Raises ModelError if it was dropped."""
        found = self.get(name)
        if found is None and isinstance(name, str) and name.startswith(PREFIX):
            raise ModelError(GONE)
        return found and found.spec

    def _found(self, model: ModelSpec) -> KeptNetwork:
        found = self.get(model.name)
        if found is None:
            raise ModelError(GONE)
        return found

    def availability(self, model: ModelSpec, folder: Path | None = None) -> tuple[bool, str]:
        """See the base class."""
        return (True, "Ready.") if self.get(model.name) else (False, GONE)

    def card(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Any]:
        """See the base class. There are no files, so there are no checksums."""
        return self._found(model).card

    def load(self, model: ModelSpec, device: torch.device, folder: Path | None = None) -> Any:
        """The model on a device. Every call makes it again, which takes milliseconds."""
        found = self._found(model)
        return named(model.build)(found.card["architecture"], found.weights).to(device)

    def in_memory(self) -> list[tuple[str, str]]:
        """None: they are their owners' alone, and the page's header is for all."""
        return []


KEPT = Kept()
