"""A model without classes, guided by a classifier beside classifier-free guidance, or by a weaker model; from the same noise."""

from core.models.scores import percent_wrong
from core.runs.guides import PLANS, GuidesRequest, measured
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.plane import chart, charts, plane
from tabs.ui.presets import Preset

PRESETS = {
    "Ten digits": Preset(GuidesRequest()),
    "A guide that never saw noise": Preset(GuidesRequest(guide="classifier")),
    "Ten ways to write a 3": Preset(GuidesRequest(digits="3333333333")),
    "Too faint a guide": Preset(GuidesRequest(scale=1.0, guidance=1.0)),
    "On the straight path": Preset(GuidesRequest(path="flow", guidance=1.5)),
    "Away from a weaker network": Preset(GuidesRequest(path="flow"), experiment="by-weaker"),
}
JOB = Job("guides", GuidesRequest, PLANS, {"by-scale": "By scale", "by-weaker": "A weaker guide"})
NAMES = {"classifier": "classifier", "cfg": "classifier-free", "clean classifier": "clean classifier"}
"""Way of guiding in the table -> its curve's name."""
MEASURED = (
    "Left and lower is better: digits that the judge reads wrong, and the distance of all from MNIST's. Each point is {digits:,} "
    "digits of the DDPM models in {steps} steps, from the same noises; beside it its scale; hollow: none of them is wrong. Measured by: python -m benchmarks.guides"
)


def curves() -> dict:
    """The measured table as one chart, fidelity against variety; without a chart if there is none."""
    rows = measured()
    if not rows:
        return charts(caption="Not measured yet: run python -m benchmarks.guides")
    lines = {name: [r for r in rows if r["way"] == way] for way, name in NAMES.items()}
    series = [
        {
            "name": name,
            "x": [percent_wrong(r) for r in line],
            "y": [r["frechet"] for r in line],
            "hollow": [r["accuracy"] == 1 for r in line],
            "labels": [f"{r['scale']:g}" for r in line],
            "dashed": name == NAMES["clean classifier"],
        }
        for name, line in lines.items()
        if line
    ]
    made = chart("Fréchet distance", "digits wrong, %", "Fréchet distance", series, log=(True, True))
    return charts(made, caption=MEASURED.format(**rows[0]))


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = Layout(JOB, GuidesRequest(), shared, PRESETS)
    with tab.left:
        tab.form.place("digits")
        tab.run_row("Guide", remarks=())
        tab.form.place("guide", "scale", "guidance", "seed")
        tab.experiments(
            "Experiments. By scale: the first digit at seven scales, from one noise. A weaker guide: no class and no classifier; "
            "the network is led away from a smaller one."
        )
        with tab.more("restore_guides"):
            tab.form.place("path", "steps")
    with tab.right:
        tab.viewer()
        tab.inside("Inside one picture, step by step")
        plane("guides-chart", curves())
        formula_panel("guides")
    tab.wire({"guides": "guide_digits", "by-scale": "guide_by_scale", "by-weaker": "guide_by_weaker"})
