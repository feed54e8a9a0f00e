"""A line of words that follows inputs. The page asks the server for it by itself: an event of Gradio's with so many inputs
costs the browser more than the answer, at every key."""

from collections.abc import Callable, Sequence

import gradio as gr

from core.checks import Refused
from tabs.ui.failures import explained_in_place

SHOWN = "showLine(%r, props, server);"
CHANGED = "(...values) => { tellLine(%r, values); }"


def line(name: str, tell: Callable[..., str], inputs: Callable[[], Sequence], kind: str) -> gr.HTML:
    """HTML that shows tell(*inputs), or its refusal; `renew` connects it.

    Args:
        name: unique on the page.
        inputs: gives the components, some of which may be made after the line.
        kind: its class in the style sheet.
    """

    @explained_in_place
    def told(values: list) -> str:
        widgets = inputs()
        if not isinstance(values, list) or len(values) != len(widgets):
            raise Refused("This page and the app no longer match; open the page again.")
        return tell(*(c.preprocess(value) for c, value in zip(widgets, values, strict=True)))

    return gr.HTML("", js_on_load=SHOWN % name, server_functions=[told], elem_classes=kind)


def renew(name: str, inputs: Sequence) -> None:
    """Renew the line of that name when the page opens and when an input changes."""
    gr.on(None, None, list(inputs), None, js=CHANGED % name, api_visibility="private", queue=False)
