"""Fewer steps: what a deterministic sampler allows, and networks that were taught to need few steps."""

from dataclasses import replace

import gradio as gr

from tabs.fewer_steps import inversion, roads, students
from tabs.ui.controls import Shared
from tabs.ui.page import open_alone
from tabs.ui.send import connect

TITLE = "Fewer steps"
ID = "fewer_steps"
SUBTABS = {
    "roads": ("One noise, many roads", roads.build),
    "inversion": ("Inversion", inversion.build),
    "students": ("Students", students.build),
}
"""ID -> (title, builder)."""


def build(shared: Shared) -> None:
    """The tab and its sub-tabs."""
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        inner = replace(shared, tabs=tabs, inbox={}, outbox=[])
        for name, (title, build_subtab) in SUBTABS.items():
            with gr.Tab(title, id=name):
                build_subtab(inner)
    connect(inner)


if __name__ == "__main__":
    open_alone(TITLE, build)
