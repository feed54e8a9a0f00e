"""Inversion: a picture to its noise and back, with the same prompt or with another."""

from core.pictures.scenes import SCENES
from core.runs.inversion import PLANS, InversionRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.picture import picture_source
from tabs.ui.presets import Preset, first, scene

APPLE, MOUNTAINS = (scene("picture", SCENES[name]) for name in ("Apple", "Mountains"))
PRESETS = {
    "An apple becomes a lemon": Preset(InversionRequest(), APPLE),
    "With DDIM": Preset(InversionRequest(solver="ddim", steps=50), APPLE),
    "Mountains, no words": Preset(InversionRequest("", "an emoji of a volcano"), MOUNTAINS),
}
JOB = Job("inversion", InversionRequest, PLANS, {"by-steps": "How much comes back, by steps"}, carries=("original",))


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = Layout(JOB, first(InversionRequest(), shared), shared, PRESETS)
    with tab.left:
        tab.source("picture", picture_source("inversion-picture", SCENES["Apple"]))
        tab.form.place("prompt", "other")
        tab.run_row("There and back", remarks=("prompt", "other"))
        tab.form.place("solver", "steps", "guidance", "seed")
        tab.experiments("Experiment: there and back in 5, 10, 20 and 50 steps, with both solvers.")
        with tab.more("restore_inversion"):
            tab.form.place("model")
    with tab.right:
        tab.viewer()
        tab.inside("Inside one picture, step by step")
        formula_panel("inversion")
    tab.wire({"edit": "invert_and_edit", "by-steps": "invert_by_steps"}, [tab.form["prompt"]])
