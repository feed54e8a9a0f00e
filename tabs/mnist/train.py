"""Train it live: a small network learns digits from scratch in the page."""

import gradio as gr

from core.runs.digit_data import mnist_is_here
from core.runs.live_digits_request import TrainDigitsRequest
from tabs.mnist import live
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.examples import pointer
from tabs.ui.files import download_row
from tabs.ui.form import Form, begun
from tabs.ui.inputs import CheckboxGroup, Textbox
from tabs.ui.plane import plane
from tabs.ui.presets import filling
from tabs.ui.saved import restores, settings_in, settings_input
from tabs.ui.stale import ANSWERED, ASKED, mark
from tabs.ui.viewer import made_when_seen, viewer

VIEW, CHARTS = "train-view", "train-charts"
QUIET = {"api_visibility": "private", "show_progress": "hidden"}
TWO_AT_ONCE = {"concurrency_id": "digit-training", "concurrency_limit": 2}
R = TrainDigitsRequest
PRESETS = {
    "Three minutes: flow, D = 16": R(),
    "DDPM": R(objective="ddpm"),
    "Wider: D = 32": R(width=32),
    "Without classes": R(told="none"),
    "Denoiser": R(objective="denoiser", rate=0.001, updates=500),
    "Rate too high": R(rate=0.3),
    "Drawn digits": R(data="drawn"),
}
NEW_NETWORK = ("objective", "told", "width", "T", "batch", "updates", "data", "seed")
"""Inputs that take effect at the next Start."""
ON_THE_WAY = ("rate", "p_uncond")
"""Inputs that take effect at once."""
OF_OBJECTIVE = ("told", "T", "p_uncond")
"""Inputs that only some of what learns has."""


class TrainLive:
    """The sub-tab, in the order in which it is put together."""

    def __init__(self, shared: Shared):
        self.shared = shared
        self.training = Textbox("", visible=False, render=False)
        self.runs = Textbox("", visible=False, render=False)
        self.beside = CheckboxGroup(
            [], label="Curves", info="The runs of this page, laid over one another.", visible=False, render=False
        )
        special = {"training": self.training, "beside": self.beside}
        how = begun(OF_OBJECTIVE, own_inputs(R().objective, R().told))
        self.form = Form(R(), special, how | {"width": {"min_width": 150}, "told": how["told"] | {"min_width": 150}})
        self.jobs: list[gr.events.Dependency] = []

    def build(self) -> None:
        """Lay the sub-tab out and connect it."""
        with gr.Row(elem_classes=["presets", "named"]):
            presets = {gr.Button(name, size="sm", min_width=60): request for name, request in PRESETS.items()}
        with gr.Row():
            with gr.Column(scale=2, min_width=340):
                self.actions()
                self.inputs()
            with gr.Column(scale=5, min_width=480):
                self.view = viewer(VIEW, pointer(live.EXAMPLE), elem_classes="two-at-once")
                self.charts = plane(CHARTS, live.idle()[1])
                with gr.Row(elem_classes="slim"):
                    self.files = download_row()
                self.keeping()
                formula_panel("mnist_train")
        self.wire()
        filling(presets, self.filled, None, self.form.inputs, show_progress="hidden")

    def actions(self) -> None:
        """Start, Pause, Step, Stop, Reset."""
        with gr.Row():
            self.start = gr.Button("Start", variant="primary", elem_classes="do-run", scale=3, elem_id="train-start")
            self.pause = gr.Button("Pause", elem_classes="do-stop", scale=1, min_width=80, elem_id="train-pause")
        with gr.Row():
            self.step, self.stop, self.reset = (
                gr.Button(name, size="sm", min_width=70, elem_id=f"train-{name.lower()}")
                for name in ("Step", "Stop", "Reset")
            )

    def inputs(self) -> None:
        """The inputs of the training, and the choice of runs whose curves are shown."""
        self.form.place("objective", "told", "width", "T", "rate", "batch", "p_uncond", "updates", "data")
        with gr.Row(elem_classes="slim"):
            self.data = made_when_seen(live.opened, elem_classes="caption")
            self.fetch = gr.Button("Download MNIST", size="sm", min_width=130, scale=0, visible=not mnist_is_here())
        self.form.place("seed", "beside")
        with gr.Accordion("Settings from a saved picture", open=False):
            self.upload = settings_input()
        self.training.render()
        self.runs.render()

    def keeping(self) -> None:
        """Keep it: for the other sub-tabs, and as a file."""
        with gr.Row(elem_classes="slim"):
            self.keep = gr.Button("Keep it", size="sm", min_width=110, scale=0, elem_id="train-keep")
            self.file = gr.DownloadButton("Weights and card", interactive=False, size="sm", min_width=160, scale=0)
        self.said = gr.HTML(live.KEEPS, elem_classes="caption")

    # ---- wiring ----

    @property
    def asked(self) -> list[gr.components.Component]:
        """The form's widgets and the device, as Start takes them."""
        return [*self.form.inputs, self.shared.device]

    def wire(self) -> None:
        """Connect the buttons and the inputs."""
        mark([self.form[name] for name in NEW_NETWORK], VIEW)
        self.wire_start(self.start, live.START, "train_digits")
        self.wire_start(self.step, live.STEP, "train_digits_once")
        self.wire_ends()
        restores(self.upload, self.restored, self.form.inputs, "restore_training")
        gr.on(
            [self.form[name].input for name in ON_THE_WAY],
            live.retune, self.form.inputs, None, queue=False, trigger_mode="multiple", **QUIET,
        )  # fmt: skip
        self.beside.input(
            live.overlaid, [self.training, self.beside], self.charts, trigger_mode="always_last", queue=False, **QUIET
        )
        own = [self.form["objective"], self.form["told"]]
        shows = [self.form[name] for name in OF_OBJECTIVE]
        gr.on([w.change for w in own], own_inputs, own, shows, queue=False, **QUIET)
        if self.shared.kept is not None:
            kept = self.shared.kept
            self.keep.click(live.keep_it, [self.training, kept], [kept, self.said, self.file], **QUIET)
        self.fetch.click(live.fetch, None, [self.data, self.fetch], api_name="download_mnist", show_progress="hidden")

    def wire_start(self, button: gr.Button, handler, api_name: str) -> None:
        """A button that trains: first this page's training is found or made, so that a second click goes on with it."""
        button.click(None, None, None, js=ASKED % VIEW, api_visibility="private")
        begun = button.click(
            live.begin, [self.runs, *self.asked], [self.training, self.runs, self.beside, *self.files],
            concurrency_limit=None, **QUIET,
        )  # fmt: skip
        job = begun.success(
            handler, self.asked, [self.view, self.charts, self.training], api_name=api_name, show_progress="hidden",
            trigger_mode="multiple", **TWO_AT_ONCE,
        )  # fmt: skip
        begun.success(None, None, None, js=ANSWERED % VIEW, api_visibility="private")
        job.success(live.files, self.form.inputs, self.files, **QUIET)
        self.jobs += [begun, job]

    def wire_ends(self) -> None:
        """Pause, Stop and Reset end the jobs, and show what became of them."""
        shown = [self.view, self.charts, *self.files]
        for button, after, inputs, outputs in (
            (self.pause, live.paused, self.form.inputs, shown),
            (self.stop, live.stopped, self.form.inputs, [*shown, self.training]),
            (self.reset, live.forgotten, [self.training, self.runs, self.beside],
             [*shown, self.training, self.runs, self.beside]),
        ):  # fmt: skip
            ended = button.click(None, None, None, cancels=self.jobs, api_visibility="private")
            ended.then(after, inputs, outputs, **QUIET)

    def restored(self, path: str) -> list:
        """The settings inside a PNG that was saved here, back into the inputs; what is trained stays."""
        return self.filled(TrainDigitsRequest.restored(settings_in(path, TrainDigitsRequest.KIND)))

    def filled(self, request: TrainDigitsRequest) -> list:
        """A preset as values of the inputs; what is trained stays."""
        return self.form.values(request, ("training", "beside"))


def own_inputs(objective: str, told: str) -> list[dict]:
    """Which inputs matter for what learns."""
    time = objective != "denoiser"
    return [
        gr.update(visible=time),
        gr.update(visible=objective == "ddpm"),
        gr.update(visible=time and told == "class"),
    ]


def build(shared: Shared) -> None:
    """The sub-tab."""
    TrainLive(shared).build()
