"""Generate digits: a class picker, guidance, two kinds of model, live, with the trajectory to scrub and keep."""

import functools
import time
from dataclasses import dataclass

import gradio as gr
from PIL import Image

from core import cost, images
from core.digits import DigitRequest
from core.generate import samplers_for
from core.recording import Recording
from core.registry import spec
from tabs import formulas
from tabs._common import (
    Shared,
    cost_line,
    formula_panel,
    run_row,
    seed_row,
    send_to,
    temporary,
    told,
    wire,
)
from tabs._mnist import GENERATORS, PRESETS, arrange, caption, described, face, fill, fit, fit_steps, on_canvas
from tabs._viewer import RUNS, finished, live, viewer

FILES = ("GIF", "PNG", "All as zip")


@dataclass(frozen=True)
class Parts:
    """What other sub-tabs need of this one."""

    view: gr.HTML
    index: gr.Number
    send: gr.Button


@told
def run(
    digits: str, each: float, model: str, sampler: str, steps: float, guidance: float, seed: float, device: str = "auto"
):
    """Generate digits live. Yields the viewer's value: status, fraction, and pictures as data URIs."""
    request = DigitRequest.checked(
        digits=digits, each=each, model=model, sampler=sampler, steps=steps, guidance=guidance, seed=seed
    )
    recording = Recording(request.settings())
    look, layout = face(request), arrange(request.columns)
    value, started = {}, time.monotonic()
    for value in live((recording,), recording.follow(request.run(device)), layout, look):
        if value["running"]:
            yield value
    cost.learn(request.model, device, *request.cost(), time.monotonic() - started)
    yield value | {"caption": caption(request, recording.result, device)}


@told
def keep(view: dict):
    """After a run or Stop: the scrubber with all frames, and the GIF, PNG and zip of what exists."""
    (recording,) = RUNS.get(view)
    request = DigitRequest(**recording.settings)
    value = finished((recording,), arrange(request.columns), face(request))
    value["caption"] = described(request)
    if recording.done:
        value |= {key: view[key] for key in ("status", "caption") if view.get(key)}
    factor = max(1, 560 // (29 * request.columns))
    sheets = [images.enlarge(images.grid(f.x_t, request.columns), factor) for f in recording.frames]
    loop = images.gif(sheets)
    picture = images.png(images.grid(recording.result, request.columns), recording.settings)
    tiles = [
        (f"{k:03d}-digit-{label}-seed-{request.seed + k}.png", images.png(tile, recording.settings | {"picture": k}))
        for k, (label, tile) in enumerate(zip(request.labels, recording.result, strict=True))
    ]
    archive = images.zip_of([("grid.png", picture), ("trajectory.gif", loop), *tiles])
    name = f"digits-{request.digits[:12]}-{request.model}-seed-{request.seed}"
    files = ((f"{name}.gif", loop), (f"{name}.png", picture), (f"{name}.zip", archive))
    shown = f'<div class="figure"><img alt="Trajectory" src="{images.data_uri(loop, "gif")}"></div>'
    return value, shown, *(gr.DownloadButton(value=temporary(*f), interactive=True) for f in files)


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
    settings = images.settings_of(path) or {}
    known = {k: settings[k] for k in DigitRequest().settings() if k in settings}
    if "digits" not in known:
        raise ValueError("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return fill(DigitRequest.checked(**known))


def pick_one(view: dict, index: float) -> Image.Image:
    """One digit of the current run, enlarged for another tab's canvas."""
    (recording,) = RUNS.get(view)
    count = len(recording.result)
    if not 1 <= (index or 0) <= count:
        raise ValueError(f"Choose a picture from 1 to {count}, counted row by row.")
    return on_canvas(recording.result[int(index) - 1])


def inputs_column(request: DigitRequest) -> list[gr.components.Component]:
    """The seven inputs, in the order of the request's fields, filled with a request."""
    with gr.Row():
        digits = gr.Textbox(
            request.digits,
            label="Digits",
            info="One, all ten, or e.g. 5101234.",
            max_length=120,
            min_width=150,
            scale=3,
        )
        each = gr.Number(
            request.each,
            label="Of each",
            info="Rows, 1 to 20.",
            precision=0,
            min_width=90,
            scale=2,
        )
    model = gr.Dropdown(GENERATORS, value=request.model, label="Model")
    table = samplers_for(spec(request.model).kind)
    low, _, high = table[request.sampler].steps
    sampler = gr.Radio([(s.title, name) for name, s in table.items()], value=request.sampler, label="Sampler")
    steps = gr.Slider(low, high, request.steps, step=1, label="Steps", info="More: slower, truer to the path.")
    guidance = gr.Slider(
        0, 10, request.guidance, step=0.5, label="Guidance", info="0 ignores the class, 1 obeys it, more insists."
    )
    return [digits, each, model, sampler, steps, guidance, seed_row(request.seed)]


def build(shared: Shared) -> Parts:
    """The sub-tab; returns what is needed to send a digit on."""
    with gr.Row():
        with gr.Column(scale=2, min_width=330):
            inputs = inputs_column(DigitRequest.of(shared.model) if shared.model else DigitRequest())
            start, stop = run_row("Generate")
            cost_line(price, [*inputs[:-1], shared.device])
            with gr.Accordion("Presets and saved settings", open=False, elem_classes="presets"):
                presets = [(gr.Button(name, size="sm"), request) for name, request in PRESETS.items()]
                upload = gr.File(label="Drop a PNG saved here: its settings come back", file_types=[".png"], height=110)
        with gr.Column(scale=5, min_width=480):
            view = viewer("digits-view")
            with gr.Row(elem_classes="slim"):
                buttons = [gr.DownloadButton(t, interactive=False, size="sm", min_width=80) for t in FILES]
                index = gr.Number(1, label="Picture number", precision=0, min_width=120)
                send = gr.Button("Send this picture to the denoiser", size="sm", min_width=230)
            with gr.Accordion("Trajectory GIF", open=False):
                loop = gr.HTML("Appears after a run; it loops and holds its last frame.")
            formula_panel(formulas.GENERATE)
    _, _, model, sampler, steps, guidance, _ = inputs
    private = {"api_visibility": "private", "queue": False}
    model.input(fit, [model, sampler], [sampler, guidance, steps], **private)
    sampler.input(fit_steps, sampler, [steps], **private)
    wire(start, stop, run, inputs, keep, [view, loop, *buttons], shared, "generate_digits")
    for button, request in presets:
        button.click(functools.partial(fill, request), None, inputs, **private)
    upload.upload(restore, upload, inputs, api_name="restore_digits", queue=False)
    return Parts(view, index, send)


def wire_send(parts: Parts, shared: Shared, tab: str, target: gr.ImageEditor) -> None:
    """Connect the send button once its target exists."""
    send_to(parts.send, pick_one, [parts.view, parts.index], shared, tab, target)
