"""The single-step denoiser: trained at sigma 0.5, asked at seven, on a digit that you draw, upload or let a model make."""

import gradio as gr
import numpy as np
import pandas as pd
from PIL import Image

from core.checks import Refused, real, whole
from core.digits import SIGMAS, DigitRequest, denoise_ladder, mean_digit
from core.images import data_uri, digit_of, png
from core.recording import Recording
from core.registry import CHECKPOINTS
from core.rng import MAX_SEED
from tabs import formulas
from tabs._common import NETWORK, Shared, formula_panel, seed_row, told
from tabs._inputs import Number, Textbox
from tabs._look import colours
from tabs._mnist import CANVAS, on_canvas


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
        raise Refused("There is no digit yet: draw one, upload one, or let the model make one.")
    if below is not None and below.mode == "RGBA" and below.size == picture.size:
        picture = picture.crop(below.getchannel("A").getbbox())  # a picture that is not square was padded
    return digit_of(picture)


def example() -> Image.Image | None:
    """A digit that our own model drew while it was trained, so that the first press shows something."""
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


@told
def denoise(editor: dict, sigmas: str, seed: float, device: str = "auto"):
    """The digit on the canvas at every noise level, denoised in one network call."""
    chosen = levels(sigmas)
    clean = drawn(editor)
    seed = whole(seed, 0, MAX_SEED, "The seed")
    noisy, restored, before, after = denoise_ladder(clean, chosen, seed, device)
    table = pd.DataFrame(
        [(s, e, "noisy") for s, e in zip(chosen, before, strict=True)]
        + [(s, e, "denoised") for s, e in zip(chosen, after, strict=True)],
        columns=["sigma", "mean squared error", "series"],
    )
    rows, errors = {"noisy": noisy, "denoised": restored}, {"noisy": before, "denoised": after}
    return figure(chosen, rows, errors), table


@told
def make(digit: float, seed: float, device: str = "auto"):
    """A digit from our own model, on the canvas. Yields once, at the end; Stop works between steps."""
    digit = whole(digit, 0, 9, "The digit")
    request = DigitRequest.checked(digits=str(digit), each=1, seed=seed)
    recording = Recording(request.settings())
    for _ in recording.follow(request.run(device)):
        pass
    yield on_canvas(recording.result[0])


@told
def collapse(seed: float, device: str = "auto"):
    """The answers of the denoiser that was trained on pure noise, to ten noises."""
    answers = mean_digit(10, whole(seed, 0, MAX_SEED, "The seed"), device)
    images = "".join(f'<img alt="Answer {k + 1}" src="{data_uri(png(p))}">' for k, p in enumerate(answers))
    note = "Ten different noises, one answer: with nothing to hold on to, the least squared error is the mean digit."
    return f'<div class="seven" style="--n:10"><span class="row">answers</span>{images}</div><div class="caption">{note}</div>'


def build(shared: Shared) -> gr.ImageEditor:
    """The sub-tab; returns the canvas, so that other sub-tabs can send a digit."""
    with gr.Row():
        with gr.Column(scale=2, min_width=340):
            canvas = gr.ImageEditor(
                value=example(),
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
            with gr.Row(elem_classes="slim"):
                digit = Number(5, label="Digit", precision=0, min_width=80)
                new = gr.Button("Let the model draw it", size="sm", min_width=180)
            text = Textbox(
                ", ".join(f"{s:g}" for s in SIGMAS), label="Noise levels σ", info="1 to 10 numbers from 0 to 2."
            )
            seed = seed_row()
            start = gr.Button("Denoise", variant="primary", elem_classes="do-run")
            gr.HTML("One network call on all noise levels, well under a second.", elem_classes="cost")
        with gr.Column(scale=5, min_width=480):
            shown = gr.HTML(
                '<div class="caption">Press Denoise, or first draw a digit of your own.</div>',
                elem_id="denoiser-figure",
            )
            plot = gr.LinePlot(
                x="sigma", y="mean squared error", color="series", color_map=colours(("denoised", "noisy")), height=300,
                x_lim=[0, None],
            )  # fmt: skip
            with gr.Accordion("The denoiser of pure noise: why one step is not enough", open=False):
                ask = gr.Button("Ask it ten times", size="sm")
                mean = gr.HTML()
            formula_panel(formulas.SINGLE_STEP)
    device = shared.device
    start.click(denoise, [canvas, text, seed, device], [shown, plot], api_name="denoise_digit", **NETWORK)
    new.click(make, [digit, seed, device], canvas, api_name="make_digit", show_progress="minimal", **NETWORK)
    ask.click(collapse, [seed, device], mean, api_name="mean_digit", **NETWORK)
    return canvas
