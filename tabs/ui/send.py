"""Buttons that send a picture to another tab."""

from collections.abc import Callable

import gradio as gr

from core.checks import Refused
from tabs.ui.controls import Shared
from tabs.ui.failures import explained
from tabs.ui.viewer import RUN_ONLY, RUNS


def send_to(button: gr.Button, pick: Callable, inputs: list, shared: Shared, tab: str) -> None:
    """Make a button send the picture `pick(*inputs)` to another tab's input; it opens that tab and its panel.

    The picture's prompt goes into that tab's prompts, if it is known.
    """
    target, panel, prompts = shared.inbox[tab]
    panels = [] if panel is None else [panel]

    @explained
    def handler(*args) -> list:
        # here and not above: a component that is made while the page is built is on the page
        opened = [gr.Accordion(open=True) for _ in panels]
        return [gr.Tabs(selected=tab), pick(*args), *opened, *[drawn_from(args[0])] * len(prompts)]

    outputs = [shared.tabs, target, *panels, *prompts]
    button.click(handler, inputs, outputs, js=RUN_ONLY, api_visibility="private", show_progress="hidden")


def drawn_from(view: dict) -> str:
    """The one prompt of a run's pictures; "" if it is not known."""
    try:
        return RUNS.get(view).plan.subject
    except Refused:
        return ""


def send_row(pick: Callable, inputs: list, shared: Shared, own: str) -> None:
    """A row of buttons that send `pick(*inputs)` to every other tab of the page that takes a picture; `connect` wires them."""
    others = {tab: title for tab, title in shared.takers.items() if tab != own}
    if not others:
        return
    with gr.Row(elem_classes="sends"):
        gr.HTML('<div class="caption">Send the picture to</div>')
        for tab, title in others.items():
            shared.outbox.append((gr.Button(f"→ {title}", size="sm"), pick, inputs, tab))


def connect(shared: Shared) -> None:
    """Wire every send whose target is on this page."""
    for button, pick, inputs, tab in shared.outbox:
        if tab in shared.inbox:
            send_to(button, pick, inputs, shared, tab)
