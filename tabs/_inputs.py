"""Inputs that hand over what they were sent: `core` checks every value and says in one sentence what is wrong.

Gradio's own checks stop at the component's current choices and limits, which differ from page to page, and answer a
value of the wrong type with no sentence at all.
"""

import gradio as gr


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


class Dropdown(_AsSent, gr.Dropdown):
    """gr.Dropdown, unchecked."""
