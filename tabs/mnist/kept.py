"""Networks that were trained and kept in this page, in the lists of the other sub-tabs."""

import gradio as gr

from core.runs.kept_digits import offered
from tabs.ui.controls import Shared


def offer(shared: Shared, models: gr.Dropdown, task: str) -> None:
    """Let a list of models have those that were kept in this page too, the newest first; a list of one is not seen."""
    if shared.kept is None:
        return
    shipped = list(models.choices)

    def longer(kept: str) -> gr.Dropdown:
        own = [(title, name) for name, title in offered(reversed(kept.split()), task).items()]
        return gr.Dropdown(choices=[*own, *shipped], visible=len(own) + len(shipped) > 1)

    quiet = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
    shared.kept.change(longer, shared.kept, models, **quiet)
