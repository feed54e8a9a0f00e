"""Three families: a GAN, a VAE and diffusion on the same digits, with what was measured of each."""

from collections.abc import Mapping, Sequence

import gradio as gr

from core.checks import ModelError
from core.models.registry import card
from core.runs.families import DIFFUSION, FAMILIES, PLANS, FamiliesRequest
from tabs.mnist.figures import caption
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.job import Job
from tabs.ui.layout import Layout
from tabs.ui.plane import chart, charts, plane
from tabs.ui.presets import Preset

PRESETS = {
    "All ten digits": Preset(FamiliesRequest()),
    "One digit, ten hands": Preset(FamiliesRequest(digits="2222222222")),
    "Diffusion in one step too": Preset(FamiliesRequest(steps=1)),
}
JOB = Job("families", FamiliesRequest, PLANS, {"between": "Between two seeds"})
NAMES = {
    "gan": ("critic", "generator"),
    "vae": ("negative ELBO",),
    DIFFUSION: ("squared error",),
}
"""Model -> the names of its losses."""
UNITS = {"gan": "nats", "vae": "nats a digit", DIFFUSION: "per pixel"}
POINTS = 80
"""The most points of a curve."""
CURVES = (
    "The loss of each, of which no two compare, by minutes of one core. The GAN's two losses say how its players do against each "
    "other, not how good the digits are."
)
MEASURED = (
    "{digits:,} digits of each. Fréchet distance as in the scoreboard. Variety: the share of test digits as near to a drawn one as "
    "to their fifth neighbour, class by class, in what the classifier sees (coverage; Naeem et al. 2020). Too near: the share that is "
    "nearer to a training digit, pixel by pixel, than any other training digit is to that one; far more than of real digits would mean "
    "copies, or blur. Time: of one core, ten digits at once. Real digits: as many of the test set. Measured by: python -m training.families. "
    "The GAN's recipe is the best of six that were tried for a minute or two and judged by the same "
    "classifier, the VAE's of five; diffusion's was the first."
)


def points(facts: Mapping, k: int) -> dict:
    """Loss k of a card's curve against minutes. Each point is the mean of its part of the curve."""
    n = -(-len(facts["curve"]) // POINTS)
    parts = [facts["curve"][i : i + n] for i in range(0, len(facts["curve"]), n)]
    minutes = facts["cpu_seconds"] / 60 / facts["steps"]
    x = [round(part[-1][0] * minutes, 2) for part in parts]
    return {"x": x, "y": [round(sum(row[1 + k] for row in part) / len(part), 4) for part in parts]}


def curves(cards: Mapping[str, Mapping]) -> dict:
    """A chart of losses per family."""
    found = [
        chart(
            title, "minutes of one core", UNITS[name],
            [{"name": loss, "dashed": bool(k)} | points(cards[name], k) for k, loss in enumerate(NAMES[name])],
        )
        for name, title in FAMILIES.items()
    ]  # fmt: skip
    return charts(*found, caption=CURVES)


ROWS = {
    "digits read as asked": ("accuracy", "{:.1%}"),
    "Fréchet distance": ("frechet", "{:.2f}"),
    "variety": ("coverage", "{:.0%}"),
    "variety of the least varied class": ("poorest", "{:.0%}"),
    "too near to a training digit": ("copies", "{:.1%}"),
    "milliseconds a digit": ("milliseconds_a_digit", "{:.3g}"),
}
"""Row -> its metric on a card, and how it is written."""


def table(cards: Mapping[str, Mapping]) -> str:
    """The table of measures: a column per family, and one of real digits."""
    every = [c["metrics"] for c in cards.values()]
    every = [m | {"poorest": min(m["coverage_by_class"])} for m in (*every, every[-1]["real_digits"])]
    rows = [
        ("", *FAMILIES.values(), "Real digits"),
        ("weights", *(f"{c['architecture']['parameters']:,}" for c in cards.values()), ""),
        ("training, minutes of one core", *(f"{c['cpu_seconds'] / 60:.1f}" for c in cards.values()), ""),
        *((title, *(form.format(m[key]) if key in m else "" for m in every)) for title, (key, form) in ROWS.items()),
    ]
    head, *body = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in body)
    return f'<table class="board"><tr>{head.replace("td>", "th>")}</tr>{body}</table>' + caption(
        MEASURED.format(**every[0])
    )


def quarter(curve: Sequence[Sequence[float]], which: int) -> float:
    """The mean of a card's first loss in a quarter of the training, 1 to 4."""
    part = curve[(which - 1) * len(curve) // 4 : which * len(curve) // 4]
    return sum(row[1] for row in part) / len(part)


def sentences(cards: Mapping[str, Mapping]) -> str:
    """The strengths and weaknesses of each family, a sentence each."""
    gan, vae, flow = (c["metrics"] for c in cards.values())
    curve, real = cards["gan"]["curve"], flow["real_digits"]
    return "\n".join(
        (
            f"- The **GAN** draws sharp digits in one call and comes out best here (Fréchet distance {gan['frechet']:.2f}, "
            f"{gan['accuracy']:.1%} read as asked, {gan['milliseconds_a_digit']:.2f} ms each), but its losses never said so: the "
            f"critic's was {quarter(curve, 2):.2f} in the second quarter of the training and {quarter(curve, 4):.2f} in the last.",
            f"- The **VAE** is as fast, and its one loss falls on held-out digits too, but its digits are soft: Fréchet distance "
            f"{vae['frechet']:.2f}, variety {vae['coverage']:.0%}, and {vae['copies']:.0%} lie too near to a training digit, where "
            f"real ones do in {real['copies']:.0%}: blur is near to many.",
            f"- **Diffusion** is sharp, no copy ({flow['copies']:.0%} too near) and close behind the GAN (Fréchet distance "
            f"{flow['frechet']:.2f}, {flow['accuracy']:.1%} read as asked) with a loss that falls on held-out digits, but a digit takes "
            f"{flow['milliseconds_a_digit']:.0f} ms, {flow['milliseconds_a_digit'] / gan['milliseconds_a_digit']:.0f} times the GAN's.",
        )
    )


def found() -> dict[str, dict]:
    """The cards of the three; empty if one is not here."""
    try:
        return {name: card(name) for name in FAMILIES}
    except ModelError:
        return {}


def build(shared: Shared) -> None:
    """The sub-tab."""
    cards = found()
    tab = Layout(JOB, FamiliesRequest(), shared, PRESETS)
    with tab.left:
        tab.form.place("digits")
        tab.run_row("Draw with all three", remarks=())
        tab.form.place("steps", "seed")
        tab.experiments("Experiment: one digit, from the noise of one seed to that of another.")
        tab.form.place("digit", "other")
        tab.settings("restore_families")
    with tab.right:
        tab.viewer()
        tab.inside("One of them, step by step")
        if cards:
            gr.Markdown(sentences(cards))
            gr.HTML(table(cards))
            plane("families-charts", curves(cards))
        formula_panel("mnist_families")
    tab.wire({"families": "draw_families", "between": "families_between"})
