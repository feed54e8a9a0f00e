"""What one model is and what is peculiar to it: a row of `core.models.registry`. What it names is imported later."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch


def named(where: str) -> Any:
    """The thing called "module:name"; the module is imported by this call."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class ModelSpec:
    """One model. What is "named" is written "module:name", so that nothing is imported before it is asked for.

    Args:
        name: what the program calls it; its folder in checkpoints/ where it has one.
        title: what people read.
        family: those that share code and data: "pocket", "digits", "deepfloyd".
        task: "text" draws from a prompt, "digits" draws digits, "single-step" denoises at once, "judge" tells what it
            sees, "upscale" enlarges.
        source: where it comes from.
        build: named; how it becomes a network, called as its source says.
        path: "ddpm" or "flow"; None for a model that walks no path.
        schedule: named; that path, for what is planned before the model is here.
        conditional: whether it takes a class or a prompt.
        command: the module, with its arguments, that trains it.
        ours: whether its recipe is our own, where the course publishes none.
        loss: what its training lessens, in words.
        guidance: the w of classifier-free guidance that it draws best with.
        defaults: the fields in which the first request for it differs from any other's.
        in_course: whether the course made its figures with it, so that they are offered as presets.
        reader: named; the `Reader` of its prompts.
        finish: named; (name, pictures (B, 3, H, W) in [-1, 1]) -> `Finished`, for a model whose maker asks that
            pictures be checked before they are seen.
        enlarges: the side of the pictures that it takes, in pixels; 0 if it enlarges none.
        enlarge: named; (model, pictures, prompts, generators) -> Steps, the last with the large pictures; one that
            enlarges anagrams takes their `views` too.
    """

    name: str
    title: str
    family: str
    task: str
    _: KW_ONLY
    source: "Source"
    build: str
    path: str | None = None
    schedule: str = ""
    conditional: bool = False
    command: str = ""
    ours: bool = False
    loss: str = ""
    guidance: float = 7.0
    defaults: Mapping[str, object] = field(default_factory=dict, hash=False)
    in_course: bool = False
    reader: str = "core.models.spec:Reader"
    finish: str = ""
    enlarges: int = 0
    enlarge: str = ""

    @property
    def withholds(self) -> bool:
        """Whether its pictures are kept back until they have been checked."""
        return bool(self.finish)


@dataclass(frozen=True)
class Finished:
    """Pictures as they may be shown: uint8 (H, W, 3), or None where blocked; `sentence` stands for those."""

    pictures: list[np.ndarray | None]
    sentence: str

    @property
    def blocked(self) -> list[bool]:
        """Which pictures were blocked."""
        return [picture is None for picture in self.pictures]


class Source(ABC):
    """Where models come from: every method is told which one.

    `folder` is that of the checkpoints, None for the one that ships; other sources do without.
    """

    borrows = False
    """Whether its models need the GPU that a Space lends."""

    @abstractmethod
    def availability(self, model: ModelSpec, folder: Path | None = None) -> tuple[bool, str]:
        """(ready, one sentence), told without loading the model."""

    @abstractmethod
    def card(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Any]:
        """What is known of the model, its "architecture" and the checksums of its files, "sha256", among it.

        Raises:
            ModelError: it is missing or damaged.
        """

    @abstractmethod
    def load(self, model: ModelSpec, device: torch.device, folder: Path | None = None) -> Any:
        """The model on a device, kept in memory from the first call on.

        Raises:
            ModelError: it is missing or damaged.
        """

    @abstractmethod
    def in_memory(self) -> list[tuple[str, str]]:
        """(name, kind of device) of every model in memory."""

    def comes_first(self, model: ModelSpec) -> bool:
        """Whether the program begins on this model rather than on pocket."""
        return False

    def assumed(self, model: ModelSpec, device: str) -> tuple[float, float] | None:
        """(base, per_image) seconds of one network call, for a model that is too large to be measured, else None."""
        return None


class Reader:
    """What a text model makes of prompts, told without its network. By default there is nothing to say."""

    def __init__(self, model: ModelSpec):
        self.model = model

    def remarks(self, prompt: str) -> list[str]:
        """What the model does not know of a prompt, a sentence each."""
        return []

    def left_out(self, prompts: Sequence[str]) -> list[str]:
        """What it left out of prompts when it read them, for after a run."""
        return []

    def unread(self, prompts: Sequence[str]) -> list[str]:
        """Those prompts that take long, since a text encoder must be loaded first."""
        return []
