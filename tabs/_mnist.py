"""What the MNIST sub-tabs share: presets, grids, captions, and inputs that fit the model."""

import gradio as gr
import numpy as np
from PIL import Image

from core import images
from core.digits import DigitRequest, read
from core.generate import SAMPLERS, samplers_for
from core.registry import MODELS, spec

LANES = ["x_t: the state, from noise to digits", "x_0: the clean estimate made from it"]
CANVAS = 280
GENERATORS = [(m.title, m.name) for m in MODELS.values() if m.kind in ("ddpm", "flow")]
PRESETS = {
    "Ten digits, flow, 20 steps": DigitRequest(),
    "Ten digits, DDPM, 300 steps": DigitRequest(model="ddpm-class", sampler="ddpm", steps=300, guidance=2.5),
    "No guidance": DigitRequest(model="ddpm-class", sampler="ddim", steps=50, guidance=1),
    "Strong guidance": DigitRequest(model="ddpm-class", sampler="ddim", steps=50, guidance=10),
    "A phone number": DigitRequest(digits="5101234", each=1),
    "One digit, twenty hands": DigitRequest(digits="7", each=20),
    "Unconditional": DigitRequest(model="ddpm-time", sampler="ddim", steps=50, guidance=1),
}


def arrange(columns: int):
    """Frames to one grid per lane, x_t above x_0."""
    return lambda frames: [images.grid(lane, columns) for f in frames for lane in (f.x_t, f.x_0)]


def face(request: DigitRequest) -> dict:
    """Wide grids go one above the other, square ones side by side."""
    wide = request.columns > 1.6 * (len(request.labels) / request.columns)
    return {"lanes": LANES, "columns": 1 if wide else 2}


def described(request: DigitRequest) -> str:
    """What the picture is: model, sampler, steps, guidance, seed."""
    kind = spec(request.model)
    text = f"{kind.title}; {SAMPLERS[request.sampler].title}, {request.steps} steps; "
    text += f"guidance {request.guidance:g}; " if kind.conditional else "no class, so no guidance; "
    return text + f"seed {request.seed}."


def caption(request: DigitRequest, pixels: np.ndarray, device: str) -> str:
    """What the picture is, and how our classifier reads it."""
    text, named = described(request), read(pixels, device)
    asked = "".join(map(str, request.labels))
    if not spec(request.model).conditional:
        return f"{text} The classifier reads {named}."
    right = sum(a == b for a, b in zip(named, asked, strict=True))
    return f"{text} The classifier reads {right} of {len(asked)} as asked."


def on_canvas(pixels: np.ndarray) -> Image.Image:
    """A digit, (28, 28) or (28, 28, 1) uint8, as dark ink on white paper, enlarged for the canvas."""
    return images.to_pil(images.enlarge(255 - pixels.reshape(28, 28, 1), CANVAS // 28)).convert("RGB")


def fit(model: str, current: str | None = None):
    """The samplers and the guidance that suit a model; without classes it has no guidance."""
    table = samplers_for(spec(model).kind)
    chosen = current if current in table else next(iter(table)) if spec(model).kind == "flow" else "ddim"
    choices = [(s.title, name) for name, s in table.items()]
    guidance = gr.Slider(value=spec(model).guidance, interactive=spec(model).conditional)
    return gr.Radio(choices=choices, value=chosen), guidance, *fit_steps(chosen)


def fit_steps(sampler: str, steps: int | None = None):
    """The steps slider's range for a sampler."""
    low, default, high = SAMPLERS[sampler].steps
    value = default if steps is None else steps
    fixed = low == high
    return (gr.Slider(minimum=1 if fixed else low, maximum=high, value=value, interactive=not fixed),)


def fill(request: DigitRequest):
    """A request as updates of the seven inputs."""
    sampler, *_ = fit(request.model, request.sampler)
    return (
        request.digits,
        request.each,
        request.model,
        sampler,
        fit_steps(request.sampler, request.steps)[0],
        gr.Slider(value=request.guidance, interactive=spec(request.model).conditional),
        request.seed,
    )
