"""Is this view legal? The view is applied to noise, and the result is measured."""

import html

import gradio as gr

from core.runs.anagrams import OFFERED
from core.techniques.views.catalogue import VIEWS, Report, report, through, view_of
from tabs.ui.failures import explained_in_place
from tabs.ui.figure import figure, tile
from tabs.ui.inputs import Dropdown
from tabs.ui.viewer import made_when_seen

ILLEGAL = [name for name, view in VIEWS.items() if not view.legal]
HEAD = ("noise", "in this view", "taken back")
WHY = (
    "The network expects noise N(0, I). A view that keeps it so, and that can be taken back, is legal: an orthogonal map. "
    "Choose any, or let one of the two illegal ones fail before your eyes."
)


def verdict(r: Report) -> str:
    """One sentence on the result."""
    if r.legal:
        return "Legal: still noise of mean 0 and variance 1, neighbours uncorrelated, and the way back is exact."
    wrong = [
        f"the variance of a channel is {r.variance:.2f} instead of 1" * (abs(r.variance - 1) >= 0.04),
        f"neighbouring pixels are alike (correlation {r.correlation:.2f})" * (abs(r.correlation) >= 0.02),
        f"the mean is {r.mean:.2f} instead of 0" * (abs(r.mean) >= 0.02),
        "the way back is not exact" * (r.inverse_error >= 1e-5),
    ]
    return f"Measured: {', '.join(w for w in wrong if w)}. The network never saw such noise."


def numbers(r: Report) -> str:
    """The four measurements as a table."""
    rows = (
        ("mean", f"{r.mean:+.4f}", "0", "of all pixels"),
        ("variance", f"{r.variance:.4f}", "1", "of the channel that is furthest from 1"),
        ("correlation", f"{r.correlation:+.4f}", "0", "of pixels next to each other"),
        ("invertibility", f"{r.inverse_error:.2g}", "0", "largest error after there and back"),
    )
    body = "".join(f"<tr><td>{a}</td><td><b>{b}</b></td><td>{c}</td><td>{d}</td></tr>" for a, b, c, d in rows)
    head = "<tr><th></th><th>measured</th><th>should be</th><th></th></tr>"
    return f'<table class="board">{head}{body}</table>'


@explained_in_place
def check(name: str, seed: float) -> str:
    """Noise through a view, in pictures and numbers, as HTML."""
    view = view_of(name, int(seed) if isinstance(seed, (int, float)) and 0 <= seed < 2**31 else None)
    tiles = [tile(p, f"{view.title}: {h}") for p, h in zip(through(view), HEAD, strict=True)]
    r = report(view)
    line = html.escape(f"{view.title}: {view.about} {verdict(r)}")
    shown = figure(HEAD, [("", tiles)])
    return f'<div class="legal"><div>{shown}</div><div>{numbers(r)}<p class="caption">{line}</p></div></div>'


def legal_panel(seed: gr.Number) -> dict[str, gr.Button]:
    """The panel; returns illegal view -> the button that runs the anagram with it, which the tab wires."""
    with gr.Accordion("Is this view legal?", open=False):
        gr.HTML(f'<div class="caption">{WHY}</div>')
        with gr.Row(elem_classes="slim"):
            choices = [(title, name) for name, title in OFFERED.items()]
            choice = Dropdown(choices, value="flip", label="View", min_width=180)
            lessons = {
                name: gr.Button(f"Lesson: run it with {name.replace('_', ' ')}", size="sm", min_width=170)
                for name in ILLEGAL
            }
        result = made_when_seen(lambda: check(choice.value, seed.value))
        gr.on(
            [choice.change, seed.change], check, [choice, seed], result, api_name="check_view", queue=False, show_progress="hidden",
            trigger_mode="always_last",
        )  # fmt: skip
    for name, button in lessons.items():
        button.click(lambda name=name: name, None, choice, api_visibility="private", queue=False)
    return lessons
