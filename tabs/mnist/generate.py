"""Generate digits: classes, guidance, two kinds of model, a live view, and the trajectory to scrub and save."""

import gradio as gr
from PIL import Image

from core.diffusion.sampler_table import SAMPLERS, samplers_for
from core.models.registry import of_task, spec
from core.pictures import images
from core.runs.guided_digits import default_guidance
from core.runs.mnist import MEAN, PLANS, DigitRequest, has_starts
from tabs.mnist.canvas import on_canvas
from tabs.mnist.kept import offer
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.failures import explained
from tabs.ui.files import download_row, saved, trajectory
from tabs.ui.inside import numbered
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset
from tabs.ui.viewer import RUNS, viewer

PRESETS = {
    "Ten digits, flow": DigitRequest(),
    "Ten digits, DDPM": DigitRequest(model="ddpm-class", sampler="ddpm", steps=300),
    "The course, w = 5": DigitRequest(each=4, steps=300, guidance=5),
    "No guidance": DigitRequest(model="ddpm-class", sampler="ddim", steps=50, guidance=1),
    "Strong guidance": DigitRequest(model="ddpm-class", sampler="ddim", steps=50, guidance=10),
    "A phone number": DigitRequest(digits="5101234", each=1),
    "Twenty sevens": DigitRequest(digits="7", each=20),
    "Unconditional": DigitRequest(model="ddpm-time", sampler="ddim", steps=50, guidance=1),
    "On the mean digit": DigitRequest(model="ddpm-time", sampler="ddim", steps=50, guidance=1, start=MEAN),
    "Weaker guide": DigitRequest(model="ddpm-time", sampler="ddim", steps=50, guidance=2, start=MEAN),
}
SIZES = {"digits": {"min_width": 150, "scale": 3}, "each": {"min_width": 90, "scale": 2}}


class DigitJob(Job):
    """The runs of the sub-tab; after each run, its trajectory loops on the page too."""

    LAST = ("start",)

    def keep(self, view: dict) -> list:
        """The values that every job keeps, and the trajectory as HTML."""
        recording = RUNS.get(view)
        value = self.value(recording)
        loop = trajectory(recording, value)
        moving = f'<div class="figure"><img alt="Trajectory" src="{images.data_uri(loop, "gif")}"></div>'
        return [value, moving, *saved(recording, value, loop)]

    def pick(self, view: dict, index: float) -> Image.Image:
        """One digit of the current run, enlarged for another tab's canvas."""
        recording = RUNS.get(view)
        return on_canvas(recording.result[numbered(recording, index)])


JOB = DigitJob("digits", DigitRequest, PLANS)


def fit(model: str) -> tuple:
    """The sampler, guidance, steps and start that suit a model."""
    r = DigitRequest.of(model)
    return r.sampler, fit_guidance(model, r.sampler), r.steps, r.start


def fit_sampler(model: str, sampler: str) -> tuple:
    """The model, guidance and steps that suit a sampler; a sampler of another kind changes the model."""
    if sampler not in samplers_for(spec(model).sampled):
        fitting = [m for m in of_task("digits") if sampler in samplers_for(m.sampled)]
        alike = [m for m in fitting if m.conditional == spec(model).conditional]
        model = (alike or fitting)[0].name
    return model, fit_guidance(model, sampler), SAMPLERS[sampler].steps[1]


def fit_guidance(model: str, sampler: str) -> gr.Slider:
    """The guidance that suits a model and a sampler; where nothing guides, there is none to set."""
    return gr.Slider(value=default_guidance(model, sampler), interactive=spec(model).guided)


def settable(model: str) -> tuple[gr.Slider, gr.Radio]:
    """The guidance and the start, to be set only where they change the digits; the start is else the usual one."""
    start = {} if has_starts(model) else {"value": DigitRequest.start}
    return gr.Slider(interactive=spec(model).guided), gr.Radio(interactive=has_starts(model), **start)


class DigitLayout(Layout):
    """The columns of the sub-tab; the trajectory is under the pictures, and a button sends one to the denoiser."""

    def viewer(self) -> None:
        """The viewer, the files, the number of the chosen picture, and the button that sends it."""
        self.view = viewer("digits-view", self.job.example())
        with gr.Row(elem_classes="slim"):
            self.files = download_row()
            self.number()
            self.send = gr.Button("Send this picture to the denoiser", size="sm", min_width=230)
        with gr.Accordion("Trajectory GIF", open=False):
            self.loop = gr.HTML("Appears after a run; it loops and holds its last frame.")

    @property
    def kept(self) -> list[gr.components.Component]:
        """The components that `DigitJob.keep` fills after a run."""
        return [self.view, self.loop, *self.files]

    def fit_inputs(self) -> None:
        """A new model sets its sampler and start, and a new sampler its model; what changes nothing cannot be set."""
        form, private = self.form, {"api_visibility": "private", "queue": False}
        model, sampler, steps, guidance, start = (form[n] for n in ("model", "sampler", "steps", "guidance", "start"))
        model.input(explained(fit), model, [sampler, guidance, steps, start], **private)
        sampler.input(explained(fit_sampler), [model, sampler], [model, guidance, steps], **private)
        model.change(explained(settable), model, [guidance, start], **private)


def build(shared: Shared) -> None:
    """The sub-tab."""
    ours = {model.name for model in of_task("digits")}
    r = DigitRequest.of(shared.model) if shared.model in ours else DigitRequest()
    how = SIZES | {"guidance": {"interactive": spec(r.model).guided}, "start": {"interactive": has_starts(r.model)}}
    tab = DigitLayout(JOB, r, shared, {name: Preset(p, moves=True) for name, p in PRESETS.items()}, how=how)
    with tab.left:
        with gr.Row():
            tab.form.place("digits", "each")
        tab.run_row("Generate", remarks=())
        tab.form.place("model", "sampler", "steps", "guidance", "start", "seed")
        tab.settings("restore_digits")
    with tab.right:
        tab.viewer()
        formula_panel("mnist_generate")
    tab.wire({"digits": "generate_digits"})
    tab.fit_inputs()
    offer(shared, tab.form["model"], "digits")
    shared.outbox.append((tab.send, JOB.pick, [tab.view, tab.index], "denoiser"))
