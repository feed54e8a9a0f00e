"""The cards beside the checkpoints, in a form that people can read too."""

import json
from pathlib import Path


def write_card(path: Path, card: dict) -> None:
    """A card as JSON with one line per key, so that a diff shows what changed."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in card.items())
    path.write_text("{\n" + lines + "\n}\n")
