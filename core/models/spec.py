"""The description of one model: a row of `core.models.registry`. The things it names are imported later."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.techniques.attention import Word


def named(where: str) -> Any:
    """The object "module:name"; this call imports the module."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class ModelSpec:
    """One model. A "named" field holds "module:name", which is imported on first use.

    Args:
        name: its key; also its folder in checkpoints/, if it has one.
        title: what people read.
        family: models with common code and data: "pocket", "digits", "deepfloyd".
        task: "text" draws from a prompt, "digits" draws digits, "single-step" denoises in one call, "one-call" draws digits
            from codes and is no Denoiser, "judge" classifies, "upscale" enlarges.
        source: where it comes from.
        build: named; makes the network, called as its source says.
        path: "ddpm" or "flow"; None for a model without a diffusion path.
        student: the kind of student of few steps, whose samplers it needs: "fast", "consistency"; "" for other models.
        counts: the numbers of steps that a student of a text model learned; others are refused.
        scales: the guidance scales that it learned, smallest and largest.
        schedule: named; the schedule of that path, for plans made without the model.
        conditional: whether it takes a class or a prompt.
        weaker: a network of the same data that autoguidance leads away from, for a model without a condition; "" for none.
        command: the training module with its arguments.
        ours: whether its recipe is our own, as the course publishes none.
        loss: its training loss, in words.
        guidance: the guidance scale w that suits it best.
        defaults: the fields of its first request that differ from the general defaults.
        in_course: whether the course made its figures with it; they are then offered as presets.
        reader: named; the `Reader` of its prompts.
        finish: named; (name, pictures (B, 3, H, W) in [-1, 1]) -> `Finished`, for a model whose licence requires
            a check of its pictures before they are shown.
        enlarges: the side of the pictures that it enlarges, in pixels; 0 for none.
        enlarge: named; (model, pictures, prompts, generators) -> Steps, the last with the large pictures; for anagrams
            it takes their `views` too.
        noised: whether `enlarge` takes `noise` too, which it adds to the small pictures first.
    """

    name: str
    title: str
    family: str
    task: str
    _: KW_ONLY
    source: "Source"
    build: str
    path: str | None = None
    student: str = ""
    counts: tuple[int, ...] = ()
    scales: tuple[float, float] | None = None
    schedule: str = ""
    conditional: bool = False
    weaker: str = ""
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
    noised: bool = False

    @property
    def sampled(self) -> str | None:
        """The kind of its samplers, a key of `core.diffusion.sampler_table.KINDS`."""
        return self.student or self.path

    @property
    def guided(self) -> bool:
        """Whether it takes a guidance scale."""
        return self.conditional or bool(self.weaker)

    @property
    def withholds(self) -> bool:
        """Whether its pictures are withheld until the check."""
        return bool(self.finish)


@dataclass(frozen=True)
class Finished:
    """Pictures for display: uint8 (H, W, 3), or None if blocked; `sentence` explains blocked ones."""

    pictures: list[np.ndarray | None]
    sentence: str


class Source(ABC):
    """A source of models. Every method takes the model's spec.

    `folder` is the checkpoints folder, None for the shipped one; other sources ignore it.
    """

    borrows = False
    """Whether its models need the GPU that a Space lends."""

    @abstractmethod
    def availability(self, model: ModelSpec, folder: Path | None = None) -> tuple[bool, str]:
        """(ready, one sentence), without loading the model."""

    @abstractmethod
    def card(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Any]:
        """The facts on the model, including its "architecture" and "sha256", the checksums of its files.

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
        """Whether the program starts with this model instead of pocket."""
        return False

    def assumed(self, model: ModelSpec, device: str) -> tuple[float, float] | None:
        """(base, per_image) seconds of one network call, for a model too large to measure; else None."""
        return None


PAINTED = "a photo of", "an oil painting of", "a watercolour of", "a pencil drawing of", "a lithograph of"
"""Styles that a model knows which was trained on pictures of the web."""


class Reader:
    """A text model's remarks on prompts, made without its network. By default there are none."""

    summed = False
    """Whether a prompt also acts as the sum of its words, in the place of its first token: a word can then be weighed in it,
    see `Pocket.weigh`, and it can be lent."""

    def __init__(self, model: ModelSpec):
        self.model = model

    def styles(self) -> tuple[str, ...]:
        """The phrases that ask for a thing in a style; by default, those that large models know."""
        return PAINTED

    def never_seen(self, prompts: Sequence[str]) -> list[bool]:
        """Whether each prompt asks for a thing in a style in which the model never saw it."""
        return [False] * len(prompts)

    def remarks(self, prompt: str) -> list[str]:
        """The parts of a prompt that the model does not know, a sentence each."""
        return []

    def words(self, prompt: str) -> list[Word]:
        """The words of a prompt with their tokens; empty if the model's attention cannot be watched."""
        return []

    def about_maps(self, prompt: str) -> str:
        """The facts that a reader of the model's word maps needs; "" for none."""
        return ""

    def left_out(self, prompts: Sequence[str]) -> list[str]:
        """The parts of prompts that it left out when it read them, a sentence each; known after a run."""
        return []

    def unread(self, prompts: Sequence[str]) -> list[str]:
        """The prompts for which a large text encoder must be loaded first."""
        return []
