"""The cards beside the checkpoints, in a form that people can read too."""

import json
from pathlib import Path


def card_text(card: dict) -> str:
    """A card as JSON with one line per key, so that a diff shows what changed."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in card.items())
    return "{\n" + lines + "\n}\n"


def write_card(path: Path, card: dict) -> None:
    """A card as a file."""
    path.write_text(card_text(card))
