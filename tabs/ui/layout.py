"""The two columns of a tab: its inputs left, its pictures right; one primary button, one viewer."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar

import gradio as gr

from core.checks import ModelError, Refused
from core.runs import cost
from core.runs.request import Request
from tabs.ui.canvas import Canvas
from tabs.ui.controls import Shared, run_row, wire
from tabs.ui.enlarging import Enlarging
from tabs.ui.examples import fetched
from tabs.ui.failures import explained
from tabs.ui.files import download_row
from tabs.ui.form import Form
from tabs.ui.inputs import Number
from tabs.ui.job import Job, Source
from tabs.ui.lines import line, renew
from tabs.ui.presets import Preset, filling
from tabs.ui.prompts import remark_line
from tabs.ui.saved import restores, settings_input
from tabs.ui.send import send_row
from tabs.ui.stale import come_back, give_example, mark
from tabs.ui.viewer import RUN_ONLY, RUNS, viewer

QUIET = {"api_visibility": "private", "show_progress": "hidden"}
OPEN = "() => ({__type__: 'update', open: true})"
QUICK = 20
"""Seconds that a run may take for a preset to start it; a longer one is only filled in."""
NUMBERED = "() => document.querySelector('#%s .fv')?.dispatchEvent(new Event('fv-numbered', {bubbles: true}))"
"""Tell a viewer that the number of the chosen picture changed. At its end, a run sets the number of its first
picture."""
PRESS = "(next) => pressNext(next, '%s')"


class Layout:
    """A tab of one job: create it, fill `left` and `right`, then `wire` it.

    Args:
        job: its runs.
        request: the initial settings.
        presets: one button each, above the columns.
        special, how: the tab's own widgets, and keywords of the others; see `Form`.

    Attributes:
        extra: what presets and restored settings fill besides the inputs, see `Job.extra`.
    """

    PRESET_WIDTH: ClassVar[int] = 60
    """The minimum width of a preset's button, in pixels."""
    RIGHT_ID: ClassVar[str | None] = None
    """The element id of the right column."""
    show: ClassVar[Callable[..., gr.HTML]] = staticmethod(viewer)
    """Makes the viewer from its element id and its first value."""

    def __init__(self, job: Job, request: Request, shared: Shared, presets: Mapping[str, Preset],
                 special: dict[str, gr.components.Component] | None = None,
                 how: Mapping[str, dict] | None = None):  # fmt: skip
        self.job, self.shared, self.form = job, shared, Form(request, special, how)
        self.experiment_buttons: dict[str, gr.Button] = {}
        self.extra: list[gr.blocks.Block] = []
        self.around: gr.Accordion | None = None
        self.further: gr.Accordion | None = None
        self.upload: gr.File | None = None
        self.panel: gr.Accordion | None = None
        self.enlarger: Enlarging | None = None
        with gr.Row(elem_classes=["presets", "named"]) if presets else contextlib.nullcontext():
            self.presets = {
                gr.Button(name, size="sm", min_width=self.PRESET_WIDTH): preset for name, preset in presets.items()
            }
            self.next = gr.JSON(visible="hidden")
        with gr.Row():
            self.left = gr.Column(scale=2, min_width=340)
            self.right = gr.Column(scale=5, min_width=480, elem_id=self.RIGHT_ID)

    @property
    def inputs(self) -> list[gr.components.Component]:
        """The sources, then the form's widgets in the order of the API's parameters."""
        return [*(source.widget for source in self.job.sources.values()), *self.form.inputs]

    @property
    def figure(self) -> str:
        """The id of the element that a run fills. A changed input marks it as stale."""
        return self.RIGHT_ID or self.view.elem_id

    @property
    def cost_line(self) -> str:
        """The name of the line with the next run's cost."""
        return f"{self.job.tab}-cost"

    @property
    def priced(self) -> list[gr.components.Component]:
        """The components that the cost depends on."""
        return [*self.form.inputs, self.shared.device]

    @functools.cached_property
    def restored(self) -> list[gr.blocks.Block]:
        """The components that the settings in a saved picture fill, fixed when this page is wired. The job itself has
        the sources of the newest page."""
        first, further = self.job.written()
        return [*(s.widget for s in first), *self.form.inputs, *self.extra, *(s.widget for s in further)]

    # ---- left ----

    def source(self, parameter: str, source: Source, around: gr.Accordion | None = None) -> None:
        """Add a widget that gives pictures, by its API parameter; a sent picture opens the panel around it."""
        self.job.sources[parameter], self.around = source, around

    def run_row(self, label: str, remarks: Sequence[str] = ("prompt",), styled: bool = False) -> None:
        """Run, Stop, the cost line, and the model's remarks on the prompts in the fields `remarks`."""
        self.start, self.stop = run_row(label, self.job.button_id(""))
        line(self.cost_line, self.job.price, lambda: self.priced, "cost")
        if remarks:
            self.remarks(*remarks, styled=styled)

    def remarks(self, *names: str, styled: bool = False) -> None:
        """The model's remarks on the prompts in these fields; see `remark_line`."""
        prompts = [self.form[name] for name in names]
        remark_line(f"{self.job.tab}-remarks", self.form["model"], *prompts, styled=styled)

    def experiments(self, words: str) -> None:
        """A button for each of the job's other experiments, under a line that explains them; its title is its cost."""
        gr.HTML(f'<div class="caption">{words}</div>')
        with gr.Row(elem_classes="presets"):
            for name, title in self.job.titles.items():
                button = gr.Button(title, size="sm", min_width=110, elem_id=self.job.button_id(name))
                self.experiment_buttons[name] = button

    @contextlib.contextmanager
    def more(self, endpoint: str) -> Iterator[None]:
        """The panel of further settings, with the place for a saved PNG at its end; `endpoint` is its API name."""
        with gr.Accordion("More settings", open=False) as self.further:
            yield
            self.upload, self.restoring = settings_input(), endpoint

    def settings(self, endpoint: str) -> None:
        """A panel with only the place for a saved PNG."""
        with gr.Accordion("Settings from a saved picture", open=False):
            self.upload, self.restoring = settings_input(), endpoint

    # ---- right ----

    def viewer(self, more: Sequence[gr.components.Component] = ()) -> None:
        """The viewer, the files, the number of the chosen picture, and where it can be sent."""
        self.view = self.show(f"{self.job.tab}-view", self.job.example())
        with gr.Row(elem_classes="slim"):
            self.files = download_row()
            self.number()
        send_row(self.job.pick, [self.view, self.index], self.shared, self.job.tab)

    def number(self) -> None:
        """The number of the chosen picture."""
        self.index = Number(
            self.job.first + 1, label="Picture number", precision=0, min_width=80, elem_id=self.job.pick_id, info="or click one"
        )  # fmt: skip
        self.index.change(None, None, None, js=NUMBERED % self.view.elem_id, api_visibility="private")

    def inside(self, title: str, opens: bool = False) -> None:
        """The look inside the chosen picture, closed at first.

        Args:
            opens: whether choosing a picture opens it.
        """
        self.opens = opens
        with gr.Accordion(title, open=False) as self.panel:
            self.inner = viewer(f"{self.job.tab}-inside")

    def enlarging(self, how: str = "") -> None:
        """The panel that enlarges the chosen picture; see `tabs.ui.enlarging.Enlarging`."""
        self.enlarger = Enlarging(self.job, how)

    # ---- all of it ----

    @property
    def of_one(self) -> list[gr.components.Component]:
        """The components that `Job.look_at` fills for the chosen picture."""
        return [self.inner]

    @property
    def kept(self) -> list[gr.components.Component]:
        """The components that `Job.keep` fills after a run."""
        return [self.view, self.index, self.inner, *self.files]

    def wire(self, endpoints: Mapping[str, str], takes: Sequence[gr.Textbox] = ()) -> None:
        """Connect everything.

        Args:
            endpoints: experiment -> API name; the first is that of the primary button.
            takes: the prompts that describe a picture sent to the first source.
        """
        self.place_the_rest()
        sources = {p: source.widget for p, source in self.job.sources.items()}
        known = sources | self.form.widgets | {"device": self.shared.device}
        for name, endpoint in endpoints.items():
            button = self.start if name == next(iter(endpoints)) else self.experiment_buttons[name]
            run, keep = self.job.handler(name), explained(self.job.keep)
            inputs = [known[p] for p in inspect.signature(run).parameters]
            wire((button, self.stop), run, inputs, keep, self.kept, self.shared, endpoint)
        filled = [c for c in (*self.kept, *self.restored) if not isinstance(c, Canvas)]
        come_back(self.view, self.back, filled, self.view.elem_id)
        files = [c for c in self.kept if isinstance(c, gr.DownloadButton)]
        give_example(self.view, explained(self.example_files), self.view, files, self.view.elem_id)
        if self.panel is not None:
            self.wire_inside()
        if self.enlarger is not None:
            self.enlarger.wire(self.stop, self.view, self.index, self.shared)
        self.wire_inputs(takes)

    def back(self, view: dict) -> dict:
        """The run of `view` and its inputs, or the example if the run is no longer kept. Canvases are left out: they
        keep their own value."""
        try:
            inputs = zip(self.restored, self.job.refilled(RUNS.get(view).settings), strict=True)
            filled = self.kept_of(view)
        except Refused:
            return {self.view: fetched(self.job.tab)}
        return {widget: value for widget, value in (*filled, *inputs) if not isinstance(widget, Canvas)}

    def example_files(self, view: dict) -> list:
        """The files of the visible example or run, when the page asks for them."""
        return [value for widget, value in self.kept_of(view) if isinstance(widget, gr.DownloadButton)]

    def kept_of(self, view: dict) -> list[tuple]:
        """(widget, value) for every component that a run, or an example, fills at its end."""
        kept = self.job.keep(view)
        *_, kept = kept if inspect.isgenerator(kept) else [kept]
        return [*zip(self.kept, kept if isinstance(kept, list | tuple) else [kept], strict=True)]

    def place_the_rest(self) -> None:
        """Put fields without a place under More settings. Raises ValueError if the tab has no such panel."""
        if rest := self.form.unplaced:
            if self.further is None:
                raise ValueError(f"These fields have no place on the page: {', '.join(rest)}.")
            with self.further:
                self.form.place(*rest)

    def wire_inside(self) -> None:
        """Connect the look inside: it shows the chosen picture, of an example too, when it is opened or another is chosen.

        One event serves both, so that the last question is answered last.
        """
        asks = [self.index.input, self.panel.expand]
        how = QUIET | {"js": RUN_ONLY, "trigger_mode": "always_last"}
        gr.on(asks, explained(self.job.look_at), [self.view, self.index], self.of_one, **how)
        if self.opens:
            self.index.input(None, None, self.panel, js=OPEN, api_visibility="private")

    def wire_inputs(self, takes: Sequence[gr.Textbox] = ()) -> None:
        """Connect the cost line, the saved PNG, the presets and what other tabs send."""
        self.form.follow_model()
        mark([source.widget for source in self.job.sources.values()], self.figure)
        renew(self.cost_line, self.priced, self.form.inputs, self.figure)
        renew(self.cost_line, self.priced, [self.shared.device])
        if self.upload is not None:
            restores(self.upload, self.job.restore, self.restored, self.restoring)
        if self.job.sources:
            source = next(iter(self.job.sources.values()))
            self.shared.inbox[self.job.tab] = source.widget, self.around, list(takes)
        if self.presets:
            self.wire_presets()

    def wire_presets(self) -> None:
        """A preset fills the inputs, then presses the button of its experiment, or asks for it if the run is not `QUICK`."""
        self.press_after(self.fill_from(self.presets))

    def fill_from(self, presets: Mapping[gr.Button, Preset]) -> gr.events.Dependency:
        """The event with which these presets fill the inputs."""
        known = [self.shared.device, *(self.form[name] for name in ("model",) if name in self.form.widgets)]
        outputs = [*self.inputs, *self.extra, self.next]
        return filling(presets, self.clicked, known, outputs, trigger_mode="multiple")

    def clicked(self, preset: Preset, device: str, model: str | None = None) -> list:
        """A preset as values of the inputs, and which button it presses next."""
        return [*self.filled(preset), self.quick(preset, device, model)]

    def press_after(self, ready: gr.events.Dependency) -> None:
        """Press the button that a preset named, after this event."""
        ready.then(None, self.next, None, js=PRESS % self.figure, api_visibility="private")

    def filled(self, preset: Preset) -> list:
        """A preset as values of the inputs."""
        made = preset.sources or {}
        sources = [made[name]() if name in made else gr.skip() for name in self.job.sources]
        values = self.form.values(preset.request, () if preset.moves else ("model",))
        return [*sources, *values, *self.job.extra(preset.request)]

    def quick(self, preset: Preset, device: str, model: str | None = None) -> dict[str, str]:
        """{"button": the id of the button that runs a preset on the current model, "takes": how long that takes if it is
        not `QUICK`}; no button if the run is refused."""
        try:
            seconds = self.job.seconds(preset.experiment, preset.on(model), device)
        except (Refused, ModelError):
            return {"button": "", "takes": ""}
        return {"button": self.job.button_id(preset.experiment), "takes": cost.about(seconds) * (seconds >= QUICK)}
