"""A line of text that follows inputs. The page itself asks the server for it. At every key press, a Gradio event with
many inputs would cost the browser more than the answer."""

import html
import json
from collections.abc import Callable, Mapping, Sequence

import gradio as gr

from core.checks import Refused
from tabs.ui.failures import explained_in_place
from tabs.ui.stale import STALE

SHOWN = "showLine(%r, props, server);"
TOLD = "tellLine(%r, values);"


def line(name: str, tell: Callable[..., str], inputs: Callable[[], Sequence], kind: str, first: str = "") -> gr.HTML:
    """HTML that shows tell(*inputs), or its refusal, from when it is first seen; `renew` connects it.

    Args:
        name: unique on the page.
        inputs: gives the components, some of which may be made after the line.
        kind: its class in the style sheet.
        first: what it shows until the page has asked.
    """

    @explained_in_place
    def told(values: list | None) -> str:
        widgets = inputs()
        if values is None:  # none has changed yet
            values = [c.value for c in widgets]
        if not isinstance(values, list) or len(values) != len(widgets):
            raise Refused("This page and the app no longer match; open the page again.")
        return tell(*(c.preprocess(value) for c, value in zip(widgets, values, strict=True)))

    return gr.HTML(first, js_on_load=SHOWN % name, server_functions=[told], elem_classes=kind)


def renew(name: str, inputs: Sequence, changed: Sequence | None = None, figure: str = "") -> None:
    """Renew the line of that name when an input changes.

    Args:
        changed: the inputs that renew it when they change; by default all.
        figure: the id of a figure that the same event marks as stale: a page opens faster with few events.
    """
    script = f"(...values) => {{ {TOLD % name} {STALE % figure if figure else ''} }}"
    events = [c.change for c in (inputs if changed is None else changed)]
    gr.on(events, None, list(inputs), None, js=script, api_visibility="private", queue=False)


def titled(titles: Mapping[str, str]) -> str:
    """The end of a line that hands the page the titles (tooltips) of buttons, by their ids; it shows nothing itself.

    A button that the next words of the line do not name loses its title.
    """
    return f'<span hidden data-titles="{html.escape(json.dumps(titles))}"></span>' if titles else ""
