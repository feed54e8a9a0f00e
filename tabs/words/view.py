"""The view of pictures with a heat map per word; the server sends the maps as bytes, the page draws them."""

import gradio as gr
import numpy as np

from core.checks import Refused, choice, whole
from core.runs.frame import Frame
from core.runs.word_factors import can_be_weighed
from core.runs.word_maps import as_bytes, average, by_head
from core.runs.words import Words
from core.techniques.attention import Word
from tabs.ui.examples import fetched
from tabs.ui.failures import explained
from tabs.ui.plane import bytes64
from tabs.ui.theme import asset, script
from tabs.ui.viewer import RUNS
from tabs.words.asked import answered, frames_seen


def view(elem_id: str, value: dict | None = None) -> gr.HTML:
    """Live preview and scrubber of pictures, with the maps of their words under them."""
    return gr.HTML(
        value=value or {},
        html_template=asset("words/words.html"),
        js_on_load=script("words"),
        server_functions=[fetched, asked_head],
        elem_id=elem_id,
        apply_default_css=False,
        min_height=420,
    )


def around(plan: Words) -> dict:
    """The labels around the maps: the pictures' labels, their words, and which words can be weighed."""
    return {
        "pictures": [*plan.labels] if plan.count > 1 else [""],
        "words": [[_about(w) for w in plan.request.words(t) if w.places or w.kind == "word"] for t in plan.texts],
        "width": plan.most,
        "sliders": [text == plan.request.prompt for text in plan.texts],
    }


def _about(word: Word) -> dict:
    return {"text": word.text, "kind": word.kind, "read": bool(word.places), "weighs": can_be_weighed(word)}


def frame_value(plan: Words, frame: Frame, live: bool) -> dict:
    """A frame's maps: {"layers": [{name, heads, h, w}], "data": base64 of bytes, [layer][picture][word][row][column]}.

    While it draws it is the mean over all; after that every layer, as the mean over its heads: `of_head` has one of them.
    """
    layers = _mean(plan, frame) if live else _layers(plan, frame)
    shapes = [{"name": n, "heads": s.shape[1], "h": s.shape[3], "w": s.shape[4]} for n, s in layers.items()]
    means = [as_bytes(shares.mean(1)).ravel() for shares in layers.values()]
    return {"layers": shapes, "data": bytes64(np.concatenate(means), "u1")}


def _mean(plan: Words, frame: Frame) -> dict[str, np.ndarray]:
    return {"": average(frame, plan.most)[:, None]}


def _layers(plan: Words, frame: Frame) -> dict[str, np.ndarray]:
    """The shares (B, heads, words, h, w) by layer."""
    return {name: by_head(frame, name, plan.most) for name in frame.maps}


# ---- what the page asks for ----


def of_head(run: object, layer: object, head: object) -> dict:
    """The maps of one head, counted from 0, in every kept frame: {"h", "w", "frames": [base64 of bytes,
    [picture][word][row][column]]}.

    Raises:
        Refused: no such run, layer or head.
    """
    recording = RUNS.get({"run": run})
    if not isinstance(recording.plan, Words):
        raise Refused("This is no run of Maps of words.")
    name = choice(layer, recording.frames[-1].maps, "The layer")
    every, words = [frame.maps[name] for frame in frames_seen(recording)], recording.plan.most  # (B, h, w, heads words)
    _, h, w, n = every[0].shape
    k = whole(head, 0, n // words - 1, "The head") * words
    return {"h": h, "w": w, "frames": [bytes64(np.moveaxis(m[..., k : k + words], 3, 1), "u1") for m in every]}


def words_head(run: str, layer: str, head: int) -> dict:
    """The maps of one head of a layer in a run; `run` is the id in the run's value. See `of_head`."""
    return explained(of_head)(run, layer, head)


def asked_head(question: object) -> dict:
    """`of_head` for the page: {"run", "layer", "head"}; without an answer, {"words": why}."""
    return answered(lambda q: of_head(q.get("run"), q.get("layer"), q.get("head")), question)
