"""Generate digits: a class picker, guidance, two kinds of model, live, with the trajectory to scrub and keep."""

import functools
from dataclasses import dataclass

import gradio as gr
from PIL import Image

from core.diffusion.noise import seeds
from core.diffusion.sampler_table import SAMPLERS
from core.pictures import images
from core.runs import cost
from core.runs.mnist import DigitRequest
from core.runs.recording import Recording
from tabs.mnist.shared import GENERATORS, PRESETS, arrange, as_read, described, face, fill, fit, fit_sampler, on_canvas
from tabs.ui.controls import (
    Shared,
    formula_panel,
    run_row,
    seed_row,
    send_to,
    tell_cost,
    told,
    wire,
)
from tabs.ui.examples import example
from tabs.ui.inputs import Dropdown, Number, Radio, Slider, Textbox
from tabs.ui.job import Show, caption_of, download_row, kept, saved, stream
from tabs.ui.prompts import numbered
from tabs.ui.saved import settings_in, settings_input
from tabs.ui.viewer import RUNS, viewer


@dataclass(frozen=True)
class Parts:
    """What other sub-tabs need of this one."""

    view: gr.HTML
    index: gr.Number
    send: gr.Button


def shown_as(request: DigitRequest) -> Show:
    """How its run is shown."""
    return Show(arrange(request.columns), face(request), described(request), request.model)


@told
def run(
    digits: str, each: float, model: str, sampler: str, steps: float, guidance: float, seed: float, device: str = "auto"
):
    """Generate digits live. Yields the viewer's value: status, fraction, and pictures as data URIs."""
    request = DigitRequest.checked(
        digits=digits, each=each, model=model, sampler=sampler, steps=steps, guidance=guidance, seed=seed
    )
    recording = Recording(request.settings())
    show = shown_as(request)
    for value in stream(recording, request.run, show, device, request.cost()):
        if not value["running"]:
            recording.notes += (as_read(request, recording.result, device),)
            value["caption"] = caption_of(recording, show)
        yield value


@told
def keep(view: dict):
    """After a run or Stop: the scrubber with all frames, and the GIF, PNG and zip of what exists."""
    (recording,) = RUNS.get(view)
    request = DigitRequest(**recording.settings)
    value = kept(recording, shown_as(request))
    states = [f.x_t for f in recording.frames[:-1]]
    sheets = [images.grid(p, request.columns) for p in (*states, recording.result)]
    each = zip(request.labels, seeds(request.seed, len(request.labels)), recording.result, strict=True)
    tiles = [(f"{k:03d}-digit-{label}-seed-{seed}", tile) for k, (label, seed, tile) in enumerate(each)]
    name = f"digits-{request.digits[:12]}-{request.model}-seed-{request.seed}"
    loop, files = saved(name, recording.settings, sheets, tiles, value)
    shown = f'<div class="figure"><img alt="Trajectory" src="{images.data_uri(loop, "gif")}"></div>'
    return value, shown, *files


def price(digits, each, model, sampler, steps, guidance, device) -> str:
    """The cost line for the settings as they stand."""
    request = DigitRequest.checked(
        digits=digits, each=each, model=model, sampler=sampler, steps=steps, guidance=guidance
    )
    calls, n = request.cost()
    return cost.sentence(calls, n, cost.seconds(request.model, device, calls, n))


@told
def restore(path: str):
    """The settings inside a PNG that this tab saved, back into the inputs."""
    settings = settings_in(path, None)
    known = {k: settings[k] for k in DigitRequest().settings() if k in settings}
    return fill(DigitRequest.checked(**known))


def pick_one(view: dict, index: float) -> Image.Image:
    """One digit of the current run, enlarged for another tab's canvas."""
    (recording,) = RUNS.get(view)
    return on_canvas(recording.result[numbered(recording, index)])


def inputs_column(request: DigitRequest, shared: Shared) -> tuple[list, gr.Button, gr.Button]:
    """The seven inputs in the order of the request's fields, filled with a request, and the buttons Generate and Stop."""
    with gr.Row():
        digits = Textbox(request.digits, label="Digits", info="One, all ten, or e.g. 5101234.", min_width=150, scale=3)
        each = Number(request.each, label="Of each", info="Rows, from 1.", precision=0, min_width=90, scale=2)
    start, stop, line = run_row("Generate")
    model = Dropdown(GENERATORS, value=request.model, label="Model")
    choices = [(s.title, name) for name, s in SAMPLERS.items()]
    sampler = Radio(
        choices, value=request.sampler, label="Sampler", info="DDPM and DDIM for DDPM models, the rest for flow."
    )
    steps = Slider(1, 300, request.steps, step=1, label="Steps", info="Euler, Heun up to 300; DDIM up to 100.")
    guidance = Slider(
        0, 10, request.guidance, step=0.5, label="Guidance w", info="0 ignores the class, 1 obeys it, more insists."
    )
    inputs = [digits, each, model, sampler, steps, guidance, seed_row(request.seed)]
    tell_cost(line, price, [*inputs[:-1], shared.device])
    return inputs, start, stop


def build(shared: Shared) -> Parts:
    """The sub-tab; returns what is needed to send a digit on."""
    with gr.Row(elem_classes="presets"):
        presets = [(gr.Button(name, size="sm", min_width=60), request) for name, request in PRESETS.items()]
    with gr.Row():
        with gr.Column(scale=2, min_width=330):
            inputs, start, stop = inputs_column(
                DigitRequest.of(shared.model) if shared.model in dict(GENERATORS).values() else DigitRequest(), shared
            )
            with gr.Accordion("Settings from a saved picture", open=False):
                upload = settings_input()
        with gr.Column(scale=5, min_width=480):
            view = viewer("digits-view", example("digits"))
            with gr.Row(elem_classes="slim"):
                buttons = download_row()
                index = Number(1, label="Picture number", precision=0, min_width=120)
                send = gr.Button("Send this picture to the denoiser", size="sm", min_width=230)
            with gr.Accordion("Trajectory GIF", open=False):
                loop = gr.HTML("Appears after a run; it loops and holds its last frame.")
            formula_panel("mnist_generate")
    _, _, model, sampler, steps, guidance, _ = inputs
    private = {"api_visibility": "private", "queue": False}
    model.input(told(fit), model, [sampler, guidance, steps], **private)
    sampler.input(told(fit_sampler), [model, sampler], [model, guidance, steps], **private)
    wire(start, stop, run, inputs, keep, [view, loop, *buttons], shared, "generate_digits")
    for button, request in presets:
        button.click(functools.partial(fill, request), None, inputs, **private)
    upload.upload(restore, upload, inputs, api_name="restore_digits", show_progress="hidden")
    return Parts(view, index, send)


def wire_send(parts: Parts, shared: Shared, tab: str, target: gr.ImageEditor) -> None:
    """Connect the send button once its target exists."""
    send_to(parts.send, pick_one, [parts.view, parts.index], shared, tab, target)
