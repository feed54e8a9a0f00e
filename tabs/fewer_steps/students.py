"""Students: networks that were taught to take fewer steps, beside their teacher."""

import gradio as gr
import pandas as pd

from core.runs.students import PLANS, ROWS, StudentsRequest, measured
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.presets import Preset
from tabs.ui.theme import colours

PRESETS = {
    "As measured": Preset(StudentsRequest()),
    "No guidance": Preset(StudentsRequest(guidance=1.0)),
    "Much guidance": Preset(StudentsRequest(guidance=5.0)),
    "Other noise": Preset(StudentsRequest(seed=7)),
}
JOB = Job("students", StudentsRequest, PLANS)
LABELS = {row: label for label, row in ROWS.items()}
CHARTS = {"wrong": "digits wrong, %", "frechet": "Fréchet distance", "ms": "milliseconds for ten digits"}


def table() -> pd.DataFrame:
    """What was measured: network calls, method, and the values of CHARTS."""
    rows = [
        {
            "calls": m["steps"],
            "method": LABELS.get((m["model"], m["sampler"]), m["model"]),
            "wrong": max(0.05, 100 * (1 - m["accuracy"])),
            "frechet": m["frechet"],
            "ms": m["ms_for_ten"],
        }
        for m in measured()
    ]
    return pd.DataFrame(rows, columns=["calls", "method", *CHARTS])


def charts() -> None:
    """Quality and time against network calls, as measured."""
    found = table()
    if found.empty:
        gr.Markdown("Not measured yet: run `python -m benchmarks.fewer_steps`.")
        return
    with gr.Row():
        for name, title in CHARTS.items():
            gr.LinePlot(
                found, x="calls", y=name, color="method", color_map=colours(found["method"]), height=240, min_width=220,
                x_title="network calls", y_title=title,
            )  # fmt: skip
    gr.Markdown(
        "Measured on 2,000 digits at guidance 1.5 with `python -m benchmarks.fewer_steps`; time on two CPU cores."
    )


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
        charts()
        formula_panel("students")
    tab.wire({"students": "draw_with_students"})
