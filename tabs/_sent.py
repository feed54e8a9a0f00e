"""Pictures and files as a page or a program sends them: what is neither counts as none, so that `core` answers in a sentence.

Gradio's own answer to such a value has no sentence at all.
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


class File(gr.File):
    """gr.File for a single file."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.data_model = _File


class UploadButton(gr.UploadButton):
    """gr.UploadButton for a single file."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.data_model = _File
