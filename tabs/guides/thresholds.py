"""Thresholding: what keeps the clean estimate in its range at high guidance, and what that does to the picture."""

from PIL import Image

from core.runs.thresholds import PLANS, ThresholdsRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset

PRESETS = {
    "Guidance too high": Preset(ThresholdsRequest()),
    "A drawing": Preset(ThresholdsRequest("an emoji of a red apple")),
    "Dynamic, held at 1.5": Preset(ThresholdsRequest(top=1.5)),
    "Half of all values": Preset(ThresholdsRequest(ratio=0.5)),
}


class ThresholdsJob(Job):
    """Its pictures have a histogram below; another tab gets the picture alone."""

    def pick(self, view: dict, index: float) -> Image.Image:
        picture = super().pick(view, index)
        return picture.crop((0, 0, picture.width, picture.width))


JOB = ThresholdsJob("thresholds", ThresholdsRequest, PLANS)


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = Layout(JOB, ThresholdsRequest(), shared, PRESETS)
    with tab.left:
        tab.form.place("prompt")
        tab.run_row("Draw")
        tab.form.place("scales", "ratio", "top", "seed")
        with tab.more("restore_thresholds"):
            tab.form.place("model", "sampler", "steps")
    with tab.right:
        tab.viewer()
        tab.inside("Inside one picture, step by step")
        formula_panel("thresholds")
    tab.wire({"thresholds": "compare_thresholds"})
