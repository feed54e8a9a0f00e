"""The scoreboard: the results of `python -m benchmarks.mnist_quality` as tables and curves."""

import json
from collections.abc import Iterable, Iterator, Sequence

import gradio as gr

from core.checks import Refused
from core.diffusion.sampler_table import SAMPLERS
from core.models.registry import CHECKPOINTS, spec
from core.runs.kept_digits import MEASURED, measured, offered
from core.runs.mnist import start_told
from core.wording import counted
from tabs.mnist.figures import caption
from tabs.ui.controls import LATEX, NETWORK, Shared
from tabs.ui.failures import explained
from tabs.ui.plane import chart, charts, curves, plane

FILE = CHECKPOINTS / "mnist_quality.json"
NOTE = r"""
**Accuracy**: how often our classifier (99.3 % right on test digits) reads the digit that was asked for. **Fréchet distance**: how far the
samples lie from the 60,000 training digits, smaller being better: two Gaussians are fitted to the features that our classifier finds in the ones and
the others, and $\lVert m_p-m_q\rVert^2+\mathrm{tr}\big(C_p+C_q-2(C_pC_q)^{1/2}\big)$ of their means and covariances is the distance. It is built like the
FID of papers, but on another network's features, so its numbers compare only within this table.
"""
TITLES = {"accuracy": "accuracy, %", "frechet": "Fréchet distance"}
OWN = (
    f"Measured on {MEASURED} digits with each network's own first settings in Generate. The Fréchet distance of so few "
    "digits is larger than that of 2,000, by about 1."
)
AXES = {"steps": "network calls", "guidance": "guidance w"}
"""The x axis of each sweep; network calls, since a step of Heun costs two."""


def scores() -> dict | None:
    """The benchmark's JSON; None if it is missing or damaged."""
    try:
        return json.loads(FILE.read_text())
    except (OSError, ValueError):
        return None


def how(sampler: str, steps: int) -> str:
    """A sampler and its steps in words."""
    title = SAMPLERS[sampler].title
    return title if counted(steps) in title else f"{title}, {counted(steps)}"


def table(found: dict) -> str:
    """The shipped defaults, with the scale beside them."""
    rows = [row_of(r) for r in found["rows"] if r["group"] == "defaults"]
    scale = found["scale"]
    rows += [["scale: test digits", "10,000 real digits", "", "10,000", "", f"{scale['test_full']:.2f}"]]
    if scale.get("test_same_n") is not None:
        rows += [
            [
                "scale: test digits",
                "as many as are judged above",
                "",
                f"{scale['n']:,}",
                "",
                f"{scale['test_same_n']:.2f}",
            ]
        ]
    rows += [["scale: uniform noise", "", "", f"{scale['n']:,}", "", f"{scale['noise']:.0f}"]]
    return board(rows)


def row_of(r: dict) -> list[str]:
    """A measured row as the cells of the table."""
    judged, model = r["accuracy"] is not None, spec(r["model"])
    guidance = f"{r['guidance']:g}"
    if not model.conditional:
        guidance = "" if r["guidance"] == 1 else f"{guidance}, away from {model.weaker}"
    return [
        model.title,
        how(r["sampler"], r["steps"]) + start_told(r.get("start")),
        guidance,
        f"{r['digits']:,}",
        f"{r['accuracy']:.1%}" if judged else "",
        f"{r['frechet']:.2f}",
    ]


def board(rows: Iterable[Sequence[str]]) -> str:
    """Rows as a table under their heads."""
    head = "".join(f"<th>{h}</th>" for h in ("model", "sampler", "guidance", "digits", "accuracy", "Fréchet distance"))
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<table class="board"><tr>{head}</tr>{body}</table>'


UNDER_WAY, STOPPED = " drawn …", " drawn; stopped."


@explained
def measure(kept: str, device: str = "auto") -> Iterator[str]:
    """The networks that were kept in this page, drawn with and judged one after the other."""
    rows = []
    for name, title in offered(kept.split(), "digits").items():
        for done, row in measured(name, device):
            rows += [row_of(row)] if row else []
            yield board(rows) * bool(rows) + caption(OWN if row else f"{title}: {done} of {MEASURED} digits{UNDER_WAY}")
    if not rows:
        raise Refused("No network that draws digits is kept yet: train one in Train it live, and press Keep it.")


def own_networks(shared: Shared) -> None:
    """The panel for networks that were trained and kept in this page, seen once there is one."""
    with gr.Column(visible=False) as panel:
        with gr.Row(elem_classes="slim"):
            ask = gr.Button("Measure the networks that you trained", size="sm", min_width=260)
            stop = gr.Button("Stop", size="sm", elem_classes="do-stop", min_width=80, scale=0)
        own = gr.HTML()
    seen = lambda kept: gr.Column(visible=bool(offered(kept.split(), "digits")))  # noqa: E731
    quiet = {"api_visibility": "private", "show_progress": "hidden"}
    shared.kept.change(seen, shared.kept, panel, queue=False, **quiet)
    job = ask.click(measure, [shared.kept, shared.device], own, **quiet, **NETWORK)
    job.then(lambda shown: (shown or "").replace(UNDER_WAY, STOPPED), own, own, queue=False, **quiet)
    stop.click(None, None, None, cancels=[job], api_visibility="private")


def point(row: dict) -> tuple[float, str]:
    """The x value of a sweep's row, and its curve's name, which says what all points share.

    Four names must fit under a chart, so for network calls `reading` names the model.
    """
    sampler = SAMPLERS[row["sampler"]]
    if row["group"] == "steps":
        return sampler.calls(row["steps"]), f"{sampler.title} · w = {row['guidance']:g}"
    return row["guidance"], f"{row['model']} · {sampler.title} · {counted(row['steps'])}"


def sweep(found: dict, group: str, value: str) -> dict:
    """One sweep as a chart; of accuracies, what is below 80 % is left out, so that the others can be told apart."""
    scale, ends = (100, (80, 100)) if value == "accuracy" else (1, None)
    rows = [r for r in found["rows"] if r["group"] == group and r[value] is not None]
    lines = curves((place, scale * r[value], name) for r in rows for place, name in [point(r)])
    return chart(TITLES[value], AXES[group], TITLES[value], lines, within=(None, ends))


def pairs(found: dict) -> str:
    """The samplers and models in the sweep over network calls."""
    samplers = {}
    for r in found["rows"]:
        if r["group"] == "steps":
            samplers.setdefault(r["model"], {})[SAMPLERS[r["sampler"]].title] = True
    return "; ".join(f"{' and '.join(titles)} with `{model}`" for model, titles in samplers.items())


def reading(found: dict) -> str:
    """How to read the curves: what they compare, and their other differences. Empty without measurements."""
    few = min((r["digits"] for r in found["rows"] if r["group"] != "defaults"), default=0)
    if not few:
        return ""
    return (
        f"**Against network calls** ({pairs(found)}): a sampler calls the network once a step, Heun $2n-1$ times in $n$ steps. "
        "Each keeps its own default guidance $w$, told in its name, so these curves differ in $w$ too. "
        "**Against guidance**: each keeps the steps in its name; without classes it is autoguidance, away from `flow-small`, "
        "and `ddpm-time` starts on the mean digit. "
        f"All take {few} digits per point, so their Fréchet distances run higher than the table's."
    )


def build(shared: Shared) -> None:
    """The sub-tab."""
    found = scores()
    if not found:
        gr.Markdown("Not measured yet: run `python -m benchmarks.mnist_quality`.")
        return
    gr.Markdown(NOTE, latex_delimiters=LATEX)
    gr.HTML(table(found))
    if shared.kept is not None:
        own_networks(shared)
    gr.Markdown(reading(found), latex_delimiters=LATEX)
    for group in AXES:
        plane(f"scoreboard-{group}", charts(*(sweep(found, group, value) for value in TITLES)))
    gr.Markdown(f"Measured {found['date']} on {found['device']} with `python -m benchmarks.mnist_quality`.")
