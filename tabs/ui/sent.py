"""Pictures and files as a page or a program sends them. Anything else counts as none, and `core` refuses it.

Gradio's own error for such a value has no message.
"""

import gradio as gr
from gradio.data_classes import FileData, GradioModel
from pydantic import ConfigDict, ValidationError, model_validator


def forgiving(model: type[GradioModel]) -> type[GradioModel]:
    """A component's data model that takes any value: None for what it cannot read."""

    class Sent(model):
        model_config = ConfigDict(title=model.__name__)

        @model_validator(mode="wrap")
        @classmethod
        def _forgive(cls, data, handler):
            try:
                return handler(data)
            except ValidationError:
                return None

    return Sent


_File = forgiving(FileData)


def any_file(component: gr.File | gr.UploadButton) -> gr.File | gr.UploadButton:
    """A component for a single file, made to take any value. (A subclass with an own __init__ loses Gradio's settings.)"""
    component.data_model = _File
    return component
