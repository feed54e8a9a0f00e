"""The handlers of Train it live: from the inputs to pictures, charts, and the trainings of this page."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import gradio as gr

from core.pictures.figures import Words, gif
from core.pictures.figures import figure as pictured
from core.pictures.images import enlarge, grid, png
from core.runs.digit_curves import charts, laid_over, named
from core.runs.digit_data import DRAWING, fetch_mnist, mnist_is_here
from core.runs.digit_training import TRAININGS
from core.runs.kept_digits import download_of, keep, offered
from core.runs.live_digits import (
    DigitFigure,
    caption_of,
    learner_of,
    one_update,
    request_of,
    retuned,
    train,
    trained_so_far,
)  # fmt: skip
from core.runs.live_digits_request import TrainDigitsRequest, runs_of
from core.runs.panels import Chart
from tabs.ui import plane
from tabs.ui.examples import example
from tabs.ui.failures import explained
from tabs.ui.files import MOVING, STILL, factor, filled, table, waiting
from tabs.ui.files import offered as files_offered
from tabs.ui.handlers import handler_of
from tabs.ui.viewer import as_uri

EXAMPLE = "learning"
COLUMNS = 10
Shown = tuple[dict, dict, str]
"""The viewer's value, the charts', and the id of the training."""
KEEPS = "Keep it: Generate, the denoiser and the scoreboard of this page then offer the network as it is now; others do not see it."
HERE = "MNIST is here: 60,000 digits (LeCun, Cortes, Burges; CC BY-SA 3.0)."
NOT_HERE = "MNIST is not here: our own flow model draws 6,000 digits to learn from, once, in a minute or two."


def pictures(figure: DigitFigure) -> dict:
    """A figure as the viewer's value."""
    frames = [
        {"images": [as_uri(grid(p, COLUMNS))], "label": label, "end": False}
        for p, label in zip(figure.pictures, figure.labels, strict=True)
    ]
    count = len(figure.pictures[0]) if figure.pictures else COLUMNS
    around = {"columns": COLUMNS, "count": count, "across": [*figure.across], "down": [*figure.down], "pick": ""}
    return {
        "lanes": [figure.title],
        "origins": [""],
        "columns": 1,
        "grid": around,
        "run": figure.run,
        "running": figure.fraction is not None,
        "status": figure.status,
        "fraction": figure.fraction,
        "frames": frames,
    }


def curves(found: Sequence[Chart], caption: str = "") -> dict:
    """Charts as a plane's value."""
    return plane.charts(*(plane.chart_of(c) for c in found if c.lines), caption=caption)


def values_of(figure: DigitFigure) -> Shown:
    """A figure as the values of both."""
    return pictures(figure), curves(figure.charts, figure.caption), figure.run


def trains(request: TrainDigitsRequest, device: str) -> Iterator[Shown]:
    """Start."""
    yield from map(values_of, train(request, device))


def steps(request: TrainDigitsRequest, device: str) -> Iterator[Shown]:
    """Step."""
    yield from map(values_of, one_update(request, device))


START = handler_of(TrainDigitsRequest, trains, "train_digits", Shown, device=True)
STEP = handler_of(TrainDigitsRequest, steps, "train_digits_once", Shown, device=True)


def choice_of_runs(runs: Sequence[str], checked: Sequence[str]) -> gr.CheckboxGroup:
    """The trainings of a page to choose from; they are seen once there are two."""
    here = [run for run in runs if TRAININGS.get(run) is not None]
    options = [(f"{k}: {named(TRAININGS.get(run))}", run) for k, run in enumerate(here, 1)]
    return gr.CheckboxGroup(choices=options, value=[run for run in here if run in checked], visible=len(here) > 1)


@explained
def begin(runs: str, *values) -> tuple:
    """At Start and Step: continue the training of this page, or begin a new one, whose curve joins the others."""
    *given, device = values
    request = TrainDigitsRequest.of_values(given)
    learner = learner_of(request, device)
    known = runs_of(runs)
    all_runs = known if learner.id in known else (*known, learner.id)
    return learner.id, " ".join(all_runs), choice_of_runs(all_runs, {*request.beside, learner.id}), *waiting()


def idle() -> tuple[dict, dict]:
    """The view and the charts before any training: the example."""
    return example(EXAMPLE), example(f"{EXAMPLE}-curves") or curves([])


@explained
def paused(*values) -> tuple:
    """After Pause: all moments so far, to scrub, and their files. Without a training nothing changes."""
    request = TrainDigitsRequest.of_values(values)
    if TRAININGS.get(request.training) is None:
        return tuple(gr.skip() for _ in ("view", "charts", *waiting()))
    for figure in trained_so_far(request):
        return *values_of(figure)[:2], *saved(request_of(TRAININGS.get(figure.run)), figure)
    return *idle(), *waiting()


@explained
def files(*values) -> tuple:
    """The files of all moments so far, after the last update and after a single one."""
    return paused(*values)[2:]


@explained
def stopped(*values) -> tuple:
    """After Stop: the same, and the next Start begins anew."""
    learner = TRAININGS.get(TrainDigitsRequest.of_values(values).training)
    view, *rest = paused(*values)
    if learner is not None and learner.digits is not None:
        view = view | {"status": f"stopped: {view['status']}; Start begins anew"}
    return view, *rest, ""


def saved(request: TrainDigitsRequest, figure: DigitFigure) -> list[gr.DownloadButton]:
    """The three buttons of a training: its samples by time as GIF, the last ones as PNG; a zip with them, those of every
    moment, and the curves."""
    settings, sheets = request.settings(), [grid(p, COLUMNS) for p in figure.pictures]
    words = Words([*figure.across], [*figure.down], figure.caption)
    loop = gif(sheets, factor=factor(sheets[-1], MOVING), words=replace(words, moments=figure.labels))
    words = replace(words, below=f"{figure.status}. {figure.caption}")
    still = png(pictured(enlarge(sheets[-1], factor(sheets[-1], STILL)), words), settings)
    each = [(f"{k:02d}-{label.split(' ·')[0].replace(' ', '-')}.png", png(sheet, settings))
            for k, (label, sheet) in enumerate(zip(figure.labels, sheets, strict=True), 1)]  # fmt: skip
    points = [
        (c.title, line.name, *xy) for c in figure.charts for line in c.lines for xy in zip(line.x, line.y, strict=True)
    ]
    curves = table([("chart", "line", "x", "y"), *points])
    inside = [("samples.gif", loop), ("samples.png", still), *each, ("curves.csv", curves)]
    return filled(f"{request.KIND}-{request.objective}-seed-{request.seed}", loop, still, inside)


@explained
def forgotten(training: str, runs: str, beside: Sequence[str]) -> tuple:
    """After Reset: nothing is trained, and its curve is gone; those of other runs stay."""
    rest = tuple(run for run in runs_of(runs) if run != training)
    view, example_curves = idle()
    others = [t for run in rest if run in beside and (t := TRAININGS.get(run)) is not None and t.digits is not None]
    found = curves(charts(others), caption_of(others[-1])) if others else example_curves
    return view, found, *waiting(), "", " ".join(rest), choice_of_runs(rest, beside)


@explained
def overlaid(training: str, beside: Sequence[str]) -> dict:
    """The charts after another choice of curves."""
    learner = TRAININGS.get(training) or next(filter(None, map(TRAININGS.get, runs_of(beside))), None)
    if learner is None or learner.digits is None:
        return idle()[1]
    return curves(charts(laid_over(learner, runs_of(beside))), caption_of(learner))


@explained
def retune(*values) -> None:
    """A training under way goes on with another rate or p_uncond."""
    retuned(TrainDigitsRequest.of_values(values))


@explained
def keep_it(training: str, kept: str) -> tuple:
    """Keep the network as it is now. Returns the names kept in this page, a sentence on the network, and its file."""
    name = keep(training)
    title = offered([name], "digits").get(name)
    where = "Generate and the scoreboard" if title else "the single-step denoiser"
    said = f"Kept for {where}, in this page alone, until it is opened again: {title or offered([name], 'single-step')[name]}."
    return f"{kept} {name}".strip(), said, *files_offered(download_of(name))


def data_line() -> str:
    """Whether MNIST is here."""
    return HERE if mnist_is_here() else NOT_HERE


def opened() -> str:
    """The same when the sub-tab is first seen: without MNIST our own model then begins to draw digits."""
    if not mnist_is_here():
        DRAWING.begin()
    return data_line()


@explained
def fetch() -> Iterator[tuple[str, gr.Button]]:
    """Download MNIST into the data folder."""
    yield "Downloading MNIST, 11 MB …", gr.Button(interactive=False)
    try:
        fetch_mnist()
    finally:
        yield data_line(), gr.Button(interactive=True, visible=not mnist_is_here())
