"""What travels in a saved picture: its settings, and in some tabs the original and the mask."""

import gradio as gr

from core.checks import Refused
from core.pictures import images
from tabs.ui.sent import any_file


def settings_in(path: str, kind: str | None) -> dict:
    """The settings in a saved PNG of that kind, None for the digits'. Raises Refused if it has none."""
    settings = images.settings_of(path)
    if settings is None or settings.get("kind") != kind:
        raise Refused("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return settings


def settings_input() -> gr.File:
    """Where a saved PNG is dropped to bring its settings back."""
    label = "Settings from a PNG that was saved here"
    return any_file(gr.File(label=label, file_types=[".png"], height=96, elem_classes="saved-png"))
