"""The page's head: what this is, which device it runs on, which models are here, and projector mode."""

import html
import sys

import gradio as gr

from core.registry import DEVICES, MODELS, availability, card, device_facts
from tabs._common import told

PROJECTOR = "() => { document.querySelector('main.contain').firstElementChild.classList.toggle('projector'); }"
SUBTITLE = "See, touch and understand how noise becomes a picture."


def memory() -> str:
    """The most memory that this process has used; Windows does not tell."""
    try:
        import resource
    except ImportError:
        return ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f" · {peak / (2**30 if sys.platform == 'darwin' else 2**20):.1f} GB of memory used at most"


@told
def facts(device: str) -> str:
    """The device and the memory in one line."""
    return f"Running on {html.escape(device_facts(device))}{memory()}"


def models() -> str:
    """Every model with its state and what to do about it."""
    rows = []
    for m in MODELS.values():
        ready, sentence = availability(m.name)
        state = f'<span class="ready">{sentence}</span>' if ready else html.escape(sentence)
        size = f"{card(m.name)['architecture']['parameters'] / 1e6:.1f} M" if ready else ""
        rows.append(f"<tr><td>{m.title}</td><td><code>{m.name}</code></td><td>{size}</td><td>{state}</td></tr>")
    head = "<tr><th>model</th><th>name</th><th>parameters</th><th>state</th></tr>"
    return f'<table class="models">{head}{"".join(rows)}</table>'


def build(title: str, device: str) -> gr.Dropdown:
    """The header; returns the device picker that every tab reads."""
    with gr.Row(elem_classes="slim"):
        gr.HTML(f'<div class="masthead"><h1>{title}</h1><p>{SUBTITLE}</p></div>')
        projector = gr.Button("Projector mode", size="sm", scale=0, min_width=150)
    with gr.Accordion("Device and models", open=False):
        with gr.Row(equal_height=True):
            picker = gr.Dropdown(
                DEVICES, value=device, label="Device", info="auto takes a GPU if there is one.", scale=1
            )
            line = gr.HTML(facts(device), elem_classes="facts")
        gr.HTML(models())
    picker.change(facts, picker, line, api_visibility="private", queue=False, show_progress="hidden")
    projector.click(None, None, None, js=PROJECTOR, api_visibility="private")
    return picker
