"""Score field: diffusion in the plane, where all of it is visible, exact and instant."""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import gradio as gr

from core.checks import Refused
from core.runs.score_field import ScoreFieldRequest
from tabs.score_field import job
from tabs.score_field.presets import PRESETS
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.drawing import drawing
from tabs.ui.failures import explained
from tabs.ui.form import Form
from tabs.ui.inputs import Textbox
from tabs.ui.page import open_alone
from tabs.ui.plane import plane
from tabs.ui.presets import filling
from tabs.ui.saved import settings_input
from tabs.ui.sent import any_file
from tabs.ui.stale import ANSWERED, ASKED, BACK, mark

TITLE = "Score field"
ID = "score_field"
FIGURE = "score-field-view"
QUIET = {"api_visibility": "private", "show_progress": "hidden"}
TOGETHER = {"concurrency_id": "plane", "concurrency_limit": 4}
SHARED_FIELDS = ("noising", "model", "steps", "count", "seed")
OPENED = "() => '%s'"
PRESS = """(next) => {
  const figure = document.querySelector('#%(figure)s'), name = %(name)s, view = %(views)s[name];
  const press = (tries) => {
    const button = document.querySelector(`#score-field-${name}`);
    if (button?.offsetParent && (figure.opened === view || !tries)) setTimeout(() => button.click(), 100);
    else if (tries) setTimeout(press, 50, tries - 1);
  };
  if (view) setTimeout(press, 50, 60);
}"""
"""Presses a button once its view is there and has asked for what it shows at first, which the run then ends."""
LAST = f"ownRuns.of('{FIGURE}').experiment"
"""The button of the last figure before a reload."""
NOTED = "(view) => { document.querySelector('#%s').opened = view; }"
DRAWN = """() => {
  const open = document.querySelector('#score-field-views [role=tab][aria-selected=true]');
  if (['Forward', 'Score'].includes(open?.textContent.trim())) delete document.querySelector('#%s').dataset.stale;
}"""
"""Remove the stale mark in the views that follow their inputs. The other views wait for their button."""
REFUSED = "() => { document.querySelector('#%s').dataset.stale = 'refused'; }"
"""No button helps: an input has to change again."""
FOLLOWED = ("data", "components", "word", "rows", "noising", "model", "steps", "count", "seed")
"""Inputs that are in sight in Forward and Score."""


@dataclass(frozen=True)
class View:
    """A sub-tab.

    Args:
        words: what to do there, in one line.
        fields: the inputs in it.
        buttons: key of `job.MAKERS` -> title; the first is the primary one. Without buttons the view follows its inputs.
    """

    title: str
    words: str
    fields: tuple[str, ...] = ()
    buttons: dict[str, str] = field(default_factory=dict)


VIEWS = {
    "forward": View("Forward", "Slide t: the points spread out, and the density and the score change with them. At small t the score is huge away from the data."),
    "score": View("Score", "Point at an arrow to read its numbers. Once a network is trained, its score stands beside the exact one."),
    "sample": View("Sample", "Every sampler starts from the same noise. Two draws of the data itself lie as far apart as “fresh data” says, so this distance cannot tell samples within that from data, though the eye may.", ("samplers",), {"sample": "Sample", "quality": "Quality against steps"}),
    "guide": View("Guide", "Half of the points are asked to be of class A, the other half of class B.", ("guides", "scale"), {"guide": "Guide"}),
    "train": View(
        "Train", "A small network learns the points while you watch. Choose \"trained here\" below to use it in the other views.",
        ("target", "rate", "updates", "width", "depth", "batch"),
        {"train": "Start", "train_slowly": "Slowly", "train_once": "One update"},
    ),
}  # fmt: skip


class ScoreField:
    """The tab, in the order in which it is put together."""

    def __init__(self):
        self.sheet = drawing("score-field-sheet")
        self.sheet.unrender()
        self.training = Textbox("", visible=False, render=False)
        self.open = Textbox("forward", visible="hidden", render=False)  # mounted, so that it tells its changes
        of_data = {key: {"visible": False} for key in ("components", "word")}  # until such data is chosen
        self.form = Form(ScoreFieldRequest(), {"rows": self.sheet, "training": self.training}, of_data)
        self.buttons: dict[str, gr.Button] = {}
        self.jobs: dict[str, list[gr.events.Dependency]] = {}
        self.tabs: dict[str, gr.Tab] = {}

    def build(self) -> None:
        """Lay the tab out and connect it."""
        with gr.Row(elem_classes=["presets", "named"]):
            presets = {gr.Button(name, size="sm", min_width=60): preset for name, preset in PRESETS.items()}
            self.next = gr.JSON(visible="hidden")
        with gr.Row():
            with gr.Column(scale=2, min_width=340, elem_classes="beside-plane"):
                self.data()
                self.views()
                self.settings()
            with gr.Column(scale=5, min_width=480):
                self.figure = plane(FIGURE)
                formula_panel("score_field")
        self.wire()
        self.wire_presets(presets)

    def data(self) -> None:
        """Which points: a named set, a word, or one's own."""
        self.form.place("data", "components", "word")
        with gr.Column(visible=False) as self.own:
            self.form.place("rows")
            self.upload = any_file(gr.UploadButton("Upload a table: CSV of x, y[, class]", size="sm"))
            self.remark = gr.HTML("")
        self.training.render()
        self.open.render()

    def views(self) -> None:
        """A sub-tab for each view."""
        with gr.Tabs(elem_id="score-field-views", overflow_behavior="wrap") as self.chosen:
            for name, view in VIEWS.items():
                with gr.Tab(view.title, id=name) as self.tabs[name]:
                    gr.HTML(f'<div class="caption">{view.words}</div>')
                    self.actions(name, view)
                    self.form.place(*view.fields)

    def actions(self, name: str, view: View) -> None:
        """The buttons of a view."""
        if not view.buttons:
            return
        first, *others = view.buttons
        with gr.Row():
            self.buttons[first] = gr.Button(
                view.buttons[first], variant="primary", elem_classes="do-run", scale=3, elem_id=f"score-field-{first}"
            )
            stop = "Pause" if name == "train" else "Stop"
            self.buttons[f"stop {name}"] = gr.Button(stop, elem_classes="do-stop", scale=1, min_width=80)
        with gr.Row() if others else contextlib.nullcontext():
            for maker in others:
                self.buttons[maker] = gr.Button(
                    view.buttons[maker], size="sm", min_width=90, elem_id=f"score-field-{maker}"
                )
            if name == "train":
                self.buttons["reset"] = gr.Button("Reset", size="sm", min_width=90)

    def settings(self) -> None:
        """The settings that all views share."""
        self.form.place(*SHARED_FIELDS)
        with gr.Accordion("Settings from a saved picture", open=False):
            self.saved = settings_input()

    # ---- wiring ----

    def wire(self) -> None:
        """Connect the inputs, the views and their buttons."""
        mark([w for name, w in self.form.widgets.items() if name != "training"], FIGURE)
        self.wire_data()
        # not by `select`, which also tells of the tab that a new page opens
        self.open.change(None, self.open, None, js=NOTED % FIGURE, api_visibility="private")
        opening = self.run(self.open.change, job.opening_of)
        for name, view in VIEWS.items():
            self.jobs[name] = []
            for maker in view.buttons:  # what a click ends comes first: the page waits for its job before the rest
                click, earlier = self.buttons[maker].click, [opening, *self.jobs[name]]
                click(None, None, None, cancels=earlier, api_visibility="private")
                self.jobs[name].append(self.run(click, job.HANDLERS[maker], f"score_field_{maker}"))
            if not view.buttons:
                gr.api(job.HANDLERS[name], api_name=f"score_field_{name}", **TOGETHER)
        widgets = [w for name, w in self.form.widgets.items() if name in FOLLOWED]
        self.run(lambda *args, **how: gr.on([w.change for w in widgets], *args, **how), job.follow)
        gr.on(None, job.opening, None, self.figure, queue=False, **QUIET)
        self.wire_stops()
        self.wire_views()
        # all at once, so that what follows a changed input knows the view
        outputs = [self.chosen, self.open, *self.form.inputs]
        self.saved.upload(restored, self.saved, outputs, api_name="restore_score_field", show_progress="hidden")
        came = self.figure.submit(back, self.figure, outputs, js=BACK % FIGURE, queue=False, **QUIET)
        came.success(None, None, None, js=pressing(LAST, job.PRESSED), api_visibility="private")

    @property
    def all_jobs(self) -> list[gr.events.Dependency]:
        """The jobs of all views."""
        return [j for jobs in self.jobs.values() for j in jobs]

    def wire_views(self) -> None:
        """Opening a view ends the jobs of the others, whose figure it takes over."""
        for name, tab in self.tabs.items():
            others = [j for j in self.all_jobs if j not in self.jobs[name]]
            tab.select(None, None, None, cancels=others, api_visibility="private")
            tab.select(None, None, self.open, js=OPENED % name, api_visibility="private")

    def run(self, event: Callable, handler: Callable, api_name: str = "") -> gr.events.Dependency:
        """Connect an event to a handler, which fills the figure; with its answer the figure is not stale any more."""
        following, viewed = handler is job.follow, handler in (job.follow, job.opening_of)
        how = {"api_name": api_name} if api_name else {"api_visibility": "private"}
        if not following:
            event(None, None, None, js=ASKED % FIGURE, api_visibility="private")
        made = event(
            handler, [self.open] * viewed + self.form.inputs, [self.figure, self.training], show_progress="hidden",
            trigger_mode="always_last" if viewed else "once", **how, **TOGETHER,
        )  # fmt: skip
        if following:
            made.failure(None, None, None, js=REFUSED % FIGURE, api_visibility="private")
        made.success(None, None, None, js=(DRAWN if following else ANSWERED) % FIGURE, api_visibility="private")
        return made

    def wire_stops(self) -> None:
        """Stop ends the jobs of a view. Pause then shows the training so far, to scrub; Reset forgets it."""
        stops = {
            name: self.buttons[f"stop {name}"].click(None, None, None, cancels=jobs, api_visibility="private")
            for name, jobs in self.jobs.items()
            if jobs
        }
        so_far = stops["train"].then(job.paused, self.form.inputs, [self.figure, self.training], **QUIET)
        self.jobs["train"].append(so_far)
        reset = self.buttons["reset"].click(None, None, None, cancels=self.jobs["train"], api_visibility="private")
        reset.then(job.forgotten, self.form.inputs, [self.figure, self.training], **QUIET)

    def wire_data(self) -> None:
        """Show the inputs that the chosen data has, and take tables, with a remark on how their points were moved."""
        own = [self.form["components"], self.form["word"], self.own]
        self.form["data"].change(job.own_inputs, self.form["data"], own, queue=False, **QUIET)
        taken = self.upload.upload(
            job.upload,
            self.upload,
            [self.sheet, self.form["data"]],
            api_name="score_field_table",
            show_progress="hidden",
        )
        taken.success(job.remark, self.upload, self.remark, **QUIET)
        other = [self.sheet.input, self.saved.upload]  # points that are not the table's, or not alone
        gr.on(other, None, None, self.remark, js="() => ''", api_visibility="private")

    def wire_presets(self, presets: Mapping[gr.Button, tuple[str, ScoreFieldRequest]]) -> None:
        """A preset fills the inputs, opens its view and runs it."""
        followed = {b: preset for b, preset in presets.items() if preset[0] in job.FOLLOWING}
        pressed = {b: preset for b, preset in presets.items() if b not in followed}
        self.run(self.fill_from(followed).then, job.follow)
        self.fill_from(pressed).then(None, self.next, None, js=pressing("next.view"), api_visibility="private")
        gr.on([b.click for b in presets], None, None, None, cancels=self.all_jobs, api_visibility="private")

    def fill_from(self, presets: Mapping[gr.Button, tuple[str, ScoreFieldRequest]]) -> gr.events.Dependency:
        """The event with which these presets fill the inputs and open their view."""
        return filling(
            presets, filled, None, [self.next, self.chosen, self.open, *self.form.inputs], show_progress="hidden"
        )


def filled(preset: tuple[str, ScoreFieldRequest]) -> list:
    """The button that a preset presses, its view, opened, and its values of the inputs; points and training stay."""
    view, request = preset
    inputs = (gr.skip() if name in ("rows", "training") else value for name, value in request.parameters().items())
    return [{"view": view}, gr.Tabs(selected=job.SUB_TAB[view]), job.SUB_TAB[view], *inputs]


def pressing(name: str, views: Mapping[str, str] = job.SUB_TAB) -> str:
    """The script that presses the button with the key of `job.MAKERS` that the expression `name` gives, if it is in `views`."""
    return PRESS % {"figure": FIGURE, "name": name, "views": json.dumps(views)}


def restored(path: str) -> list:
    """The sub-tab that a saved picture was taken in, opened, and its settings."""
    values, view = job.restore(path), job.view_of(path)
    return [gr.Tabs(selected=view), view, *values]


@explained
def back(view: dict) -> list:
    """The view of the last figure before a reload, opened, and its settings, `view["run"]`."""
    settings = view.get("run") if isinstance(view, dict) else None
    if not isinstance(settings, dict):
        raise Refused("There is no figure to come back to.")
    view = job.view_in(settings)
    return [gr.Tabs(selected=view), view, *job.refilled(settings)]


def build(shared: Shared) -> None:
    """The tab."""
    ScoreField().build()


if __name__ == "__main__":
    open_alone(TITLE, build)
