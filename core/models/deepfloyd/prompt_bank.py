"""Prompt embeddings on disk: T5 (5 billion parameters) encodes a prompt once. `encode` fills the bank ahead."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, float16

from core.checks import Refused


def default_folder() -> Path:
    """$PROMPT_BANK, or a folder in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("PROMPT_BANK") or cache / "fun-with-diffusion-models" / "prompts")


def normal(prompt: str | None) -> str:
    """The text that T5 reads: lower case, no space around it, "" for no prompt (as IFPipeline with clean_caption off)."""
    return (prompt or "").lower().strip()


class PromptBank:
    """A folder of safetensors, one (77, 4096) float16 embedding (616 KiB) per model, revision and text."""

    def __init__(self, repository: str, revision: str, folder: Path | None = None):
        self.repository, self.revision, self.folder = repository, revision, folder or default_folder()

    def path(self, prompt: str | None) -> Path:
        """The file of a prompt, whether it exists or not."""
        key = json.dumps([self.repository, self.revision, normal(prompt)])
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"

    def get(self, prompt: str | None) -> Tensor | None:
        """The (77, 4096) float16 embedding; None if it is not here or its file is damaged."""
        return self._open(prompt, lambda file: file.get_tensor("embedding"))

    def remarks(self, prompt: str | None) -> list[str]:
        """Sentences on what the text encoder could not read of a prompt; none if the prompt is not here."""
        return self._open(prompt, lambda file: json.loads(file.metadata()["remarks"])) or []

    def pieces(self, prompt: str | None) -> list[str]:
        """The pieces into which the tokenizer cut a prompt, see `text_encoder.pieces_of`; none if they are not here."""
        return self._open(prompt, lambda file: json.loads(file.metadata().get("pieces", "[]"))) or []

    def _open(self, prompt: str | None, read):
        try:
            with safe_open(self.path(prompt), "pt") as file:
                return read(file)
        except (FileNotFoundError, SafetensorError):
            return None

    def put(
        self, prompt: str | None, embedding: Tensor, remarks: Sequence[str] = (), pieces: Sequence[str] = ()
    ) -> None:
        """Write one embedding atomically: a reader sees the whole file or none.

        Raises:
            Refused: the embedding is not finite in float16.
        """
        embedding = embedding.detach().cpu().to(float16).contiguous()
        if not embedding.isfinite().all():
            raise Refused("The text encoder gave numbers that are not finite; load it in bf16 or fp32.")
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"repository": self.repository, "revision": self.revision, "text": normal(prompt)}
        about |= {"remarks": json.dumps(list(remarks)), "pieces": json.dumps(list(pieces))}
        path = self.path(prompt)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        save_file({"embedding": embedding}, partial, about)
        partial.replace(path)
