"""Inputs that pass on their values unchecked: `core` checks every value and says in one sentence what is wrong.

Gradio's own checks use the component's current choices and limits, which differ between pages. For a value of the
wrong type they give no message.
"""

import gradio as gr
from gradio.data_classes import ImageData
from PIL import Image

from core.pictures import images
from tabs.ui.canvas import in_one_sentence, on_canvas
from tabs.ui.sent import forgiving


class _AsSent:
    def preprocess(self, payload):
        """The value, as it was sent."""
        return payload


class Textbox(_AsSent, gr.Textbox):
    """gr.Textbox, unchecked."""


class Number(_AsSent, gr.Number):
    """gr.Number, unchecked."""


class Slider(_AsSent, gr.Slider):
    """gr.Slider, unchecked."""


class Radio(_AsSent, gr.Radio):
    """gr.Radio, unchecked."""


class CheckboxGroup(_AsSent, gr.CheckboxGroup):
    """gr.CheckboxGroup, unchecked."""


class Dropdown(_AsSent, gr.Dropdown):
    """gr.Dropdown, unchecked."""


class Picture(gr.Image):
    """gr.Image that refuses other files in one sentence and shows pictures square and crisply enlarged."""

    is_template = True
    data_model = forgiving(ImageData)

    def preprocess(self, payload):
        """The picture, read completely and shrunk if it is large. Raises one sentence if that fails."""
        with in_one_sentence():
            picture = super().preprocess(payload)
            if picture is not None:
                images.shrunk(picture).load()
            return picture

    def postprocess(self, value):
        """A picture, cut to the centred square that a run uses."""
        return super().postprocess(on_canvas(value) if isinstance(value, Image.Image) else value)
