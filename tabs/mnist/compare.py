"""The same noise through two models: on the DDPM path and on the flow-matching path."""

from core.runs.plan import Plan
from core.runs.same_noise import PLANS, PairRequest
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.viewer import RUNS, viewer


class PairJob(Job):
    """The runs of the sub-tab. They make no files, and no picture is chosen."""

    def face(self, plan: Plan) -> dict:
        """The labels around the pictures, without a grid to choose from: a lane has half of the pictures."""
        return {key: value for key, value in super().face(plan).items() if key != "grid"}

    def keep(self, view: dict) -> dict:
        """After a run or Stop: the scrubber with all frames."""
        return self.value(RUNS.get(view))


class PairLayout(Layout):
    """The columns of the sub-tab, with only a viewer."""

    @property
    def kept(self) -> list:
        """The components that `PairJob.keep` fills after a run."""
        return [self.view]


JOB = PairJob("compare", PairRequest, PLANS)
SIZES = {"digits": {"max_length": 120}}


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = PairLayout(JOB, PairRequest(), shared, {}, how=SIZES)
    with tab.left:
        tab.form.place("digits", "steps", "guidance", "seed")
        tab.run_row("Run both", remarks=())
    with tab.right:
        tab.view = viewer("compare-view", JOB.example())
        formula_panel("mnist_compare")
    tab.wire({"pair": "same_noise"})
