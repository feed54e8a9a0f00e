"""The contents of a saved picture: its settings, and in some tabs the original and the mask."""

from collections.abc import Callable, Sequence

import gradio as gr

from core.checks import Refused
from core.pictures import images
from tabs.ui.failures import explained
from tabs.ui.sent import any_file


def settings_in(path: str, kind: str | None) -> dict:
    """The settings in a saved PNG of that kind; the digits' kind is None. Raises Refused if it has none."""
    settings = images.settings_of(path)
    if settings is None or settings.get("kind") != kind:
        raise Refused("This picture holds no settings of this tab; drop a PNG that was saved here.")
    return settings


def settings_input() -> gr.File:
    """The upload field that restores the settings of a saved PNG."""
    label = "Settings from a PNG that was saved here"
    return any_file(gr.File(label=label, file_types=[".png"], height=96, elem_classes="saved-png"))


def restores(upload: gr.File, restore: Callable, outputs: Sequence, api_name: str) -> None:
    """Connect that field: the settings fill `outputs`, by `restore(path)`."""
    upload.upload(explained(restore), upload, outputs, api_name=api_name, show_progress="hidden")
