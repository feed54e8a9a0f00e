"""SDEdit: noise your picture to several strengths and denoise it, as one labelled row."""

import gradio as gr
import numpy as np

from core.pictures.images import WAITING, to_pil
from core.pictures.scenes import SCENES
from core.runs.recording import Recording
from core.runs.sdedit import LADDERS, ORIGINALS, SDEditRequest
from tabs.ui.canvas import canvas, examples, has_picture, inputs_of, paper, picture_of, static
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job, Source
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset, first, scene, with_course
from tabs.ui.viewer import as_uri

TITLE = "SDEdit"
ID = "sdedit"
TAKES_PICTURES = True
SCENE = "Apple"
FURTHER = ("Sailboat", "Mountains")
BOATS = "an emoji of a tent\nan emoji of a sailboat\nan emoji of a ship"
PEAKS = "an emoji of a volcano\nan emoji of mount fuji\nan emoji of a castle"
PHOTOS = "a photo of a seashore\na photo of a lakeside\na photo of an alp"
SEVERAL = "several-pictures"
EXPERIMENTS = {
    "with-and-without": "Without / with prompt",
    "several-prompts": "Several prompts",
    SEVERAL: "Several pictures",
}


def on(name: str, *args: object, **how: object) -> Preset:
    """A preset: a scene, and the fields of a request."""
    return Preset(SDEditRequest(*args, **how), scene("canvas", SCENES[name]))


PRESETS = {
    "A sketch becomes an apple": on("Apple"),
    "A boat becomes a tent": on("Sailboat", "an emoji of a tent", 4, prompts=BOATS),
    "Mountains become a volcano": on("Mountains", "an emoji of a volcano", 1.5, prompts=PEAKS),
    "Mountains become a lakeside": on("Mountains", "a photo of a lakeside", prompts=PHOTOS),
    "No prompt": on("Mountains", "", n=2, prompts=PEAKS),
}
COURSE = {
    "To a natural photo": on("Mountains", "a high quality photo", sampler="ddpm"),
    "To a rocket ship": on("Mountains", "a rocket ship", sampler="ddpm"),
}


class Strengths(Job):
    """The runs of this tab; the look inside adds the original, and grey for a clean estimate that has not begun."""

    may_carry = ORIGINALS[1:]

    def look(self, recording: Recording, k: int) -> dict:
        plan, value = recording.plan, super().look(recording, k)
        original = plan.inputs[plan.original_of(k)]
        left, grey = as_uri(original), as_uri(np.full_like(original, WAITING))
        for frame, entry in zip(recording.frames, value["frames"], strict=True):
            x_t, x_0, *noises = entry["images"]
            if not plan.begun(k, frame.i):
                x_0, entry["label"] = grey, f"{entry['label']} · not begun"
            entry["images"] = [left, x_t, x_0, *noises]
        return value | {"lanes": ["original", *value["lanes"]], "columns": 3}


JOB = Strengths(ID, SDEditRequest, LADDERS, EXPERIMENTS, carries=("original",))


def picture_canvas() -> Source:
    """The canvas to draw on, and the scenes under it."""
    picture = canvas("sdedit-canvas", "Picture", SCENES[SCENE]())
    examples(picture, {"White": paper, "Noise": static})
    return Source(picture, lambda value: inputs_of(picture_of(value)), lambda given: to_pil(given["original"]))


def further_canvas(name: str, scene: str) -> Source:
    """The same for one of the further pictures, which may be missing."""
    elem_id, label = "sdedit-" + name.replace(" ", "-"), name.replace("original", "Picture")
    picture = canvas(elem_id, label, SCENES[scene](), optional=True)
    examples(picture)

    def read(value: object) -> dict[str, np.ndarray]:
        return inputs_of(picture_of(value), name) if has_picture(value) else {}

    def write(given: dict[str, np.ndarray]) -> object:
        others = any(other in given for other in ORIGINALS[1:])  # only then the run had rows from pictures
        return to_pil(given[name]) if name in given else {} if others else gr.skip()

    return Source(picture, read, write, only=SEVERAL)


def build(shared: Shared) -> None:
    """The tab."""
    tab = Layout(JOB, first(SDEditRequest(), shared), shared, with_course(PRESETS, COURSE))
    form = tab.form
    with tab.left:
        tab.source("canvas", picture_canvas())
        form.place("prompt")
        tab.run_row("Run the ladder")
        form.place("starts", "guidance", "n", "seed")
        tab.experiments("Experiments: the same noise in every row, so only the prompt or the picture changes.")
        form.place("prompts")
        with gr.Accordion("Two more pictures, for “Several pictures”", open=False):
            gr.HTML('<div class="caption">An empty sheet gives no row: press Clear.</div>')
            for k, scene in enumerate(FURTHER, 2):
                tab.source(f"canvas_{k}", further_canvas(f"original {k}", scene))
        with tab.more("restore_sdedit"):
            form.place("model", "sampler")
    with tab.right:
        tab.viewer()
        tab.enlarging()
        tab.inside("One strength, enlarged: step by step", opens=True)
        formula_panel("sdedit")
    tab.wire({name: f"sdedit_{name}".replace("-", "_") for name in LADDERS}, [form["prompt"], form["prompts"]])
