"""Runs of the course's recipes to the letter, for its figures: their curves and samples ship, their weights do not."""

import json
from pathlib import Path
from typing import Any

from core.checks import ModelError
from core.models.checkpoint import CHECKPOINTS
from core.models.registry import card, spec
from core.models.spec import ModelSpec

COURSE = "-course"
"""Ends the name of a run of the course's recipe. The name of the model stands before it."""
GUIDED = 5.0
"""The guidance scale of the course's figures of class-conditioned digits."""


def without_course(name: str) -> str:
    """The name of the model whose recipe a run followed."""
    return name.removesuffix(COURSE)


def model_of(name: str) -> ModelSpec:
    """The model whose recipe a run followed. Raises ModelError if there is none."""
    return spec(without_course(name))


def title_of(name: str) -> str:
    """What a run is, in words."""
    return model_of(name).title + ", the course's recipe" * name.endswith(COURSE)


def has_course(name: str, folder: Path = CHECKPOINTS) -> bool:
    """Whether the course's recipe of a model was run, and its figures are here."""
    return (folder / f"{name}{COURSE}" / "card.json").exists()


def card_of(name: str, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """The facts on a model, or on a run of the course's recipe. Raises ModelError if they are missing or damaged."""
    if not name.endswith(COURSE):
        return card(name, folder)
    try:
        return json.loads((folder / name / "card.json").read_text())
    except (OSError, ValueError):
        raise ModelError(
            f"The card of {name} is missing or damaged; get {folder.name}/{name} from the repository again, or make it "
            f"with: python -m {model_of(name).command} --course"
        ) from None
