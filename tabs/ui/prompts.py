"""What a model makes of the prompts as they stand, in a line under them."""

import html

import gradio as gr

from core.checks import ModelError, Refused
from core.runs.prompts import prompt_of, remarks, text_model
from tabs.ui.failures import explained


@explained
def remark_on(model: str, *prompts: str) -> str:
    """What the model makes of the prompts as they stand, as HTML; nothing where it is not here, as the cost line says that."""
    try:
        told_ = [line for p in prompts if p for line in remarks(text_model(model), prompt_of(p))]
    except Refused as e:
        return html.escape(str(e))
    except ModelError:
        return ""
    return "<br>".join(html.escape(line) for line in dict.fromkeys(told_))


def remark_on_styled(model: str, style: str, *prompts: str) -> str:
    """The same for prompts that all have a style in front."""
    return remark_on(model, *(f"{style or ''} {p}".strip() for p in prompts if p))


def remark_line(model: gr.Dropdown, *prompts: gr.Textbox, styled: bool = False) -> None:
    """A line under the prompts that says what the model does not know, told anew whenever they change.

    Args:
        styled: whether the first one is the style of the others.
    """
    line = gr.HTML(elem_classes="remarks")
    gr.on(
        [c.change for c in (model, *prompts)],
        remark_on_styled if styled else remark_on,
        [model, *prompts],
        line,
        trigger_mode="always_last",
        show_progress="hidden",
        api_visibility="private",
        queue=False,
    )
