"""Prompt embeddings on disk, so that a prompt is encoded once and the 5-billion-parameter T5 need not be loaded again.

`python -m core.models.prompt_bank FILE [MODEL]` encodes a list of prompts, one per line, ahead of a lecture;
core/models/course_prompts.txt holds the course's. With all its prompts in the bank the app runs without T5.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, float16

from core.checks import Refused

COURSE_PROMPTS = Path(__file__).with_name("course_prompts.txt")


def default_folder() -> Path:
    """$PROMPT_BANK, or a folder of the user's cache."""
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
        """What the text encoder could not read of a prompt, a sentence each; none if it is not here."""
        return self._open(prompt, lambda file: json.loads(file.metadata()["remarks"])) or []

    def _open(self, prompt: str | None, read):
        try:
            with safe_open(self.path(prompt), "pt") as file:
                return read(file)
        except (FileNotFoundError, SafetensorError):
            return None

    def put(self, prompt: str | None, embedding: Tensor, remarks: Sequence[str] = ()) -> None:
        """Write one embedding; a reader sees the whole file or none.

        Raises:
            Refused: the embedding is not finite in float16.
        """
        embedding = embedding.detach().cpu().to(float16).contiguous()
        if not embedding.isfinite().all():
            raise Refused("The text encoder gave numbers that are not finite; load it in bf16 or fp32.")
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"repository": self.repository, "revision": self.revision, "text": normal(prompt)}
        about["remarks"] = json.dumps(list(remarks))
        path = self.path(prompt)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        save_file({"embedding": embedding}, partial, about)
        partial.replace(path)


def read_prompts(path: Path) -> list[str]:
    """The prompts of a text file, one per line, without repetition; always the empty prompt too, for guidance."""
    return list(dict.fromkeys(["", *(line.strip() for line in path.read_text("utf-8").splitlines())]))


def fill(prompts: list[str], model: str) -> Iterator[str]:
    """Encode what the bank of a model lacks; yields one line per prompt."""
    from core.models import hub, t5
    from core.registry import ModelError

    r = hub.REPOSITORIES.get(model)
    if r is None or not r.text or hub.missing(r, r.text):
        raise ModelError(
            f"There is no text encoder of {model[:40]!r} here; the models that have one are {', '.join(hub.FIRST)}."
        )
    text = t5.Text(r, hub.snapshot(r.id))
    known = {prompt for prompt in prompts if text.bank.path(prompt).exists()}
    text.prepare(prompts)
    for prompt in prompts:
        told = [f"{'known  ' if prompt in known else 'encoded'}  {prompt!r}", *text.bank.remarks(prompt)]
        yield "  ".join(told)


def main(arguments: list[str]) -> int:
    """The command line; the exit code."""
    from core.registry import ModelError

    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m core.models.prompt_bank FILE [if-m | if-l | if-xl]\n")
        return 2
    try:
        for line in fill(read_prompts(Path(arguments[0])), arguments[1] if len(arguments) == 2 else "if-xl"):
            sys.stdout.write(line + "\n")
    except (ModelError, OSError) as e:
        sys.stderr.write(f"{e}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
