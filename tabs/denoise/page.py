"""Forward & denoise: what noise does, why a blur cannot undo it, and why one step is not enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from core.checks import Refused
from core.pictures.scenes import SCENES
from core.runs.comparison import Comparison
from core.runs.denoise import DenoiseRequest, Denoising
from tabs.denoise.figures import comparison, noising, on_page, progress, quality
from tabs.denoise.job import ID, JOB, again, caption_of, make, offer
from tabs.ui.controls import NETWORK, Shared, after, formula_panel
from tabs.ui.examples import PREFIX, STATUS, pointer, recorded
from tabs.ui.failures import explained
from tabs.ui.files import download_row
from tabs.ui.inputs import Dropdown
from tabs.ui.layout import Layout
from tabs.ui.picture import picture_source
from tabs.ui.plane import plane
from tabs.ui.presets import Preset, first, scene
from tabs.ui.send import send_row
from tabs.ui.stale import come_back, give_example, hold, unmark
from tabs.ui.viewer import made_when_seen, status_line, viewer

TITLE = "Forward & denoise"
SHORT = "Denoise"
FIGURES = "denoise-figures"
WHY = (
    "PSNR, the peak signal-to-noise ratio to the original in decibels, is higher the nearer a picture is: 3 dB more is half "
    "the squared error. One step often beats iterative in PSNR: it is the mean of all plausible pictures, which is nearest in "
    "mean square and blurred. Iterative is one plausible picture: sharper, but not the same one."
)
TAKES_PICTURES = True
MOUNTAINS, SAILBOAT = (scene("picture", SCENES[name]) for name in ("Mountains", "Sailboat"))
PRESETS = {
    "t = 250, 500, 750": Preset(DenoiseRequest(), MOUNTAINS),
    "Every fifth step from t = 690": Preset(DenoiseRequest((690,)), MOUNTAINS),
    "Almost nothing but noise": Preset(DenoiseRequest((800, 900, 999)), SAILBOAT),
    "An emoji that the model drew": Preset(DenoiseRequest(prompt="an emoji of a penguin")),
}
"""In presets without a scene, the model draws their prompt as the picture."""


class DenoiseLayout(Layout):
    """The columns of the tab; all of the right one is the figure."""

    RIGHT_ID = FIGURES

    @property
    def drawing(self) -> dict:
        """The keywords of an event in which the model draws the prompt as the picture."""
        told = [*(self.form[name] for name in ("prompt", "model", "seed")), self.shared.device]
        return {
            "fn": make,
            "inputs": told,
            "outputs": self.job.sources["picture"].widget,
            "show_progress": "minimal",
            **NETWORK,
        }

    def wire_presets(self) -> None:
        """See the base class. For a preset without a scene, the model first draws the picture."""
        ready = {button: preset for button, preset in self.presets.items() if preset.sources}
        others = {button: preset for button, preset in self.presets.items() if button not in ready}
        self.press_after(self.fill_from(ready))
        self.drawn = self.fill_from(others).then(**self.drawing, api_visibility="private")
        self.press_after(self.drawn)


def build(shared: Shared) -> None:
    """The tab."""
    tab = DenoiseLayout(JOB, first(DenoiseRequest(), shared), shared, PRESETS)
    with tab.left:
        tab.source("picture", picture_source(f"{ID}-picture"))
        tab.run_row("Noise and denoise", remarks=())
        tab.form.place("levels", "prompt")
        tab.remarks("prompt")
        tab.form.place("seed")
        with tab.more("restore_denoise"):
            tab.form.place("model", "guidance", "stride", "filtered")
            with gr.Row(elem_classes="slim"):
                new = gr.Button("Let the model draw the prompt as the picture", size="sm")
    with tab.right:
        outputs = outputs_column(shared)
    tab.place_the_rest()
    wire(tab, outputs, drawings(tab, new))


@dataclass(frozen=True)
class Outputs:
    """The right column.

    Args:
        forward, compared, strip, chart: the figures.
        view: the run's id and status.
        status: the line above the figures.
        inner: the look inside the longest run.
        offered: the pictures that can be sent, and the files.
    """

    forward: gr.HTML
    compared: gr.HTML
    strip: gr.HTML
    chart: gr.HTML
    view: gr.JSON
    status: gr.HTML
    inner: gr.HTML
    offered: Sequence[gr.components.Component]

    @property
    def of_run(self) -> list[gr.components.Component]:
        """What a run fills."""
        return [self.forward, self.compared, self.strip, self.chart, self.view, self.status]

    @property
    def kept(self) -> list[gr.components.Component]:
        """What `JOB.keep` fills after a run."""
        return [self.compared, self.strip, self.chart, self.status, self.inner, *self.offered]


def outputs_column(shared: Shared) -> Outputs:
    """The right column, with an example at first."""
    status = status_line(STATUS, FIGURES)
    made = recorded(PREFIX + ID)
    shown = made or Comparison(Denoising(request=DenoiseRequest()))
    forward = made_when_seen(lambda: on_page(noising(shown)), FIGURES)
    compared = made_when_seen(lambda: on_page(comparison(shown), caption_of(shown) if made else ""))
    gr.HTML(f'<div class="caption">{WHY}</div>')
    strip = made_when_seen(lambda: on_page(progress(shown)))
    with gr.Accordion("Inside the longest run: state, clean estimate and noise estimate, step by step", open=False):
        inner = viewer(f"{ID}-inside", pointer(f"{ID}-inside"))
    view = gr.JSON({"run": made.id} if made else None, visible="hidden")
    with gr.Row(elem_classes="slim"):
        files = download_row(("PNG", "All as zip"))
        which = Dropdown([], label="Picture to send", min_width=180)
    if made:
        give_example(forward, explained(JOB.offer), view, [which, *files], FIGURES, queue=False)
    send_row(JOB.pick, [view, which], shared, ID)
    chart = plane(f"{ID}-chart", quality(shown.curve))
    formula_panel("denoise")
    return Outputs(forward, compared, strip, chart, view, status, inner, [which, *files])


def drawings(tab: DenoiseLayout, new: gr.Button) -> list[gr.events.Dependency]:
    """Wire the presets and the button that lets the model draw the input; returns the jobs that draw."""
    tab.wire_inputs()
    return [new.click(**tab.drawing, api_name="make_picture"), tab.drawn]


def wire(tab: Layout, outputs: Outputs, drawn: list[gr.events.Dependency]) -> None:
    """Connect the buttons; Stop also ends the jobs `drawn`."""
    asked = hold(tab.start, tab.stop, outputs.kept, FIGURES)
    unmark(outputs.view, FIGURES)
    run, inputs = JOB.handler("compare"), [*tab.inputs, tab.shared.device]
    job = tab.start.click(run, inputs, outputs.of_run, api_name="denoise_picture", show_progress="hidden", **NETWORK)
    after(job, explained(JOB.keep), outputs.view, outputs.kept, tab.shared, asked)
    tab.stop.click(None, None, None, cancels=[job, *drawn], api_visibility="private")
    wire_back(tab, outputs)


def wire_back(tab: Layout, outputs: Outputs) -> None:
    """Connect the last run before a reload, and its inputs, to what it fills; one that is forgotten leaves the example."""
    after_it = [outputs.inner, *outputs.offered]

    @explained
    def back(view: dict) -> dict:
        try:
            this = JOB.get(view)
            inputs = zip(tab.restored, JOB.refilled(this.settings), strict=True)
            this.check()
            later = zip(after_it, [JOB.look(this, this.plan.request.longest), *offer(this)], strict=True)
        except Refused:
            return {}
        return dict([*zip(outputs.of_run, again(this), strict=True), *later, *inputs])

    come_back(outputs.status, back, [*outputs.of_run, *after_it, *tab.restored], FIGURES)
