"""The single-step denoiser: trained at sigma 0.5, tried at seven levels on a drawn, uploaded or generated digit."""

from collections.abc import Iterable, Sequence

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from core.checks import Refused, real, whole
from core.diffusion.noise import MAX_SEED, seeds
from core.models.registry import CHECKPOINTS, MODELS, card
from core.pictures.images import NO_DIGIT, data_uri, digit_of, png
from core.runs.mnist import DigitRequest, Digits
from core.runs.recording import Recording
from core.runs.single_step import SIGMA, SIGMAS, denoise_ladder, mean_digit
from tabs.mnist.canvas import CANVAS, on_canvas
from tabs.ui.canvas import Editor
from tabs.ui.controls import NETWORK, Shared, formula_panel, seed_row
from tabs.ui.examples import example
from tabs.ui.failures import explained
from tabs.ui.inputs import Number, Textbox
from tabs.ui.theme import colours

SEED = 180
COLUMNS = ["sigma", "mean squared error", "series"]
OTHER = "Another network than the one above, trained with pure noise, and no digit, as its input"


def levels(text: object) -> tuple[float, ...]:
    """Comma-separated noise levels. Raises Refused unless there are 1 to 10 of them, each 0 to 2."""
    parts = [p for p in str(text or "").replace(";", ",").split(",") if p.strip()]
    if not 1 <= len(parts) <= 10:
        raise Refused("Give 1 to 10 noise levels, separated by commas.")
    return tuple(real(p, 0, 2, "Every noise level") for p in parts)


def drawn(editor: dict | None) -> np.ndarray:
    """The canvas as one digit, (28, 28, 1) uint8, white on black."""
    editor = editor if isinstance(editor, dict) else {}
    below = editor.get("background")
    picture = editor.get("composite") or below
    if picture is None:
        raise Refused(NO_DIGIT)
    if below is not None and below.mode == "RGBA" and below.size == picture.size:
        picture = picture.crop(below.getchannel("A").getbbox())  # a picture that is not square is padded
    return digit_of(picture)


def first_digit() -> Image.Image | None:
    """A digit that our own model drew during training, for the first press."""
    for path in sorted((CHECKPOINTS / "flow-class").glob("epoch-*.png"), reverse=True):
        with Image.open(path) as strip:
            return on_canvas(np.asarray(strip)[:, 29 * 5 : 29 * 5 + 28])
    return None


def figure(sigmas: tuple[float, ...], rows: dict[str, np.ndarray], errors: dict[str, list[float]]) -> str:
    """Rows of pictures under their noise levels, and the error under each."""
    cells = ['<span class="row">σ</span>', *(f"<span>{s:g}</span>" for s in sigmas)]
    for name, pixels in rows.items():
        cells.append(f'<span class="row">{name}</span>')
        cells += [
            f'<img alt="{name}, sigma {s:g}" src="{data_uri(png(p))}">' for s, p in zip(sigmas, pixels, strict=True)
        ]
        cells.append('<span class="row">error</span>')
        cells += [f"<span>{e:.4f}</span>" for e in errors[name]]
    return f'<div class="seven" style="--n:{len(sigmas)}">{"".join(cells)}</div>'


def caption(text: str) -> str:
    """A line under a figure."""
    return f'<div class="caption">{text}</div>'


def epochs(name: str) -> str:
    """How long a network was trained, from its card: "3 epochs"."""
    n = card(name)["recipe"]["epochs"]
    return f"{n} epoch{'s' * (n != 1)}"


def how(seed: int) -> str:
    """The settings of the figure, and the meaning of its numbers."""
    return (
        f"{MODELS['denoiser'].title}, trained for {epochs('denoiser')} at σ = {SIGMA:g} alone. "
        f"All columns have the same noise, that of seed {seed}, times σ. Error: mean squared error per pixel to the "
        "clean digit, whose pixels lie in [0, 1], taken before the others are clamped to that range for the pictures."
    )


def points(rows: Iterable[Sequence]) -> pd.DataFrame:
    """Rows of sigma, error and series as the chart's table; without rows, the empty chart."""
    return pd.DataFrame(list(rows), columns=COLUMNS).astype({"sigma": float, "mean squared error": float})


@explained
def denoise(editor: dict, sigmas: str, seed: float, device: str = "auto"):
    """The digit on the canvas at every noise level, denoised in one network call."""
    chosen = levels(sigmas)
    clean = drawn(editor)
    seed = whole(seed, 0, MAX_SEED, "The seed")
    noisy, restored, before, after = denoise_ladder(clean, chosen, seed, device)
    rows, errors = {"noisy": noisy, "denoised": restored}, {"noisy": before, "denoised": after}
    table = [(s, e, name) for name, each in errors.items() for s, e in zip(chosen, each, strict=True)]
    return figure(chosen, rows, errors) + caption(how(seed)), points(table)


@explained
def make(digit: float, seed: float, device: str = "auto"):
    """A digit from our own model, on the canvas: twenty steps on one small picture, too short to need a Stop."""
    digit = whole(digit, 0, 9, "The digit")
    request = DigitRequest.checked(digits=str(digit), each=1, seed=seed)
    recording = Recording(Digits(request=request))
    for _ in recording.follow(request.run(device)):
        pass
    return on_canvas(recording.result[0])


@explained
def collapse(seed: float, device: str = "auto"):
    """The answers of the denoiser that was trained on pure noise, to ten noises."""
    seed = whole(seed, 0, MAX_SEED, "The seed")
    answers, (first, *_, last) = mean_digit(10, seed, device), seeds(seed, 10)
    images = "".join(f'<img alt="Answer {k + 1}" src="{data_uri(png(p))}">' for k, p in enumerate(answers))
    note = (
        f"{OTHER}, for {epochs('denoiser-noise')}. Ten different noises, of seeds {first} to {last}, and nearly one answer: "
        "with nothing to hold on to, the answer with the least squared error is the mean digit."
    )
    return f'<div class="seven" style="--n:10"><span class="row">answers</span>{images}</div>{caption(note)}'


def canvas_of_digit() -> gr.ImageEditor:
    """The canvas, with a digit on it."""
    return Editor(
        value=first_digit(),
        type="pil",
        format="png",
        label="Draw a digit",
        sources=["upload", "clipboard"],
        canvas_size=(CANVAS, CANVAS),
        fixed_canvas=True,
        layers=False,
        transforms=(),
        brush=gr.Brush(default_size=11, colors=["#000000"], default_color="#000000", color_mode="fixed"),
        eraser=gr.Eraser(default_size=14),
        height=400,
        elem_id="digit-canvas",
    )


def inputs_column(shared: Shared) -> tuple[list, gr.Button]:
    """The canvas, the noise levels and the seed, and the button Denoise; the model can draw the digit too."""
    canvas = canvas_of_digit()
    with gr.Row(elem_classes="slim"):
        digit = Number(5, label="Digit", precision=0, min_width=80)
        new = gr.Button("Let the model draw it", size="sm", min_width=180)
    sigmas = ", ".join(f"{s:g}" for s in SIGMAS)
    text = Textbox(sigmas, label="Noise levels σ", info="1 to 10 numbers from 0 to 2.")
    seed = seed_row(SEED)
    start = gr.Button("Denoise", variant="primary", elem_classes="do-run")
    gr.HTML("One network call on all noise levels, well under a second.", elem_classes="cost")
    asked = [digit, seed, shared.device]
    new.click(make, asked, canvas, api_name="make_digit", show_progress="minimal", **NETWORK)
    return [canvas, text, seed], start


def outputs_column() -> list:
    """The figure and the chart, with an example at first."""
    shown = example("denoiser")
    status = caption("An example; press Denoise to make your own.")
    figures = gr.HTML(shown.get("figure", "") + status, elem_id="denoiser-figure")
    chart = gr.LinePlot(
        points(shown.get("chart", [])), x="sigma", y="mean squared error", color="series",
        color_map=colours(("denoised", "noisy")), height=300, x_lim=[0, None],
    )  # fmt: skip
    return [figures, chart]


def collapse_panel(seed: gr.Number, shared: Shared) -> None:
    """The panel of the pure-noise denoiser, whose output is always the mean digit; closed at first."""
    with gr.Accordion("The denoiser of pure noise: why one step is not enough", open=False):
        ask = gr.Button("Ask it ten times", size="sm")
        mean = gr.HTML(caption(f"{OTHER}."))
    ask.click(collapse, [seed, shared.device], mean, api_name="mean_digit", **NETWORK)


def build(shared: Shared) -> None:
    """The sub-tab, to which others send a digit."""
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            inputs, start = inputs_column(shared)
        with gr.Column(scale=5, min_width=480):
            outputs = outputs_column()
            canvas, _, seed = inputs
            collapse_panel(seed, shared)
            formula_panel("mnist_denoiser")
    start.click(denoise, [*inputs, shared.device], outputs, api_name="denoise_digit", **NETWORK)
    shared.inbox["denoiser"] = canvas, None, []
