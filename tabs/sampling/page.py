"""Sampling and guidance: pictures from pure noise, and experiments in which only one thing changes."""

from dataclasses import replace

import gradio as gr

from core.runs.sampling import PLANS, PictureRequest
from core.wording import clipped
from tabs.sampling import as_typed
from tabs.sampling.known import known_words
from tabs.sampling.learned import how_pocket_learned
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset, offers_course
from tabs.ui.viewer import made_when_seen

TITLE = "Sampling & guidance"
ID = "sampling"
PRESETS = {
    "A panda": PictureRequest(),
    "Five bison": PictureRequest("a photo of a bison", n=5, guidance=5.0),
    "Five pizzas": PictureRequest("a photo of a pizza", n=5, guidance=5.0),
    "A volcano": PictureRequest("an emoji of a volcano"),
    "A heart, not red": PictureRequest("an emoji of a heart", negative="an emoji of a red heart", guidance=3.0),
}
THREE = PictureRequest(
    "a photo of a penguin", guidance=5.0, seed=182, sweep_steps="2, 4, 8, 12, 20, 50",
    sweep_prompts="a photo of a penguin\na photo of a seashore\na photo of a bison",
)  # fmt: skip
COMPARED = {
    "Five photos, off and on": Preset(PRESETS["Five bison"], moves=True, experiment="with-and-without"),
    "Three prompts, more steps": Preset(THREE, moves=True, experiment="step-sweep"),
}
IN_STYLES = {
    "A frog in five styles": Preset(PictureRequest("an emoji of a frog", n=1), moves=True, experiment="five-styles"),
    "Never seen: a flat lion": Preset(PictureRequest("a flat drawing of a lion"), moves=True),
}
COURSE = ("an oil painting of a snowy mountain village", "a man wearing a hat", "a rocket ship")
EXPERIMENTS = {
    "with-and-without": "Guidance off / on",
    "guidance-sweep": "Guidance sweep",
    "when-to-guide": "When to guide",
    "step-sweep": "Step sweep",
    "five-styles": "Five styles",
}
ENDPOINTS = {"samples": "sample_pictures"} | {name: name.replace("-", "_") for name in EXPERIMENTS}
JOB = Job(ID, PictureRequest, PLANS, EXPERIMENTS)


def all_presets() -> dict[str, Preset]:
    """The presets by name; with the course's figures, if a model for them is ready."""
    r, requests = PictureRequest.of(), {}
    if offers_course(r.model):
        photos = replace(r, prompt="a high quality photo", n=5)
        requests |= {"Five photos, w = 1": replace(photos, guidance=1.0), f"Five photos, w = {r.guidance:g}": photos}
        requests |= {clipped(prompt, 20): replace(r, prompt=prompt) for prompt in COURSE}
    plain, course = ({name: Preset(r, moves=True) for name, r in some.items()} for some in (PRESETS, requests))
    return plain | COMPARED | IN_STYLES | course


def build(shared: Shared) -> None:
    """The tab."""
    tab = Layout(JOB, PictureRequest.of(shared.model), shared, all_presets())
    form = tab.form
    with tab.left:
        form.place("prompt")
        tab.run_row("Sample")
        as_typed.place(form, shared)
        form.place("n", "steps", "guidance", "seed")
        tab.experiments("Experiments: the same noise throughout, so only one thing changes.")
        form.place("sweep_steps", "sweep_prompts")
        with tab.more("restore_pictures"):
            form.place(
                "model", "negative", "guide_from", "guide_to", "sampler", "timesteps", "threshold", "ratio", "top"
            )
    with tab.right:
        tab.viewer()
        tab.enlarging()
        tab.inside("Inside one picture: what guidance adds, step by step")
        formula_panel("sampling")
        with gr.Accordion("How pocket learned", open=False):
            made_when_seen(how_pocket_learned)
        with gr.Accordion("What pocket knows", open=False):
            made_when_seen(known_words)
    tab.wire(ENDPOINTS)
