"""Tabs inside a tab, which send pictures to each other and to the other tabs of the page."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import gradio as gr

from tabs.ui.controls import Shared
from tabs.ui.send import connect


def build_subtabs(shared: Shared, subtabs: Mapping[str, tuple[str, Callable[[Shared], None]]]) -> None:
    """Build them: ID -> (title, builder)."""
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        inner = replace(shared, tabs=tabs, inbox={}, outbox=[])
        for name, (title, build) in subtabs.items():
            with gr.Tab(title, id=name):
                build(inner)
    connect(inner)
    shared.outbox.extend(send for send in inner.outbox if send[-1] not in inner.inbox)
