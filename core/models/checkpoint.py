"""Models that ship with the program or were trained here; each has a folder in checkpoints/."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from core.checks import ModelError
from core.models.spec import ModelSpec, Source, named

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


class Checkpoint(Source):
    """A folder with a card and weights. `build(architecture, weights)` makes the network, which has `.to(device)`."""

    def __init__(self):
        self._networks: dict[tuple[str, torch.device, Path], Any] = {}

    def availability(self, model: ModelSpec, folder: Path | None = None) -> tuple[bool, str]:
        """See the base class. A model is ready if every file on its card is there."""
        folder = folder or CHECKPOINTS
        try:
            files = self.card(model, folder)["sha256"]
        except ModelError as e:
            return False, str(e)
        missing = [f for f in files if not (folder / model.name / f).exists()]
        if not missing:
            return True, "Ready."
        here = f"{folder.name}/{model.name}"
        return False, f"The model {model.name} lacks {', '.join(missing)}; get {here} from the repository again."

    def card(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Any]:
        """See the base class."""
        folder = folder or CHECKPOINTS
        try:
            card = json.loads(_read(folder, model.name, "card.json"))
            return _whole(card)
        except FileNotFoundError:
            raise ModelError(
                f"The model {model.name} is not in {folder.name}/; get that folder from the repository again, "
                f"or train it with: python -m {model.command}"
            ) from None
        except ValueError:
            raise ModelError(
                f"The card of {model.name} is damaged; get {folder.name}/{model.name} from the repository again."
            ) from None

    def weights(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Tensor]:
        """The checkpoint's tensors in float32, checked against the checksums on the card.

        Raises:
            ModelError: a file is missing or damaged.
        """
        folder, tensors = folder or CHECKPOINTS, {}
        for file, checksum in self.card(model, folder)["sha256"].items():
            called = f"{folder.name}/{model.name}/{file}"
            try:
                content = _read(folder, model.name, file)
            except FileNotFoundError:
                raise ModelError(f"The file {called} is missing; get it from the repository again.") from None
            if hashlib.sha256(content).hexdigest() != checksum:
                raise ModelError(
                    f"The file {called} is damaged (its checksum is wrong); get it from the repository again."
                )
            tensors |= load(content)
        return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}

    def load(self, model: ModelSpec, device: torch.device, folder: Path | None = None) -> Any:
        """See the base class."""
        folder = folder or CHECKPOINTS
        key = model.name, device, folder
        if key not in self._networks:
            architecture, weights = self.card(model, folder)["architecture"], self.weights(model, folder)
            try:
                network = named(model.build)(architecture, weights)
            except (KeyError, TypeError, ValueError, RuntimeError):
                raise ModelError(
                    f"The card of {model.name} does not fit its weights; get {folder.name}/{model.name} from the "
                    "repository again."
                ) from None
            self._networks[key] = network.to(device)
        return self._networks[key]

    def in_memory(self) -> list[tuple[str, str]]:
        """(name, kind of device) of every model in memory, in the order of loading."""
        return list(dict.fromkeys((name, device.type) for name, device, _ in list(self._networks)))

    def release(self) -> None:
        """Free every network; the next call loads it again."""
        self._networks.clear()


def _read(folder: Path, name: str, file: str) -> bytes:
    """A file of a model. Raises ModelError if it may not be read, FileNotFoundError if it is not there."""
    try:
        return (folder / name / file).read_bytes()
    except PermissionError:
        raise ModelError(
            f"The file {folder.name}/{name}/{file} may not be read; give the app the right to read it."
        ) from None


def _whole(card: object) -> dict[str, Any]:
    """A card that names an architecture and files of its own folder. Raises ValueError if it does not."""
    if not isinstance(card, dict) or not isinstance(card.get("architecture"), dict):
        raise ValueError
    files = card.get("sha256")
    if not isinstance(files, dict) or not files or any(f in ("", ".", "..") or Path(f).name != f for f in files):
        raise ValueError
    return card


CHECKPOINT = Checkpoint()
