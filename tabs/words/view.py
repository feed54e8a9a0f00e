"""The view of pictures with a heat map per word; the server sends the maps as bytes, the page draws them."""

import gradio as gr
import numpy as np

from core.runs.frame import Frame
from core.runs.word_maps import as_bytes, average, by_head
from core.runs.words import Words
from tabs.ui.examples import fetched
from tabs.ui.plane import bytes64
from tabs.ui.theme import asset

SCRIPTS = ("player", "maps", "main")
"""The parts of its script, in order; together they are one function."""


def view(elem_id: str, value: dict | None = None) -> gr.HTML:
    """Live preview and scrubber of pictures, with the maps of their words under them."""
    return gr.HTML(
        value=value or {},
        html_template=asset("words/words.html"),
        js_on_load="\n".join(asset(f"words/{name}.js") for name in SCRIPTS),
        server_functions=[fetched],
        elem_id=elem_id,
        apply_default_css=False,
        min_height=420,
    )


def around(plan: Words) -> dict:
    """What the view shows around the maps: the pictures' labels, their words, and which words can be weighed."""
    words = [
        [{"text": w.text, "kind": w.kind, "read": bool(w.places)} for w in plan.request.words(t) if w.places or w.kind == "word"]
        for t in plan.texts
    ]  # fmt: skip
    return {
        "pictures": [*plan.labels] if plan.count > 1 else [""],
        "words": words,
        "width": plan.most,
        "sliders": [text == plan.request.prompt for text in plan.texts],
    }


def packed(plan: Words, frame: Frame, live: bool, heads: bool = True) -> dict:
    """A frame's maps: {"layers": [{name, heads, h, w}], "data": base64 of bytes, [layer][picture][head][word][row][column]}.

    While it draws it is the mean over all; after that every layer, and of one picture, with `heads`, every head.
    """
    if live:
        return _together({"": average(frame, plan.most)[:, None]})
    layers = {name: by_head(frame, name, plan.most) for name in frame.maps}
    if plan.count > 1 or not heads:
        layers = {name: shares.mean(1, keepdims=True) for name, shares in layers.items()}
    return _together(layers)


def _together(layers: dict[str, np.ndarray]) -> dict:
    """Shares (B, heads, words, h, w) by layer."""
    shapes = [{"name": n, "heads": s.shape[1], "h": s.shape[3], "w": s.shape[4]} for n, s in layers.items()]
    return {"layers": shapes, "data": bytes64(np.concatenate([as_bytes(s).ravel() for s in layers.values()]), "u1")}
