"""The same noise through two models: on the DDPM path and on the flow-matching path."""

import gradio as gr

from core.runs.plan import Plan
from core.runs.same_noise import PLANS, PairRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.files import download_row, saved, trajectory
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.viewer import RUNS, viewer


class PairJob(Job):
    """The runs of the sub-tab. No picture is chosen."""

    def face(self, plan: Plan) -> dict:
        """The labels around the pictures, without a grid to choose from: a lane has half of the pictures."""
        return {key: value for key, value in super().face(plan).items() if key != "grid"}

    def keep(self, view: dict) -> list:
        """After a run or Stop: the scrubber with all frames, and the files."""
        recording = RUNS.get(view)
        value = self.value(recording)
        return [value, *saved(recording, value, trajectory(recording, value))]


class PairLayout(Layout):
    """The columns of the sub-tab, with only a viewer and the files."""

    def viewer(self) -> None:
        """The viewer and the files."""
        self.view = viewer("compare-view", self.job.example())
        with gr.Row(elem_classes="slim"):
            self.files = download_row()

    @property
    def kept(self) -> list:
        """The components that `PairJob.keep` fills after a run."""
        return [self.view, *self.files]


JOB = PairJob("compare", PairRequest, PLANS)
SIZES = {"digits": {"max_length": 120}}


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = PairLayout(JOB, PairRequest(), shared, {}, how=SIZES)
    with tab.left:
        tab.form.place("digits", "steps", "guidance", "seed")
        tab.run_row("Run both", remarks=())
        tab.settings("restore_same_noise")
    with tab.right:
        tab.viewer()
        formula_panel("mnist_compare")
    tab.wire({"pair": "same_noise"})
