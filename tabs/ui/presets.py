"""On which model a tab begins, and its presets run."""

import dataclasses
from typing import TypeVar

import gradio as gr

from core.models.registry import spec
from core.runs.prompts import default_guidance, default_model, text_models
from tabs.ui.controls import Shared

Request = TypeVar("Request")


def on(request: Request, model: str) -> Request:
    """A request of a tab on another model, at the guidance that goes with it where it guides at all."""
    if model == request.model:
        return request
    guidance = default_guidance(model) if request.guidance > 1 else request.guidance
    return dataclasses.replace(request, model=model, guidance=guidance)


def first(request: Request, shared: Shared) -> Request:
    """The settings that a tab opens with: on the model that was asked for at the start, or the best one that is ready."""
    return on(request, shared.model if shared.model in text_models() else default_model())


def presets(ours: dict[str, tuple], course: dict[str, tuple]) -> dict[str, tuple]:
    """The presets of a tab by name, each ending with its request; where a DeepFloyd is ready, the course's figures on it too."""
    model = default_model()
    if not spec(model).in_course:
        return ours
    return ours | {name: (*where, on(request, model)) for name, (*where, request) in course.items()}


def values(request: Request, names: tuple[str, ...]) -> list:
    """A preset's fields as values of the inputs: ours leave the chosen model as it is, the course's choose DeepFloyd."""
    skip = lambda name: name == "model" and not spec(request.model).in_course  # noqa: E731
    return [gr.skip() if skip(name) else getattr(request, name) for name in names]
