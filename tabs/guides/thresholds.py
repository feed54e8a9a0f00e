"""Thresholding: what keeps the clean estimate in its range at high guidance, and what that does to the picture."""

from PIL import Image

from core.runs.thresholds import PLANS, ROWS, ThresholdsRequest, measured
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.plane import chart, charts, plane
from tabs.ui.presets import Preset

PRESETS = {
    "Guidance too high": Preset(ThresholdsRequest()),
    "A white ground turns grey": Preset(ThresholdsRequest("an emoji of a red apple")),
    "Dynamic, held at 1.5": Preset(ThresholdsRequest(top=1.5)),
    "Half of all values": Preset(ThresholdsRequest(ratio=0.5)),
}


class ThresholdsJob(Job):
    """Its pictures have a histogram below; another tab gets the picture alone."""

    def pick(self, view: dict, index: float) -> Image.Image:
        picture = super().pick(view, index)
        return picture.crop((0, 0, picture.width, picture.width))


JOB = ThresholdsJob("thresholds", ThresholdsRequest, PLANS)


MEASURED = (
    "Right and lower is better: photos whose kind a small classifier has among its first five, and the distance of all from "
    "photos. Each point is {photos} photos by pocket in {steps} steps of DDIM, the same noises in all; beside it its guidance w. "
    "Measured by: python -m benchmarks.thresholds"
)


def curves() -> dict:
    """The measured table as one chart, the kind right against the distance; without a chart if there is none."""
    rows = measured()
    if not rows:
        return charts(caption="Not measured yet: run python -m benchmarks.thresholds")
    series = []
    for name, label in ROWS.items():
        line = [r for r in rows if r["threshold"] == name]
        points = {"x": [100 * r["top_5"] for r in line], "y": [r["frechet"] for r in line]}
        series.append(points | {"name": label, "labels": [f"{r['scale']:g}" for r in line], "dashed": name == "none"})
    made = chart("Fréchet distance", "kind among the first five, %", "Fréchet distance", series)
    return charts(made, caption=MEASURED.format(**rows[0]))


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
        plane("thresholds-chart", curves())
        formula_panel("thresholds")
    tab.wire({"thresholds": "compare_thresholds"})
