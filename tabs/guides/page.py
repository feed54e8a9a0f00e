"""Other guides: a classifier that guides, beside classifier-free guidance; and what a threshold does at high guidance."""

from dataclasses import replace

import gradio as gr

from tabs.guides import classifier, thresholds
from tabs.ui.controls import Shared
from tabs.ui.page import open_alone
from tabs.ui.send import connect

TITLE = "Other guides"
ID = "guides"
SUBTABS = {
    "guides": ("Classifier guidance", classifier.build),
    "thresholds": ("Thresholding", thresholds.build),
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
