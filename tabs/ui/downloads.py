"""Get DeepFloyd IF: what each model needs, its licence, and downloads with progress and Stop."""

import html

import gradio as gr

from core.checks import ModelError
from core.models.deepfloyd.download import download
from core.models.deepfloyd.hub import LICENCE, REPOSITORIES, TOKENS, availability
from core.models.registry import MODELS
from tabs.ui.failures import explained, explained_in_place
from tabs.ui.inputs import Dropdown

HOW = (
    "Accept the licence on the model's page, put a token from the token page into the variable HF_TOKEN (on Spaces: a "
    "secret of that name), restart, and press Download. Nothing is downloaded before."
)


def needs(name: str) -> str:
    """The availability of a model in one sentence, with links to its page and to the token page, as HTML."""
    if not isinstance(name, str) or name not in REPOSITORIES:
        raise ModelError(f"There is no DeepFloyd model called {str(name)[:40]!r}; there are {', '.join(REPOSITORIES)}.")
    r = REPOSITORIES[name]
    link = lambda url, text: f'<a href="{html.escape(url)}" target="_blank" rel="noopener">{text}</a>'  # noqa: E731
    return f"{html.escape(availability(name).sentence)} {link(r.page, 'Model page')} · {link(TOKENS, 'tokens')}"


@explained
def fetch(name: str):
    """Download what is missing of a model; yields the progress in words. Stop ends it within a second."""
    needs(name)
    for p in download(name):
        share = f"{100 * p.done / p.total:.0f} %" if p.total else ""
        yield f"{p.done / 1e9:.2f} of {p.total / 1e9:.2f} GB {share} {html.escape(p.file)}"
    yield needs(name)


def build() -> gr.events.Dependency:
    """The panel; returns the download."""
    with gr.Accordion("Get DeepFloyd IF (gated, needs a GPU)", open=False):
        gr.HTML(f'<div class="caption">{html.escape(LICENCE)} {html.escape(HOW)}</div>')
        with gr.Row(elem_classes="slim"):
            choices = [(MODELS[name].title, name) for name in REPOSITORIES]
            picker = Dropdown(choices, value="if-xl", label="Model", scale=3)
            start = gr.Button("Download", size="sm", min_width=90)
            stop = gr.Button("Stop the download", size="sm", min_width=90)
        state = gr.HTML(needs("if-xl"), elem_classes="caption")
    private = {"api_visibility": "private", "show_progress": "hidden"}
    quick = {"queue": False, **private}
    picker.change(explained_in_place(needs), picker, state, **quick)
    job = start.click(fetch, picker, state, concurrency_id="download", concurrency_limit=1, **private)
    stop.click(None, None, None, cancels=[job], api_visibility="private").then(
        explained_in_place(needs), picker, state, **quick
    )
    return job
