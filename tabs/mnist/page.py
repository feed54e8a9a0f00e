"""MNIST: everything that the digit models can show, one sub-tab per question."""

from dataclasses import replace

import gradio as gr

from tabs.mnist import compare, denoiser, generate, learned, scoreboard
from tabs.ui.controls import Shared
from tabs.ui.send import connect

TITLE = "MNIST"
ID = "mnist"
SUBTABS = {
    "generate": ("Generate", generate.build),
    "compare": ("Same noise, two models", compare.build),
    "learned": ("How it learned", learned.build),
    "denoiser": ("Single-step denoiser", denoiser.build),
    "scoreboard": ("Scoreboard", scoreboard.build),
}
"""By id: what people read, and what builds it."""


def build(shared: Shared) -> None:
    """The tab and its sub-tabs, which send pictures to each other."""
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        inner = replace(shared, tabs=tabs, inbox={}, outbox=[])
        for name, (title, build_subtab) in SUBTABS.items():
            with gr.Tab(title, id=name):
                build_subtab(inner)
    connect(inner)
