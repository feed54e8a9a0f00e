"""On which model a tab begins, and what its presets fill in."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from core.models.registry import spec
from core.runs.prompts import default_guidance, default_model, text_models
from core.runs.request import Request
from tabs.ui.controls import Shared

R = TypeVar("R", bound=Request)


@dataclass(frozen=True)
class Preset:
    """What a preset fills in.

    Args:
        request: the settings.
        sources: makes the value of the widget that gives pictures, by its parameter; the others stay as they are.
        moves: whether it chooses its request's model too; else the chosen one stays.
    """

    request: Request
    sources: Mapping[str, Callable] | None = None
    moves: bool = False


def on(request: R, model: str) -> R:
    """A request of a tab on another model, at the guidance that goes with it where it guides at all."""
    if model == request.model:
        return request
    guidance = default_guidance(model) if request.guidance > 1 else request.guidance
    return replace(request, model=model, guidance=guidance)


def first(request: R, shared: Shared) -> R:
    """The settings that a tab opens with: on the model that was asked for at the start, or the best one that is ready."""
    return on(request, shared.model if shared.model in text_models() else default_model())


def with_course(ours: dict[str, Preset], course: dict[str, Preset], **how: object) -> dict[str, Preset]:
    """The presets of a tab by name; where a model for the course's own prompts is ready, its figures on that too.

    Args:
        how: fields of the course's requests besides their model and its guidance.
    """
    model = default_model()
    if not offers_course(model):
        return ours
    there = {name: replace(p, request=replace(on(p.request, model), **how), moves=True) for name, p in course.items()}
    return ours | there


def offers_course(model: str) -> bool:
    """Whether a model knows the course's prompts."""
    return spec(model).in_course


def scene(parameter: str, make: Callable, *args: object) -> dict[str, Callable]:
    """The sources of a preset that fills one widget with `make(*args)`."""
    return {parameter: functools.partial(make, *args)}
