"""Inpainting: paint over a part of a picture, and a network fills it so that it fits the rest."""

import gradio as gr

from core.checks import ModelError, Refused
from core.pictures import masks
from core.pictures.scenes import SCENES
from core.runs.inpainting import FILLINGS, InpaintRequest
from core.techniques.inpainting import evaluations
from tabs.inpainting.job import JOB
from tabs.inpainting.mask import mask_canvas, mask_shown, masked, pictures_of, value_of
from tabs.ui.canvas import examples
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Source
from tabs.ui.layout import QUIET, Layout
from tabs.ui.plane import chart, charts, plane
from tabs.ui.presets import Preset, first, scene, with_course

TITLE = "Inpainting"
ID = "inpainting"
TAKES_PICTURES = True
NOTE = (
    "RePaint noises the known pixels to the level just reached; clean paste keeps them free of noise, so the network "
    "sees two noise levels under one t. Which looks better varies with picture, hole and seed."
)
START = "Apple", "top"
PATH = ("steps", "jump_n", "jump_length", "below")
"""The fields that the path of timesteps follows from."""
LIVE = QUIET | {"queue": False, "trigger_mode": "always_last"}


def begin(name: str, mask: str) -> dict:
    """A scene with a preset mask, as the canvas's value."""
    return masked(SCENES[name](), masks.PRESETS[mask][1]())


def on(name: str, mask: str, *args: object, **how: object) -> Preset:
    """A preset: a scene, a mask, and the fields of a request."""
    return Preset(InpaintRequest(*args, **how), scene("canvas", begin, name, mask))


PRESETS = {
    "Another top": on(*START),
    "Half a strawberry": on(*START, "an emoji of a strawberry"),
    "Another sky": on("Mountains", "top", "a photo of a seashore"),
    "Repair holes": on("Mountains", "holes", "a photo of a cliff", 2),
    "No prompt": on("Mountains", "centre", ""),
}
COURSE = {"A new sky, photographed": on("Mountains", "top", "a high quality photo", jump_n=1)}


def path(steps: float, jump_n: float, jump_length: float, below: float):
    """The zig-zag of timesteps as a chart; unchanged while the values are invalid or pocket is not here."""
    try:
        visits = InpaintRequest.checked(steps=steps, jump_n=jump_n, jump_length=jump_length, below=below).visits()
    except (Refused, ModelError):
        return gr.skip()
    line = f"{len(visits) - 1:,} transitions, {evaluations(visits):,} of them network calls"
    shown = {"name": "", "x": [*range(len(visits))], "y": [*visits]}
    return charts(chart("The path of timesteps", "transition", "t", [shown]), caption=line)


def build(shared: Shared) -> None:
    """The tab."""
    r = first(InpaintRequest(), shared)
    tab = Layout(JOB, r, shared, with_course(PRESETS, COURSE))
    form = tab.form
    with tab.left:
        picture = mask_canvas(begin(*START))
        tab.source("canvas", Source(picture, pictures_of, value_of))
        form.place("prompt")
        tab.run_row("Fill the hole")
        mask_shown(form["feather"])
        examples(picture)
        form.place("jump_n", "guidance", "n", "feather", "seed")
        tab.experiments(f"Experiments, from the same noise. {NOTE}")
        with tab.more("restore_inpainting"):
            form.place("model", "steps", "jump_length", "below")
    with tab.right:
        tab.viewer()
        tab.enlarging()
        tab.inside("One filling, enlarged: step by step", opens=True)
        shown = path(*(getattr(r, name) for name in PATH))
        zigzag = plane(f"{ID}-path", shown if "charts" in shown else None)
        formula_panel("inpainting")
    tab.wire({name: f"inpaint_{name}".replace("-", "_") for name in FILLINGS}, [form["prompt"]])
    asked = [form[name] for name in PATH]
    gr.on([w.change for w in asked], path, asked, zigzag, **LIVE)
