"""Fill the prompt bank ahead of a lecture:  python -m core.models.deepfloyd.encode FILE [MODEL]

FILE has one prompt per line; course_prompts.txt beside this file has the course's. With all its prompts in the bank the
app runs without T5.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from core.checks import ModelError
from core.models.deepfloyd import hub, text_encoder

COURSE_PROMPTS = Path(__file__).with_name("course_prompts.txt")


def read_prompts(path: Path) -> list[str]:
    """The different prompts of a text file, one per line, and always the empty prompt, for guidance."""
    return list(dict.fromkeys(["", *(line.strip() for line in path.read_text("utf-8").splitlines())]))


def encoded(prompts: list[str], model: str) -> Iterator[str]:
    """Encode the prompts that a model's bank lacks; yields one line per prompt. What an older version wrote without tokens
    gets them."""
    r = hub.REPOSITORIES.get(model)
    if r is None or not r.text or hub.missing(r, r.text):
        raise ModelError(
            f"There is no text encoder of {model[:40]!r} here; the models that have one are {', '.join(hub.FIRST)}."
        )
    text = text_encoder.Text(r, hub.snapshot(r.id))
    known = {prompt for prompt in prompts if text.bank.path(prompt).exists()}
    text.prepare(prompts)
    for prompt in prompts:
        if not text.bank.pieces(prompt):
            text.bank.put(prompt, text.bank.get(prompt), text.bank.remarks(prompt), text.pieces(prompt))
        said = [f"{'known  ' if prompt in known else 'encoded'}  {prompt!r}", *text.bank.remarks(prompt)]
        yield "  ".join(said)


def main(arguments: list[str]) -> int:
    """The command line; returns the exit code."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m core.models.deepfloyd.encode FILE [if-m | if-l | if-xl]\n")
        return 2
    try:
        for line in encoded(read_prompts(Path(arguments[0])), arguments[1] if len(arguments) == 2 else "if-xl"):
            sys.stdout.write(line + "\n")
    except (ModelError, OSError) as e:
        sys.stderr.write(f"{e}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
