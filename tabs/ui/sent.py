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
KINDS = {".png": "a PNG", "image": "a picture"}
"""Gradio's kinds of files in words."""


def any_file(component: gr.File | gr.UploadButton) -> gr.File | gr.UploadButton:
    """A component for a single file, made to take any value and to refuse a file of another kind in a sentence.
    (A subclass with an own __init__ loses Gradio's settings.)"""
    component.data_model = _File
    read = component.preprocess

    def preprocess(payload):
        try:
            return read(payload)
        except gr.Error:  # says the kinds as a Python list
            wanted = " or ".join(KINDS[kind] for kind in component.file_types)
        raise gr.Error(f"This file is not {wanted}; choose one.", title="Please check", print_exception=False)

    component.preprocess = preprocess
    return component
