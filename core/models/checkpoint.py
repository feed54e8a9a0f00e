"""Models that ship with the program or were trained here; each has a folder in checkpoints/."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from core.checks import ModelError
from core.models.spec import ModelSpec, Source, named

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"


class Checkpoint(Source):
    """A folder with a card and weights. `build(architecture, weights)` makes the network, which has `.to(device)`."""

    def __init__(self):
        self._networks: dict[tuple[str, torch.device, Path], Any] = {}

    def availability(self, model: ModelSpec, folder: Path | None = None) -> tuple[bool, str]:
        """As the base says: every file that the card lists must be there."""
        folder = folder or CHECKPOINTS
        try:
            files = self.card(model, folder)["sha256"]
        except ModelError as e:
            return False, str(e)
        missing = [f for f in files if not (folder / model.name / f).exists()]
        return (False, f"Missing: {', '.join(missing)}.") if missing else (True, "Ready.")

    def card(self, model: ModelSpec, folder: Path | None = None) -> dict[str, Any]:
        """As the base says."""
        folder = folder or CHECKPOINTS
        try:
            return json.loads((folder / model.name / "card.json").read_text())
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
            path, called = folder / model.name / file, f"{folder.name}/{model.name}/{file}"
            if not path.exists():
                raise ModelError(f"The file {called} is missing; get it from the repository again.")
            if hashlib.sha256(path.read_bytes()).hexdigest() != checksum:
                raise ModelError(
                    f"The file {called} is damaged (its checksum is wrong); get it from the repository again."
                )
            tensors |= load_file(path)
        return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}

    def load(self, model: ModelSpec, device: torch.device, folder: Path | None = None) -> Any:
        """As the base says."""
        folder = folder or CHECKPOINTS
        key = model.name, device, folder
        if key not in self._networks:
            architecture = self.card(model, folder)["architecture"]
            self._networks[key] = named(model.build)(architecture, self.weights(model, folder)).to(device)
        return self._networks[key]

    def in_memory(self) -> list[tuple[str, str]]:
        """As the base says, in the order of loading."""
        return list(dict.fromkeys((name, device.type) for name, device, _ in list(self._networks)))

    def release(self) -> None:
        """Free every network; the next call loads it again."""
        self._networks.clear()


CHECKPOINT = Checkpoint()
