"""The parts that every tab shares: run and stop, the seed row, the cost line, the formula panel, send-to."""

import html
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from core.models.device import device_facts
from core.models.registry import loaded
from tabs.ui.failures import explained_in_place
from tabs.ui.stale import held, hold, release, released
from tabs.ui.viewer import RUNS, Runs

NETWORK = {"concurrency_id": "network", "concurrency_limit": 1}
LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
MOST_NAMED = 4
"""The most loaded models that the line of facts names; it has half of the page's width."""
FORMULAS = Path(__file__).parents[1] / "formulas"


@dataclass(frozen=True)
class Shared:
    """The objects that the page gives to every tab.

    Args:
        device: the picker of the device.
        facts: the line of facts in the header.
        tabs: the tabs; send-to opens one of them.
        model: the model requested at the start, if any.
        takers: the tabs on the page that take a sent picture, ID -> name on the button, in display order.
        inbox: per tab: the component that takes a sent picture, the panel around it to open (or None), and the prompts
            that describe the picture.
        outbox: the sends to wire after all tabs are built: (button, pick, inputs, tab).
        kept: the names of the networks that were trained and kept in this page, separated by spaces.
    """

    device: gr.Dropdown
    facts: gr.HTML
    tabs: gr.Tabs
    model: str | None = None
    takers: dict[str, str] = field(default_factory=dict)
    inbox: dict[str, tuple[gr.components.Component, gr.Accordion | None, list[gr.Textbox]]] = field(
        default_factory=dict
    )
    outbox: list[tuple[gr.Button, Callable, list, str]] = field(default_factory=list)
    kept: gr.Textbox | None = None


def memory() -> str:
    """The peak memory of this process; "" on Windows, which does not report it."""
    try:
        import resource
    except ImportError:
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f" · {peak / (2**30 if sys.platform == 'darwin' else 2**20):.1f} GB of memory at its peak"


@explained_in_place
def facts(device: str) -> str:
    """The device, the memory and the models in memory, in one line."""
    names = loaded()
    here = ", ".join(names) or "no model yet" if len(names) <= MOST_NAMED else f"{len(names)} models"
    return html.escape(f"Running on {device_facts(device)}{memory()} · loaded: {here}")


# ---- rows of controls -----------------------------------------------------------------------------------------------


def run_row(label: str, elem_id: str | None = None) -> tuple[gr.Button, gr.Button]:
    """The primary button with that id, and Stop. Ctrl+Enter and Esc press them."""
    with gr.Row():
        run = gr.Button(label, variant="primary", elem_id=elem_id, elem_classes="do-run", scale=3)
        stop = gr.Button("Stop", elem_classes="do-stop", scale=1, min_width=80)
    return run, stop


def wire(
    buttons: tuple[gr.Button, gr.Button],
    run: Callable,
    inputs: list,
    keep: Callable,
    kept: list,
    shared: Shared,
    api_name: str,
) -> None:
    """One job: `run(*inputs)` streams into the viewer, kept[0]; then, or on Stop, `keep(viewer)` fills `kept`.

    Args:
        buttons: the start button and Stop.
    """
    start, stop = buttons
    asked = hold(start, stop, kept, kept[0].elem_id)
    job = start.click(run, inputs, kept[0], api_name=api_name, show_progress="hidden", **NETWORK)
    after(job, keep, kept[0], kept, shared, asked)
    stop.click(None, None, None, cancels=[job], api_visibility="private")


def after(
    job: gr.events.Dependency,
    keep: Callable,
    view: gr.HTML | gr.JSON,
    kept: list,
    shared: Shared,
    asked: str,
) -> None:
    """After a job or Stop: fill `kept` by `keep(view)` once per run; `asked` is from `hold`."""
    release(job, kept)
    how = {"js": asked, "show_progress_on": shared.facts, "api_visibility": "private", "show_progress": "hidden"}
    job.then(once(keep, kept=kept), [view, *held(kept)], kept, **how)


def once(keep: Callable, runs: Runs = RUNS, kept: Sequence = ()) -> Callable:
    """`keep`, once per run. A job that is refused, or stopped while queued, leaves the previous run's results."""

    def keep_once(view: dict, *_):
        if not (isinstance(view, dict) and view.get("run")):
            yield gr.skip()
        elif not runs.claim(view):
            yield released(view, kept) if held(kept) else gr.skip()
        elif inspect.isgeneratorfunction(keep):
            yield from keep(view)
        else:
            yield keep(view)

    return keep_once


def formula_panel(name: str) -> None:
    """The equation in LaTeX, its symbols, what to watch, the paper and the function for it; closed at first.

    Args:
        name: the stem of the text file in tabs/formulas.
    """
    with gr.Accordion("The formula", open=False):
        gr.Markdown((FORMULAS / f"{name}.md").read_text("utf-8"), latex_delimiters=LATEX)
