"""The page's header: the title, the device, the models, dark and projector mode."""

import html
from collections.abc import Callable

import gradio as gr

from core.models.device import DEVICES, lends_gpu
from core.models.registry import MODELS, availability, card
from tabs.ui import downloads
from tabs.ui.controls import Shared, facts
from tabs.ui.inputs import Dropdown
from tabs.ui.lines import line, renew
from tabs.ui.send import connect
from tabs.ui.theme import look

SUBTITLE = "See, touch and understand how noise becomes a picture."


def models() -> str:
    """Every model with its state and what to do about it."""
    rows = []
    for m in MODELS.values():
        ready, sentence = availability(m.name)
        state = f'<span class="ready">{sentence}</span>' if ready else html.escape(sentence)
        weights = card(m.name)["architecture"].get("parameters") if ready else None
        size = f"{weights / 1e6:.1f} M" if isinstance(weights, int) else ""
        rows.append(f"<tr><td>{m.title}</td><td><code>{m.name}</code></td><td>{size}</td><td>{state}</td></tr>")
    head = "<tr><th>model</th><th>name</th><th>parameters</th><th>state</th></tr>"
    return f'<table class="models">{head}{"".join(rows)}</table>'


def build(title: str, device: str) -> tuple[gr.Dropdown, gr.HTML]:
    """Build the header; returns the device picker, read by every tab, and the line of facts, which every run renews."""
    with gr.Row(elem_classes="slim"):
        gr.HTML(f'<div class="masthead"><h1>{title}</h1><p>{SUBTITLE}</p></div>')
        dark = gr.Button("Dark", size="sm", scale=0, min_width=70, elem_id="dark")
        projector = gr.Button("Projector mode", size="sm", scale=0, min_width=150, elem_id="projector")
    about = line("facts", facts, lambda: [picker], "facts", facts(device))
    with gr.Accordion("Device and models", open=False):
        picker = Dropdown(
            ["auto", "cpu"] if lends_gpu() else DEVICES,
            value=device,
            label="Device",
            info="auto takes a GPU if there is one.",
        )
        table = gr.HTML(models())
        download = downloads.build()
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    gr.on(None, models, None, table, queue=False, **quiet)
    download.then(models, None, table, **quiet)
    renew("facts", [picker])
    for button, mode in ((dark, "darkMode"), (projector, "projectorMode")):
        button.click(None, None, button, js=f"() => {mode}(true)", api_visibility="private")
        gr.on(None, None, None, button, js=f"() => {mode}(false)", api_visibility="private", queue=False)
    return picker, about


def spare(demo: gr.Blocks, line: gr.HTML) -> gr.Blocks:
    """Keep the hidden progress of events on the header's line of facts alone. Returns the same app.

    At every start, result and end of an event, Gradio renews the progress on all components that an event ever had as
    outputs or inputs. It searches the whole page for each of them, which takes 70 ms for every figure of a run. So a
    quick event shows no progress, and no event of a page that opens has inputs. An event that waits for its turn keeps
    the progress on its own figure, which says who waits.
    """
    for fn in demo.fns.values():
        if fn.fn and not fn.queue:
            fn.show_progress = "hidden"
        waits = fn.queue and not fn.concurrency_id.isdigit()  # Gradio's own ids, of what waits for nothing, are numbers
        if fn.show_progress == "hidden" and not waits:
            fn.show_progress_on = [line]
    gather_stops(demo)
    return demo


def gather_stops(demo: gr.Blocks) -> None:
    """Let one event of a Stop button end all its jobs, and one event tell a figure. Gradio makes two events for each
    job, and one of them does nothing. A page that opens searches all events for each of its components."""
    followed, first = {fn.trigger_after for fn in demo.fns.values()}, {}
    for key, fn in list(demo.fns.items()):
        if key in followed or fn.fn or fn.outputs:
            continue
        same = first.setdefault((*fn.targets, fn.js, *(c._id for c in fn.inputs)), fn) if fn.cancels or fn.js else None
        if same is fn:
            continue
        if same:
            same.cancels = [*dict.fromkeys([*same.cancels, *fn.cancels])]
        del demo.fns[key]


def alone(title: str, build_tab: Callable[[Shared], None]) -> gr.Blocks:
    """A page with one tab only, for `python -m tabs.NAME`."""
    with gr.Blocks(title=title, analytics_enabled=False) as demo:
        device, line = build(title, "auto")
        with gr.Tabs() as tabs:
            shared = Shared(device, line, tabs)
            with gr.Tab(title):
                build_tab(shared)
            connect(shared)
    return spare(demo, line)


def open_alone(title: str, build_tab: Callable[[Shared], None]) -> None:
    """Serve a page with one tab only until interrupted."""
    alone(title, build_tab).launch(**look())
