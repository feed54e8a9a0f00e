"""The model of a tab at its start, and the settings of its presets."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import gradio as gr

from core.models.registry import spec
from core.runs.prompts import default_guidance, default_model
from core.runs.request import Request
from tabs.ui.controls import Shared

R = TypeVar("R", bound=Request)
P = TypeVar("P")


@dataclass(frozen=True)
class Preset:
    """The settings that a preset fills in.

    Args:
        request: the settings.
        sources: parameter -> function that makes the value of that picture widget; the others are not changed.
        moves: whether it also sets the model; if not, the current model stays.
        experiment: the experiment that it is for; "" for that of the primary button.
    """

    request: Request
    sources: Mapping[str, Callable] | None = None
    moves: bool = False
    experiment: str = ""

    def on(self, model: str | None) -> Request:
        """The preset's request if that model is the current one; None for a tab without a choice of a model."""
        return self.request if self.moves or model is None else replace(self.request, model=model)


def filling(presets: Mapping[gr.Button, P], fill: Callable[..., list], inputs: Sequence | None, outputs: Sequence,
            **how: object) -> gr.events.Dependency:  # fmt: skip
    """The event with which each of these buttons fills `outputs` by `fill(its preset, *inputs)`. One event serves all
    buttons: a page opens faster with few events."""
    by_id = {button._id: preset for button, preset in presets.items()}

    def filled(pressed: gr.EventData, *values: object) -> list:
        return fill(by_id[pressed.target._id], *values)

    clicks = [button.click for button in presets]
    return gr.on(clicks, filled, inputs, outputs, queue=False, api_visibility="private", **how)


def on(request: R, model: str) -> R:
    """A request on another model, with that model's guidance scale if the request uses guidance, and a student's steps."""
    if model == request.model:
        return request
    guidance = default_guidance(model) if request.guidance > 1 else request.guidance
    steps = {"steps": spec(model).defaults["steps"]} if spec(model).counts else {}
    return replace(request, model=model, guidance=guidance, **steps)


def first(request: R, shared: Shared) -> R:
    """A tab's initial settings: on the model requested at the start, or on the best one that is ready."""
    offered = type(request).kinds()["model"].options()
    return on(request, shared.model if shared.model in offered else default_model())


def with_course(ours: dict[str, Preset], course: dict[str, Preset], **how: object) -> dict[str, Preset]:
    """A tab's presets by name; the course's figures are added if a model for the course's prompts is ready.

    Args:
        how: fields of the course's requests, apart from model and guidance.
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
