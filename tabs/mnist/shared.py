"""What the MNIST sub-tabs share: presets, grids, captions, and inputs that fit the model."""

import gradio as gr
import numpy as np
from PIL import Image

from core.diffusion.sampler_table import SAMPLERS, samplers_for
from core.models.registry import of_task, spec
from core.pictures import images
from core.runs.mnist import DigitRequest, default_guidance, read
from tabs.ui.prompts import ORIGINS

LANES = ["x_0: the clean estimate", "x_t: the state, from noise to digits"]
CANVAS = 280
GENERATORS = [(m.title, m.name) for m in of_task("digits")]
PRESETS = {
    "Ten digits, flow, 20 steps": DigitRequest(),
    "Ten digits, DDPM, 300 steps": DigitRequest(model="ddpm-class", sampler="ddpm", steps=300),
    "The course: 4 of each, w = 5": DigitRequest(each=4, steps=300, guidance=5),
    "No guidance": DigitRequest(model="ddpm-class", sampler="ddim", steps=50, guidance=1),
    "Strong guidance": DigitRequest(model="ddpm-class", sampler="ddim", steps=50, guidance=10),
    "A phone number": DigitRequest(digits="5101234", each=1),
    "One digit, twenty hands": DigitRequest(digits="7", each=20),
    "Unconditional": DigitRequest(model="ddpm-time", sampler="ddim", steps=50, guidance=1),
}


def arrange(columns: int):
    """Frames to one grid per lane, x_0 above x_t."""
    return lambda frames: [images.grid(lane, columns) for f in frames for lane in (f.x_0, f.x_t)]


def face(request: DigitRequest) -> dict:
    """Wide grids go one above the other, square ones side by side."""
    wide = request.columns > 1.6 * (len(request.labels) / request.columns)
    grid = {"columns": request.columns, "count": len(request.labels)}
    return {"lanes": LANES, "origins": ORIGINS, "columns": 1 if wide else 2, "grid": grid}


def described(request: DigitRequest) -> str:
    """What the picture is: model, sampler, steps, guidance, seed."""
    kind = spec(request.model)
    how = SAMPLERS[request.sampler].title
    text = f"{kind.title}; {how if '300 steps' in how else f'{how}, {request.steps} steps'}; "
    text += f"guidance {request.guidance:g}; " if kind.conditional else "no class, so no guidance; "
    return text + f"seed {request.seed}."


def as_read(request: DigitRequest, pixels: np.ndarray, device: str) -> str:
    """How our classifier reads the pictures, (B, 28, 28, 1) uint8."""
    named = read(pixels, device)
    asked = "".join(map(str, request.labels))
    if not spec(request.model).conditional:
        return f"The classifier reads {named}."
    right = sum(a == b for a, b in zip(named, asked, strict=True))
    return f"The classifier reads {right} of {len(asked)} as asked."


def on_canvas(pixels: np.ndarray) -> Image.Image:
    """A digit, (28, 28) or (28, 28, 1) uint8, as dark ink on white paper, enlarged for the canvas."""
    return images.to_pil(images.enlarge(255 - pixels.reshape(28, 28, 1), CANVAS // 28)).convert("RGB")


def fit(model: str):
    """The sampler, guidance and steps that suit a model."""
    request = DigitRequest.of(model)
    return request.sampler, fit_guidance(model, request.sampler), request.steps


def fit_sampler(model: str, sampler: str):
    """The model, guidance and steps that suit a sampler; one that walks the other path brings its model along."""
    if sampler not in samplers_for(spec(model).path):
        model = {"flow": "ddpm", "ddpm": "flow"}[spec(model).path] + ("-class" if spec(model).conditional else "-time")
    return model, fit_guidance(model, sampler), SAMPLERS[sampler].steps[1]


def fit_guidance(model: str, sampler: str) -> gr.Slider:
    """The guidance that suits a model and a sampler; without classes there is none to set."""
    return gr.Slider(value=default_guidance(model, sampler), interactive=spec(model).conditional)


def fill(request: DigitRequest):
    """A request as updates of the seven inputs, in its fields' order."""
    settings = request.settings()
    guidance = gr.Slider(value=request.guidance, interactive=spec(request.model).conditional)
    return [guidance if key == "guidance" else value for key, value in settings.items()]
