"""Forward & denoise: what noise does, why a blur cannot undo it, and why one step is not enough."""

import functools
import time
from collections.abc import Iterator

import gradio as gr
import numpy as np
from PIL import Image

from core import cost, images
from core.denoising import CURVE, LADDER, DenoiseRequest, Denoising
from core.pictures import MAX_GUIDANCE, PictureRequest, draw
from core.registry import load
from core.samplers import Step
from tabs import formulas
from tabs._common import NETWORK, Shared, facts, formula_panel, run_row, seed_row, tell_cost, told
from tabs._denoise import COLOURS, clean_of, comparison, noising, picture_input, progress, table
from tabs._examples import example
from tabs._figure import figure, tile
from tabs._gpu import placed
from tabs._header import alone
from tabs._inputs import Dropdown, Slider, Textbox
from tabs._look import look
from tabs._pictures import MODEL_CHOICES, remark_line

TITLE = "Forward & denoise"
SHORT = "Denoise"
ID = "denoise"
TAKES_PICTURES = True


@told
def run(
    picture: Image.Image, levels: str, prompt: str, guidance: float, model: str, stride: float, seed: float,
    device: str = "auto",
):  # fmt: skip
    """Noise a picture and bring it back. Yields three figures, a table for the chart, and a status line."""
    request, started = DenoiseRequest.checked(levels, prompt, guidance, model, stride, seed), time.monotonic()
    make = functools.partial(figures, request, images.to_tensor(clean_of(picture), -1, 1))
    yield from placed(make, request.model, device, request.cost())
    cost.learn(request.model, device, *request.cost(), time.monotonic() - started)


def figures(request: DenoiseRequest, clean, device: str) -> Iterator[tuple]:
    """What `run` yields, for a checked request and a picture (1, 3, 64, 64) in [-1, 1]."""
    job, started = Denoising(request, clean, device), time.monotonic()
    say = lambda text: f"{text} · {time.monotonic() - started:.1f} s"  # noqa: E731
    forward, found, kept = noising(job), [], []
    yield forward, comparison(request.levels, found), "", gr.skip(), say("noised")
    found = job.classical(request.levels) + job.single(request.levels)
    yield forward, comparison(request.levels, found), "", gr.skip(), say("filters and one step done; iterating")
    longest = int(np.argmax(request.levels))
    for step in job.iterate():
        last = step.i == step.n
        if step.i % 5 and not last:
            continue
        shown = images.to_uint8(step.x_t[longest : longest + 1], -1, 1)[0]
        kept.append((int(step.t[longest]), shown))
        now = found + job.iterated(step)
        status = say("measuring the curve" if last else f"iterating, step {step.i} / {step.n}")
        yield forward, comparison(request.levels, now), progress(kept), gr.skip(), status
    curve = job.classical(CURVE) + job.single(CURVE) + [e for e in now if e.method == "iterative"]
    done = f"done in {time.monotonic() - started:.1f} s"
    yield forward, comparison(request.levels, now), progress(kept), table(curve), done


def price(levels, prompt, guidance, model, stride, seed, device) -> str:
    """The cost line for the settings as they stand."""
    request = DenoiseRequest.checked(levels, prompt, guidance, model, stride, seed)
    return cost.sentence(*request.cost(), cost.seconds(request.model, device, *request.cost()))


@told
def make(prompt: str, model: str, seed: float, device: str = "auto"):
    """A picture of the prompt from our own model, as the input. Stop works between steps."""
    request = PictureRequest.checked(prompt=prompt, n=1, model=model, seed=seed)
    for step in placed(functools.partial(drawing, request), request.model, device, (request.steps, 2)):  # noqa: B007
        yield gr.skip()
    yield images.to_pil(images.enlarge(images.to_uint8(step.x_t, -1, 1)[0], 8))


def drawing(request: PictureRequest, device: str) -> Iterator[Step]:
    """The Steps of one picture."""
    return draw(load(request.model, device), [request.prompt], request.guidance, request.steps, request.seed)


def inputs_column(r: DenoiseRequest, shared: Shared) -> tuple[gr.Image, list, tuple[gr.Button, gr.Button, gr.Button]]:
    """The picture, the six inputs in the order of `DenoiseRequest.checked`, and the buttons Run, Stop and Draw."""
    picture = picture_input(shared, ID)
    start, stop, line = run_row("Noise and denoise")
    info = "1 to 5 of 1 to 999; larger is noisier."
    levels = Textbox(", ".join(map(str, r.levels)), label="Timesteps t to compare at", info=info)
    prompt = Textbox(r.prompt, label="Prompt", info="What the network is told about the picture.")
    model = Dropdown(MODEL_CHOICES, value=r.model, label="Model", render=False)
    remark_line(model, prompt)
    seed = seed_row(r.seed)
    with gr.Accordion("More settings", open=False):
        model.render()
        info = "1 is none: denoising needs none."
        guidance = Slider(0, MAX_GUIDANCE, r.guidance, step=0.5, label="Guidance w", info=info)
        info = "Timesteps from one step to the next; the course takes 30."
        stride = Slider(5, 200, r.stride, step=5, label="Stride", info=info)
        with gr.Row(elem_classes="slim"):
            new = gr.Button("Let the model draw the prompt as the picture", size="sm")
    inputs = [levels, prompt, guidance, model, stride, seed]
    tell_cost(line, price, [*inputs, shared.device])
    return picture, inputs, (start, stop, new)


def outputs_column(r: DenoiseRequest) -> list:
    """The three figures, the chart and the status line, with the finished example in them."""
    status = gr.HTML("An example; press the button to make your own.", elem_classes="cost")
    shown = example(ID) or {
        "forward": figure([f"t = {t}" for t in LADDER], [("x_t", [tile(None, "") for _ in LADDER])]),
        "compared": comparison(r.levels, []),
    }
    forward, compared = gr.HTML(shown["forward"]), gr.HTML(shown["compared"])
    steps = gr.HTML(shown.get("steps", ""))
    title = "PSNR against t: higher is nearer to the clean picture"
    plot = gr.LinePlot(x="t", y="PSNR in dB", color="method", color_map=COLOURS, height=280, title=title)
    return [forward, compared, steps, plot, status]


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            picture, inputs, (start, stop, new) = inputs_column(DenoiseRequest(), shared)
        with gr.Column(scale=5, min_width=480):
            outputs = outputs_column(DenoiseRequest())
            formula_panel(formulas.DENOISE)
    device, (_, prompt, _, model, _, seed) = shared.device, inputs
    job = start.click(
        run, [picture, *inputs, device], outputs, api_name="denoise_picture", show_progress="hidden", **NETWORK
    )
    job.then(facts, device, shared.facts, api_visibility="private", show_progress="hidden")
    made = new.click(
        make, [prompt, model, seed, device], picture, api_name="make_picture", show_progress="minimal", **NETWORK
    )
    stop.click(None, None, None, cancels=[job, made], api_visibility="private")


if __name__ == "__main__":
    alone(TITLE, build).launch(**look())
