"""One noise, many roads: pictures by numbers of steps, without noise on the way and with it."""

from core.runs.roads import PLANS, RoadsRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset

PRESETS = {
    "A digit three": Preset(RoadsRequest(), moves=True),
    "Down to every step": Preset(RoadsRequest(counts="10, 50, 100, 300"), moves=True),
    "The straight path": Preset(RoadsRequest("7", counts="1, 2, 5, 10, 20", model="flow-class"), moves=True),
    "A seashore": Preset(RoadsRequest("a photo of a seashore", counts="5, 10, 20, 50", guidance=2.0, model="pocket"), moves=True),
}  # fmt: skip
JOB = Job("roads", RoadsRequest, PLANS)


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = Layout(JOB, RoadsRequest(), shared, PRESETS)
    with tab.left:
        tab.form.place("model", "prompt")
        tab.run_row("Draw", remarks=())
        tab.form.place("counts", "ways", "guidance", "seed", "other")
        tab.settings("restore_roads")
    with tab.right:
        tab.viewer()
        tab.inside("Inside one picture, step by step")
        formula_panel("roads")
    tab.wire({"roads": "one_noise_many_roads"})
