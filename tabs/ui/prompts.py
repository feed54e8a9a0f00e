"""A line under the prompts with the model's remarks on them."""

import html

import gradio as gr

from core.checks import ModelError, Refused
from core.runs.prompts import about_student, prompt_of, remarks, text_model
from tabs.ui.failures import explained
from tabs.ui.lines import line, renew


@explained
def remark_on(model: str, *prompts: str) -> str:
    """The model's remarks on the prompts, as HTML; empty if the model is not here or a prompt is refused, which the cost
    line says."""
    try:
        on_prompts = [line for p in prompts if p for line in remarks(text_model(model), prompt_of(p))]
        about = about_student(model)
    except (ModelError, Refused):
        return ""
    return "<br>".join(html.escape(line) for line in dict.fromkeys([about, *on_prompts]) if line)


def remark_on_styled(model: str, style: str, *prompts: str) -> str:
    """The same for prompts that all begin with a style."""
    return remark_on(model, *(f"{style or ''} {p}".strip() for p in prompts if p))


def remark_line(name: str, model: gr.Dropdown, *prompts: gr.Textbox, styled: bool = False) -> None:
    """A line under the prompts that says what the model does not know; renewed when they change.

    Args:
        name: unique on the page.
        styled: whether the first one is the style of the others.
    """
    inputs = [model, *prompts]
    line(name, remark_on_styled if styled else remark_on, lambda: inputs, "remarks")
    renew(name, inputs)
