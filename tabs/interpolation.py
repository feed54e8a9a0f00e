"""Interpolation: pictures between two noises."""

from core.runs.interpolation import PLANS, InterpolationRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.page import open_alone
from tabs.ui.presets import Preset, first

TITLE = "Interpolation"
ID = "interpolation"
PRESETS = {
    "Two seashores": Preset(InterpolationRequest()),
    "Two pizzas": Preset(InterpolationRequest("a photo of a pizza", guidance=5.0)),
    "The straight line": Preset(InterpolationRequest(way="lerp")),
    "With DDPM's noise": Preset(InterpolationRequest(sampler="ddpm", steps=50)),
    "One noise, two prompts": Preset(
        InterpolationRequest("an emoji of a panda", last="an emoji of a red apple", seed=3, other=3)
    ),
    "A drawing known by heart": Preset(InterpolationRequest("an emoji of a panda")),
}
JOB = Job(ID, InterpolationRequest, PLANS, {"both-ways": "Sphere / straight line"})


def build(shared: Shared) -> None:
    """The tab."""
    tab = Layout(JOB, first(InterpolationRequest(), shared), shared, PRESETS)
    with tab.left:
        tab.form.place("prompt")
        tab.run_row("Interpolate")
        tab.form.place("columns", "way", "guidance", "seed", "other", "last")
        tab.experiments("Experiment: the same two noises, so only the way between them changes.")
        with tab.more("restore_interpolation"):
            tab.form.place("model", "sampler", "steps")
    with tab.right:
        tab.viewer()
        tab.enlarging()
        tab.inside("Inside one picture, step by step")
        formula_panel("interpolation")
    tab.wire({"between": "interpolate", "both-ways": "interpolate_both_ways"})


if __name__ == "__main__":
    open_alone(TITLE, build)
