"""Students: networks that were taught to take fewer steps, beside their teacher."""

from core.models.scores import NONE_WRONG, percent_wrong
from core.runs.students import PLANS, ROWS, StudentsRequest, measured
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.plane import chart, charts, plane
from tabs.ui.presets import Preset

PRESETS = {
    "As measured": Preset(StudentsRequest()),
    "No guidance": Preset(StudentsRequest(guidance=1.0)),
    "Much guidance": Preset(StudentsRequest(guidance=5.0)),
    "Other noise": Preset(StudentsRequest(seed=7)),
}
JOB = Job("students", StudentsRequest, PLANS)
TEACHER = next(iter(ROWS))
MEASURED = (
    "Measured on 2,000 digits at guidance 1.5 by: python -m benchmarks.fewer_steps. "
    f"A ring at {NONE_WRONG} % of digits wrong stands for none."
)
CHARTS = {
    "Digits wrong": ("%", percent_wrong),
    "Fréchet distance": ("", lambda m: m["frechet"]),
    "Time": ("milliseconds for ten digits", lambda m: m["ms_for_ten"]),
}
"""Title -> (unit, value of a measured row)."""


def quality() -> list[dict]:
    """Quality and time against network calls, as measured, on logarithmic axes."""
    found = measured()
    lines = {label: [m for m in found if (m["model"], m["sampler"]) == row] for label, row in ROWS.items()}
    return [
        chart(
            title, "network calls", unit, log=(True, True), series=[
                {
                    "name": label.removeprefix("consistency, "), "dashed": label == TEACHER,
                    "x": [m["steps"] for m in rows], "y": [value(m) for m in rows],
                    "hollow": [title == "Digits wrong" and m["accuracy"] == 1 for m in rows],
                }
                for label, rows in lines.items() if rows
            ],
        )
        for title, (unit, value) in CHARTS.items()
    ]  # fmt: skip


def build(shared: Shared) -> None:
    """The sub-tab."""
    tab = Layout(JOB, StudentsRequest(), shared, PRESETS)
    with tab.left:
        tab.run_row("Draw with all", remarks=())
        tab.form.place("guidance", "seed")
        tab.settings("restore_students")
    with tab.right:
        tab.viewer()
        tab.inside("One of them, enlarged")
        plane("students-charts", charts(*quality(), caption=MEASURED))
        formula_panel("students")
    tab.wire({"students": "draw_with_students"})
