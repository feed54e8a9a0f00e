"""Hybrids: one picture that shows something else from afar, without its colour, or in motion."""

import gradio as gr

from core.models.captions import DRAWING_STYLES
from core.runs.hybrids import HybridRequest
from core.techniques.splits import SIGMA
from tabs.hybrids.inputs import filter_panel, fitted, own_input, photo_panel
from tabs.hybrids.job import JOB, distance
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.form import begun
from tabs.ui.layout import QUIET
from tabs.ui.presets import first
from tabs.ui.two_readings import TwoReadingsLayout, presets

TITLE = "Hybrids"
ID = JOB.tab
TAKES_PICTURES = True


def hidden(far: str, near: str, style: str, sigma: float, seed: int) -> HybridRequest:
    """Two readings in a style of drawing, from this seed on."""
    return HybridRequest(prompts=(far, near), style=DRAWING_STYLES[style].prompt, sigma=sigma, seed=seed)


PRESETS = {  # before the three-way one, both readings were named by somebody who did not know the prompts
    "Sun / spider": HybridRequest(),
    "Heart / bikini": hidden("a red heart", "a bikini", "flat", 3.0, 183),
    "Tree / beetle": hidden("an evergreen tree", "a beetle", "sticker", 2.2, 183),
    "Apple / frog": hidden("a green apple", "a frog", "sticker", 2.5, 181),
    "Tomato / crab": hidden("a tomato", "a crab", "emoji", 2.5, 182),
    "Peach / fox": hidden("a peach", "a fox", "glossy", 3.0, 183),
    "Doughnut / beans": hidden("a doughnut", "beans", "emoji", 3.0, 182),
    "Apple / crab": hidden("a red apple", "a crab", "sticker", 2.5, 181),
    "Three-way": HybridRequest(
        prompts=("a red heart", "a cat face", "a spider web"), split="three", sigma=7.0, sigma_small=2.0
    ),
    "Colour": HybridRequest(prompts=("a cat face", "a rainbow"), split="colour"),
    "Motion": HybridRequest(prompts=("a full moon", "a soccer ball"), split="motion", length=15),
}
SKULL, VILLAGE = "a lithograph of a skull", "an oil painting of a snowy mountain village"
OLD_MAN, CAMPFIRE = "an oil painting of an old man", "an oil painting of people around a campfire"
COURSE = {
    "Skull / waterfalls": HybridRequest(prompts=(SKULL, "a lithograph of waterfalls"), sigma=SIGMA),
    "Skull / village": HybridRequest(prompts=(SKULL, VILLAGE), sigma=SIGMA),
    "Old man / campfire": HybridRequest(prompts=(OLD_MAN, CAMPFIRE), sigma=SIGMA),
}
PROMPTS = ("prompt_1", "prompt_2", "prompt_3")
OF_SPLIT = (*PROMPTS, "sigma", "sigma_small", "length", "angle")
"""Inputs whose words or presence follow from the split."""


def build(shared: Shared) -> None:
    """The tab."""
    r = first(HybridRequest(), shared)
    tab = TwoReadingsLayout(
        JOB, r, shared, presets(PRESETS, COURSE), {"own": own_input(r)}, begun(OF_SPLIT, fitted(r.split, r.own))
    )
    form = tab.form
    with tab.left:
        form.place("split", "style", *OF_SPLIT)
        tab.run_row("Make hybrids", ("style", *PROMPTS), styled=True)
        panel = filter_panel(tab, r)
        form.place("n", "steps", "guidance", "seed")
        photo_panel(tab)
        with tab.more("restore_hybrids"):
            form.place("model", "sampler")
    with tab.right:
        tab.viewer()
        tab.readings("The chosen picture, seen both ways: move the slider or press play", distance)
        tab.enlarging()
        tab.inside("Inside the chosen picture: the part of the noise that each prompt gives")
        formula_panel("hybrids")
    tab.wire("make_hybrids")
    asked, changing = [form["split"], form["own"]], [*(form[name] for name in OF_SPLIT), panel, form["own"]]
    gr.on([w.change for w in asked], fitted, asked, changing, queue=False, **QUIET)
