"""The single-step denoiser: trained at sigma 0.5, tried at seven levels on a drawn, uploaded or generated digit."""

from collections.abc import Iterator, Mapping

import gradio as gr
import numpy as np
from PIL import Image

from core.checks import whole
from core.diffusion.noise import MAX_SEED, seeds
from core.pictures.images import unpacked
from core.runs.mnist import DigitRequest, Digits
from core.runs.recording import Recording
from core.runs.single_step import PLANS, SingleStep, SingleStepRequest, denoised_at, mean_digit, trained_for
from tabs.mnist.canvas import canvas_of_digit, digit_on, on_canvas
from tabs.mnist.figures import caption, errors, levels, mean_digits, saved, several
from tabs.mnist.kept import offer
from tabs.ui.canvas import Canvas
from tabs.ui.controls import NETWORK, Shared, formula_panel
from tabs.ui.examples import example
from tabs.ui.failures import explained
from tabs.ui.files import download_row
from tabs.ui.inputs import Number
from tabs.ui.job import Job, Source
from tabs.ui.layout import Layout
from tabs.ui.plane import plane
from tabs.ui.saved import restores
from tabs.ui.stale import follow
from tabs.ui.viewer import made_when_seen

FIGURES, MEAN, EIGHT = "denoiser-figures", "denoiser-mean", "denoiser-eight"
QUICK = NETWORK | {"show_progress": "hidden"}
"""The event keywords of runs that end at once. Gradio's own marks, also those of errors, stay off the figure."""
OTHER = "Another network than the one above, trained with pure noise, and no digit, as its input"


class SingleStepJob(Job):
    """The runs of the sub-tab: one network call, too short for a viewer or a Stop."""

    LAST = ("model",)

    def stream(self, plan: SingleStep, device: str) -> Iterator[tuple[str, dict]]:
        """The figure and its chart."""
        answer = plan.answer(device)
        yield levels(plan, answer), errors(plan, answer)

    def _pictures(self, settings: Mapping) -> dict[str, np.ndarray]:
        return {"digit": unpacked(settings.get("digit"), 28)[..., :1]}


JOB = SingleStepJob("denoiser", SingleStepRequest, PLANS)


@explained
def files(editor: object, sigmas: str, seed: float, device: str, model: str) -> list[gr.DownloadButton]:
    """The figure of these inputs as PNG, and a zip that also has every digit and the errors. One network call more."""
    plan = JOB.asked("levels", {"editor": editor, "sigmas": sigmas, "seed": seed, "model": model})
    return saved(plan, plan.answer(device))


@explained
def make(digit: float, seed: float, device: str = "auto") -> Image.Image:
    """A digit from our own model, on the canvas: twenty steps on one small picture, too short to need a Stop."""
    return on_canvas(digits_drawn(str(whole(digit, 0, 9, "The digit")), seed, device)[0])


def digits_drawn(digits: str, seed: float, device: str) -> np.ndarray:
    """The digits of a text by our own model, (N, 28, 28, 1) uint8."""
    recording = Recording(Digits(request=DigitRequest.checked(digits=digits, each=1, seed=seed)))
    for _ in recording.follow(recording.plan.run(device)):
        pass
    return recording.result


@explained
def eight(sigmas: str, seed: float, model: str, device: str = "auto") -> str:
    """Eight digits of our own model at every noise level, each with a noise of its own."""
    r = SingleStepRequest.checked(sigmas=sigmas, seed=seed, model=model)
    clean, noises = digits_drawn("01234567", r.seed, device), seeds(r.seed, 8)
    return several(r, [denoised_at(x, r.sigmas, s, device, r.model) for x, s in zip(clean, noises, strict=True)])


@explained
def collapse(seed: float, device: str = "auto") -> str:
    """The answers of the denoiser that was trained on pure noise, to ten noises."""
    seed = whole(seed, 0, MAX_SEED, "The seed")
    answers, (first, *_, last) = mean_digit(10, seed, device), seeds(seed, 10)
    note = (
        f"{OTHER}, for {trained_for('denoiser-noise')}. Ten different noises, of seeds {first} to {last}, and nearly one "
        "answer: with nothing to hold on to, the answer with the least squared error is the mean digit."
    )
    return mean_digits(answers, note)


def drawing_row(canvas: Canvas, seed: gr.Number, device: gr.Dropdown) -> None:
    """The button with which the model draws a digit on the canvas."""
    with gr.Row(elem_classes="slim"):
        digit = Number(5, label="Digit", info="0 to 9.", precision=0, min_width=80)
        new = gr.Button("Let the model draw it", size="sm", min_width=180)
    new.click(make, [digit, seed, device], canvas, api_name="make_digit", show_progress="minimal", **NETWORK)


def figures() -> list[gr.components.Component]:
    """The figure and the chart, at first of an example, and the files."""
    shown = example("denoiser")
    status = caption("An example; press Denoise to make your own.")
    with gr.Column(elem_id=FIGURES):
        figure = made_when_seen(lambda: shown.get("figure", "") + status, elem_id="denoiser-figure")
        chart = plane("denoiser-chart", shown.get("chart"))
        with gr.Row(elem_classes="slim"):
            some = download_row(("PNG", "All as zip"))
    return [figure, chart, *some]


def collapse_panel(seed: gr.Number, shared: Shared) -> None:
    """The panel of the pure-noise denoiser, whose output is always the mean digit; closed at first."""
    with gr.Accordion("The denoiser of pure noise: why one step is not enough", open=False):
        ask = gr.Button("Ask it ten times", size="sm")
        mean = gr.HTML(caption(f"{OTHER}."), elem_id=MEAN, elem_classes="aside")
    renews = follow(ask, [seed], MEAN)
    ask.click(collapse, [seed, shared.device], mean, api_name="mean_digit", **QUICK).success(**renews)


def eight_panel(inputs: list, device: gr.Dropdown) -> None:
    """The panel with the same levels for eight digits; closed at first."""
    with gr.Accordion("Eight digits at every level, as the course shows it", open=False):
        ask = gr.Button("Denoise eight digits", size="sm")
        figure = gr.HTML(caption("The model draws them first, so that the true digit is known."), elem_id=EIGHT, elem_classes="aside")  # fmt: skip
    renews = follow(ask, inputs, EIGHT)
    ask.click(eight, [*inputs, device], figure, api_name="denoise_digits", **QUICK).success(**renews)


def build(shared: Shared) -> None:
    """The sub-tab, to which others send a digit."""
    tab = Layout(JOB, SingleStepRequest(), shared, {}, how={"model": {"visible": False}})  # until there are two
    form = tab.form
    with tab.left:
        canvas = canvas_of_digit()
        tab.source("editor", Source(canvas, digit_on, lambda pictures: on_canvas(pictures["digit"])))
        drawing_row(canvas, form["seed"], shared.device)
        form.place("sigmas", "model", "seed")
        start = gr.Button("Denoise", variant="primary", elem_classes="do-run")
        gr.HTML("One network call on all noise levels, well under a second.", elem_classes="cost")
        tab.settings("restore_denoiser")
    with tab.right:
        figure, chart, *some = figures()
        eight_panel([form["sigmas"], form["seed"], form["model"]], shared.device)
        collapse_panel(form["seed"], shared)
        formula_panel("mnist_denoiser")
    renews = follow(start, tab.inputs, FIGURES)
    inputs = [*(w for w in tab.inputs if w is not form["model"]), shared.device, form["model"]]
    shown = start.click(JOB.handler("levels"), inputs, [figure, chart], api_name="denoise_digit", **QUICK)
    shown.success(**renews)
    shown.success(files, inputs, some, api_visibility="private", **QUICK)
    restores(tab.upload, JOB.restore, tab.restored, tab.restoring)
    offer(shared, form["model"], "single-step")
    shared.inbox["denoiser"] = canvas, None, []
