"""DeepFloyd IF's parts for `core.models.spec`: its source, its prompt reader and the final check of pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.models.deepfloyd import failures, hub, safety
from core.models.deepfloyd.pieces import words_of
from core.models.spec import Finished, ModelSpec, Reader, Source, named
from core.techniques.attention import Word


class Hub(Source):
    """The Hugging Face hub's cache, with the repositories of `hub`; `build(name, device)` loads a model from it."""

    borrows = True

    def availability(self, model: ModelSpec, folder: Path | None = None) -> tuple[bool, str]:
        """See the base class."""
        told = hub.availability(model.name)
        return told.state == "ready", told.sentence

    def card(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Any]:
        """A card with the size of the network and no checksums: the hub checks the files."""
        r = hub.REPOSITORIES[model.name]
        return {"architecture": {"parameters": r.parameters, "repository": r.id}, "sha256": {}}

    def load(self, model: ModelSpec, device: torch.device, folder: Path | None = None) -> Any:
        """The model on a device. Its weights may be loaded only at the first network call."""
        return named(model.build)(model.name, device)

    def in_memory(self) -> list[tuple[str, str]]:
        """See the base class."""
        return failures.in_memory()

    def comes_first(self, model: ModelSpec) -> bool:
        """True if it is ready and there is a GPU."""
        accelerated = torch.cuda.is_available() or torch.backends.mps.is_available()
        return accelerated and self.availability(model)[0]

    def assumed(self, model: ModelSpec, device: str) -> tuple[float, float]:
        """Assumed seconds, see the base class: a measurement would load this model and unload others.

        A rough value in proportion to its parameters; the runs correct it.
        """
        size = hub.REPOSITORIES[model.name].parameters / 1e9
        return (0.0, 4 * size) if device == "cpu" else (0.1, 0.005 * size)


HUB = Hub()


class BankReader(Reader):
    """T5 behind its prompt bank. T5 is large, so there are no remarks on a prompt that it has not read yet."""

    @property
    def text(self):
        """The `Text` that reads for this model; nothing is loaded."""
        from core.models.deepfloyd.stages import text_of

        return text_of(self.model.name)

    def remarks(self, prompt: str) -> list[str]:
        """The remarks on a prompt that T5 has read before."""
        return self.text.bank.remarks(prompt)

    def words(self, prompt: str) -> list[Word]:
        """See the base class. Raises ModelError if its tokens are neither in the bank nor here."""
        from core.models.deepfloyd.text_encoder import TOKENS

        return words_of(self.text.pieces(prompt), TOKENS)

    def about_maps(self, prompt: str) -> str:
        """See the base class."""
        return (
            "Its layers attend to the words and to “the picture itself” in one softmax. T5 has read the words together, so "
            "each token, the end's and the padding's too, holds something of the others. The prompt also acts a second way, "
            "pooled to one vector that is added to that of the time: no map shows it, and no factor changes it."
        )

    def left_out(self, prompts: Sequence[str]) -> list[str]:
        """See the base class."""
        return [line for prompt in prompts if prompt for line in self.remarks(prompt)]

    def unread(self, prompts: Sequence[str]) -> list[str]:
        """The prompts, with "no prompt" among them, that T5 must still read."""
        return self.text.missing(["", *prompts]) if prompts else []


def finish(name: str, x: Tensor) -> Finished:
    """Check and mark pictures (B, 3, H, W) in [-1, 1] of the named model.

    Raises:
        ModelError: the checker is not here.
    """
    return safety.finish(x, hub.snapshot(_with_checker(name).id))


def _with_checker(name: str) -> hub.Repository:
    """The stage I repository with checker and watermark: the model's own; for stage II, the largest one here."""
    r = hub.REPOSITORIES[name]
    here = [hub.REPOSITORIES[first] for first in hub.FIRST if not hub.missing(hub.REPOSITORIES[first], hub.FINISH)]
    return r if r.stage == 1 or not here else here[-1]
