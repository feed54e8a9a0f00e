"""Hybrids: one picture that shows something else from afar, without its colour, or in motion."""

import functools

import gradio as gr
from PIL import Image

from core.pictures import images
from core.runs.hybrids import HybridRequest
from core.runs.recording import Recording
from tabs.hybrids.inputs import inputs_column
from tabs.hybrids.job import COURSE, PICK, PRESETS, chosen, distance, fill, request, shown_as
from tabs.ui import two_readings as doubles
from tabs.ui.canvas import small
from tabs.ui.controls import Shared, formula_panel, send_row, told, wire
from tabs.ui.examples import example
from tabs.ui.inputs import Number
from tabs.ui.job import download_row, kept, stream
from tabs.ui.presets import first
from tabs.ui.prompts import fill_when_opened, numbered, pick
from tabs.ui.saved import settings_in
from tabs.ui.viewer import RUNS, viewer

TITLE = "Hybrids"
ID = "hybrids"
TAKES_PICTURES = True


@told
def run(
    photo: Image.Image | None, style: str, prompt_1: str, prompt_2: str, prompt_3: str, split: str, sigma: float,
    n: float, steps: float, guidance: float, seed: float, own: str, model: str, sampler: str, sigma_small: float,
    kernel: float, length: float, angle: float, device: str = "auto",
):  # fmt: skip
    """Make hybrids. Yields the viewer's value."""
    r = request(
        style, prompt_1, prompt_2, prompt_3, split, sigma, n, steps, guidance, seed, own, model, sampler, sigma_small,
        kernel, length, angle,
    )  # fmt: skip
    given = isinstance(photo, Image.Image)
    picture = images.to_tensor(small(photo), -1, 1) if given else None
    yield from stream(
        Recording(r.settings(), -1, 1), functools.partial(r.run, photo=picture), shown_as(r), device, r.cost()
    )


@told
def keep(view: dict):
    """After a run or Stop: the viewer with all frames, and what belongs to the first picture."""
    (recording,) = RUNS.get(view)
    value = kept(recording, shown_as(doubles.request_of(HybridRequest, recording.settings)))
    for part in chosen(recording, 0):
        yield value, 1, *part


@told
def choose(view: dict, index: float):
    """What belongs to the picture with that number, counted from 1 row by row."""
    (recording,) = RUNS.get(view)
    yield from chosen(recording, numbered(recording, index))


@told
def restore(path: str) -> list:
    """The settings inside a PNG that this tab saved, back into the inputs; a photo does not travel with them."""
    return fill(doubles.request_of(HybridRequest, settings_in(path, HybridRequest.KIND)))


def price(*values) -> str:
    """The cost line for the settings as they stand; the last value is the device."""
    return doubles.priced(request(*values[:-1]), values[-1])


def build(shared: Shared) -> None:
    """The tab."""
    with gr.Row(elem_classes="presets"):
        presets = [
            (gr.Button(name, size="sm", min_width=120), r) for name, r in doubles.presets(PRESETS, COURSE).items()
        ]
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, photo, start, stop = inputs_column(first(HybridRequest(), shared), shared, restore, price)
        with gr.Column(scale=5, min_width=480):
            view = viewer("hybrids-view", example("hybrids"))
            with gr.Row(elem_classes="slim"):
                index = Number(
                    1, label="Picture number", precision=0, min_width=80, elem_id=PICK[1:], info="or click one"
                )
                one = gr.Button("Keep only this one", size="sm", min_width=130)
                buttons = download_row()
            send_row(pick, [view, index], shared, ID)
            with gr.Accordion("The chosen picture, seen both ways: move the slider or press play", open=True):
                near_and_far = distance(example("hybrids-distance"))
            with gr.Accordion(
                "Inside the chosen picture: the part of the noise that each prompt gives", open=False
            ) as panel:
                inner = viewer("hybrids-inside")
            formula_panel("hybrids")
    of_one = [near_and_far, inner, *buttons]
    wire(start, stop, run, [photo, *inputs], keep, [view, index, *of_one], shared, "make_hybrids")
    doubles.wire_choice(index, view, choose, of_one)
    fill_when_opened(panel, choose, view, index, of_one)
    doubles.wire_only(one, HybridRequest, view, index, inputs[9], inputs[6])
    for button, r in presets:
        button.click(functools.partial(fill, r), None, inputs, api_visibility="private", queue=False)
