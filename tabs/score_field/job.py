"""The score field's handlers: from the inputs to what the plane shows."""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace

import gradio as gr

from core.runs.panels import Chart, Figure, Panel
from core.runs.plane_training import one_update, train, trained_so_far
from core.runs.plane_views import VIEW, VIEWS
from core.runs.points import table_rows
from core.runs.score_field import ScoreFieldRequest
from tabs.ui import plane
from tabs.ui.failures import explained
from tabs.ui.saved import settings_in

Make = Callable[[ScoreFieldRequest], Iterator[Figure]]
MAKERS: dict[str, Make] = VIEWS | {
    "train": train, "train_slowly": functools.partial(train, slow=True), "train_once": one_update,
    "trained_so_far": trained_so_far,
}  # fmt: skip
"""What each button makes."""


def shown(figure: Figure, settings: dict) -> dict:
    """A figure as the plane's value."""
    return {
        "panels": [panel_of(p) for p in figure.panels],
        "frames": len(figure.labels),
        "labels": list(figure.labels),
        "at": figure.at,
        "view": VIEW,
        "playing": figure.playing,
        "keep": figure.live,
        "charts": [chart_of(c) for c in figure.charts],
        "status": figure.status,
        "fraction": figure.fraction,
        "caption": figure.caption,
        "description": figure.description,
        "run": figure.run,
        "settings": settings,
    }


def panel_of(p: Panel) -> dict:
    """One square."""
    arrows = None if p.arrows is None else (p.places, p.arrows)
    return plane.panel(
        p.title, note=p.note, points=p.points, classes=p.classes, truth=p.truth, arrows=arrows, density=p.density, paths=p.paths
    )  # fmt: skip


def chart_of(c: Chart) -> dict:
    """One chart."""
    lines = [{"name": line.name, "x": list(line.x), "y": list(line.y), "dashed": line.dashed} for line in c.lines]
    return plane.chart(c.title, c.x, c.y, lines, log=c.log, floor=c.floor)


def handler(name: str) -> Callable[..., Iterator[tuple[dict, str]]]:
    """The handler of a key of MAKERS: the request's parameters -> the plane's values, and the id of the network here."""
    defaults = ScoreFieldRequest().parameters()
    signature = inspect.Signature(
        [
            inspect.Parameter(p, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=v, annotation=type(v))
            for p, v in defaults.items()
        ],
        return_annotation=tuple[dict, str],
    )

    @explained
    def run(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        request = ScoreFieldRequest.of_parameters(**bound.arguments)
        for figure in MAKERS[name](request):
            yield shown(figure, request.settings() | {"experiment": name}), figure.run or request.training

    run.__signature__ = signature
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()} | {"return": tuple[dict, str]}
    run.__name__ = f"score_field_{name}"
    return run


FOLLOWING = ("forward", "score")
"""Views that follow their inputs without a button."""


def follow(view: str, *values) -> Iterator[tuple[dict, str]]:
    """The view that is open, drawn anew if it is one of FOLLOWING."""
    if view in FOLLOWING:
        yield from HANDLERS[view](*values)
    else:
        yield gr.skip(), gr.skip()


HANDLERS = {name: handler(name) for name in MAKERS}


@functools.cache
def opening() -> dict:
    """What the tab shows, and plays, before anything is run: computed for the first page, and kept."""
    request = ScoreFieldRequest()
    (figure,) = VIEWS["forward"](request)
    return shown(replace(figure, playing=True), request.settings())


def forgotten() -> tuple[dict, str]:
    """After Reset: the data alone, and no network."""
    return opening() | {"playing": False, "status": "no network yet: press Start"}, ""


@explained
def upload(path: str) -> tuple[dict, str]:
    """The points of a CSV file, for the sheet, and the choice of them."""
    with open(path, "rb") as file:
        rows = table_rows(file.read())
    return {"points": [list(row) for row in rows]}, "drawn"


@explained
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into its inputs."""
    request = ScoreFieldRequest.restored(settings_in(path, ScoreFieldRequest.KIND) | {"training": ""})
    return list(request.parameters().values())


def own_inputs(data: str) -> list:
    """Which inputs the chosen data has: the number of Gaussians, the word, the sheet."""
    return [gr.update(visible=data == name) for name in ("gaussians", "word", "drawn")]
