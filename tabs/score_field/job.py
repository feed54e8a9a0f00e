"""The score field's handlers: from the inputs to what the plane shows."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import gradio as gr

from core.runs.panels import Figure
from core.runs.plane_opened import OPENED, no_points, nothing_drawn, opened
from core.runs.plane_training import one_update, train
from core.runs.plane_views import VIEW, VIEWS
from core.runs.points import table_remark, table_rows
from core.runs.score_field import ScoreFieldRequest
from tabs.ui import plane
from tabs.ui.failures import explained
from tabs.ui.handlers import handler_of
from tabs.ui.saved import settings_in

Make = Callable[[ScoreFieldRequest], Iterator[Figure]]
MAKERS: dict[str, Make] = VIEWS | {
    "train": train, "train_slowly": functools.partial(train, slow=True), "train_once": one_update,
}  # fmt: skip
"""Button -> function that makes its figures."""


SUB_TAB = {name: name for name in ("forward", "score", "sample", "guide", "train")} | {
    "quality": "sample", "train_slowly": "train", "train_once": "train", "trained_so_far": "train",
}  # fmt: skip
"""Key of MAKERS, or what a saved picture calls a paused training -> the view that it is in."""


PRESSED = {name: SUB_TAB[name] for name in ("sample", "quality", "guide")}
"""Button -> view, for the figures that a reload makes again. A training is gone with the page."""


def plane_value(figure: Figure, settings: dict) -> dict:
    """A figure as the plane's value."""
    return {
        "panels": [plane.panel(p) for p in figure.panels],
        "frames": len(figure.labels),
        "labels": list(figure.labels),
        "at": figure.at,
        "view": VIEW,
        "playing": figure.playing,
        "returning": figure.returning,
        "keep": figure.live,
        "charts": [plane.chart_of(c) for c in figure.charts],
        "legend": [list(entry) for entry in figure.legend()],
        "status": figure.status,
        "fraction": figure.fraction,
        "caption": figure.caption,
        "description": figure.description,
        "run": figure.run,
        "settings": settings,
    }


def handler(name: str) -> Callable[..., Iterator[tuple[dict, str]]]:
    """The handler of a key of MAKERS: the request's parameters -> the plane's values, and the id of the network here."""

    def run(request: ScoreFieldRequest) -> Iterator[tuple[dict, str]]:
        for figure in MAKERS[name](request):
            yield plane_value(figure, request.settings() | {"experiment": name}), figure.run or request.training

    return handler_of(ScoreFieldRequest, run, f"score_field_{name}", tuple[dict, str])


FOLLOWING = ("forward", "score")
"""Views that follow their inputs without a button."""


@explained
def follow(view: str, *values) -> Iterator[tuple[dict, str]]:
    """After a change of the inputs: the view that is open, drawn anew if it is one of FOLLOWING; without any points, the
    plane asks for them."""
    request = ScoreFieldRequest.of_values(values)
    if nothing_drawn(request):
        yield plane_value(no_points(request), request.settings() | {"experiment": view}), gr.skip()
    elif view in FOLLOWING:
        yield from HANDLERS[view](*values)
    else:
        yield gr.skip(), gr.skip()


@explained
def opening_of(view: str, *values) -> Iterator[tuple[dict, str]]:
    """The view that a person just opened: drawn, or what it shows before its button is pressed."""
    request = ScoreFieldRequest.of_values(values)
    if view not in OPENED or nothing_drawn(request):
        yield from follow(view, *values)
    else:
        yield plane_value(opened(request, view), request.settings() | {"experiment": view}), gr.skip()


@explained
def paused(*values) -> Iterator[tuple[dict, str]]:
    """After Pause: the training so far; before its first update, what Train shows at first."""
    yield from opening_of("train", *values)


def view_of(path: str) -> str:
    """The view that a saved PNG was taken in."""
    return view_in(settings_in(path, ScoreFieldRequest.KIND))


def view_in(settings: Mapping) -> str:
    """The view that a figure with those settings is in."""
    experiment = settings.get("experiment")
    return SUB_TAB.get(experiment, "forward") if isinstance(experiment, str) else "forward"


HANDLERS = {name: handler(name) for name in MAKERS}


@functools.cache
def opening() -> dict:
    """The figure that the tab plays before the first run. It is computed for the first page, and kept."""
    request = ScoreFieldRequest()
    (figure,) = VIEWS["forward"](request)
    return plane_value(replace(figure, playing=True, returning=True), request.settings())


@explained
def forgotten(*values) -> tuple[dict, str]:
    """After Reset: what there is to learn, and no network."""
    request = replace(ScoreFieldRequest.of_values(values), training="")
    return plane_value(opened(request, "train"), request.settings() | {"experiment": "train"}), ""


@explained
def upload(path: str) -> tuple[dict, str]:
    """The points of a CSV file, for the sheet, and the choice of them."""
    with open(path, "rb") as file:
        rows = table_rows(file.read())
    return {"points": [list(row) for row in rows]}, "drawn"


@explained
def remark(path: str) -> str:
    """How the points of a CSV file were moved and scaled, as HTML; empty if they were not."""
    with open(path, "rb") as file:
        words = table_remark(file.read())
    return f'<div class="caption">{words}</div>' if words else ""


@explained
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into its inputs."""
    return refilled(settings_in(path, ScoreFieldRequest.KIND))


def refilled(settings: Mapping) -> list:
    """The settings of a figure as values of the inputs; its network is gone. Raises Refused."""
    return list(ScoreFieldRequest.restored({**settings, "training": ""}).parameters().values())


def own_inputs(data: str) -> list:
    """Which inputs the chosen data has: the number of Gaussians, the word, the sheet."""
    return [gr.update(visible=data == name) for name in ("gaussians", "word", "drawn")]
