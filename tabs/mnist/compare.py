"""The same noise through two models: on the path of DDPM and on that of flow matching."""

import gradio as gr

from core.pictures.images import grid
from core.runs import cost
from core.runs.mnist import DigitRequest
from core.runs.recording import Frame, Recording
from tabs.mnist.shared import as_read, described
from tabs.ui.controls import (
    Shared,
    formula_panel,
    run_row,
    seed_row,
    tell_cost,
    told,
    wire,
)
from tabs.ui.examples import example
from tabs.ui.inputs import Slider, Textbox
from tabs.ui.job import so_far
from tabs.ui.viewer import RUNS, finished, live, viewer

LANES = [
    "DDPM: the state x_t",
    "Flow matching: the state x_t",
    "DDPM: its clean estimate",
    "Flow matching: its clean estimate",
]
ORIGINS = ["The noise that both came from"] * 2 + ["", ""]
FACE = {"lanes": LANES, "origins": ORIGINS, "columns": 2}


def pair(digits: object, steps: object, guidance: object, seed: object) -> tuple[DigitRequest, DigitRequest]:
    """The two requests that differ in the model alone."""
    same = {"digits": digits, "each": 1, "steps": steps, "guidance": guidance, "seed": seed}
    return (
        DigitRequest.checked(model="ddpm-class", sampler="ddim", **same),
        DigitRequest.checked(model="flow-class", sampler="euler", **same),
    )


def arrange(frames: tuple[Frame, ...]):
    """Two frames as four grids: states above, clean estimates below."""
    ddpm, flow = frames
    columns = -(-len(ddpm.x_t) // 2) if len(ddpm.x_t) > 5 else len(ddpm.x_t)
    return [grid(p, columns) for p in (ddpm.x_t, flow.x_t, ddpm.x_0, flow.x_0)]


@told
def run(digits: str, steps: float, guidance: float, seed: float, device: str = "auto"):
    """Generate the same digits with both models from the same noise. Yields the viewer's value."""
    requests = pair(digits, steps, guidance, seed)
    recordings = tuple(Recording(r.settings()) for r in requests)
    both = zip(*(m.follow(r.run(device)) for r, m in zip(requests, recordings, strict=True)), strict=True)
    for value in live(recordings, both, arrange, FACE):
        if value["running"]:
            yield value
    for r, m in zip(requests, recordings, strict=True):
        m.notes = (as_read(r, m.result, device),)
    yield value | {"caption": caption(recordings)}


@told
def keep(view: dict):
    """After Stop: the scrubber with the frames that exist."""
    recordings = RUNS.get(view)
    return finished(recordings, arrange, FACE) | {"caption": caption(recordings)}


def caption(recordings: tuple[Recording, ...]) -> str:
    """What the pictures of both are, how our classifier reads them, and how far the runs got where they were stopped."""
    said = [line for r in recordings for line in (described(DigitRequest(**r.settings)), *(r.notes or ()))]
    return " ".join([*said, *so_far(recordings[0])])


def price(digits, steps, guidance, device) -> str:
    """The cost line of both runs together."""
    requests = pair(digits, steps, guidance, 0)
    expected = sum(cost.seconds(r.model, device, *r.cost()) for r in requests)
    calls, n = requests[0].cost()
    return cost.sentence(2 * calls, n, expected)


def build(shared: Shared) -> None:
    """The sub-tab."""
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            digits = Textbox("0123456789", label="Digits", info="Up to 100, one picture each.", max_length=120)
            steps = Slider(2, 100, 20, step=1, label="Steps", info="2 to 100; DDIM and Euler take the same number.")
            guidance = Slider(
                0, 10, 2, step=0.5, label="Guidance w", info="0 ignores the class, 1 obeys it, more insists."
            )
            seed = seed_row()
            start, stop, line = run_row("Run both")
            tell_cost(line, price, [digits, steps, guidance, shared.device])
        with gr.Column(scale=5, min_width=480):
            view = viewer("compare-view", example("compare"))
            formula_panel("mnist_compare")
    wire(start, stop, run, [digits, steps, guidance, seed], keep, [view], shared, "same_noise")
