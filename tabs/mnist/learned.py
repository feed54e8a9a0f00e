"""How the models learned: loss curves and samples by epoch, from the cards."""

import gradio as gr
import pandas as pd

from core.checks import choice
from core.diffusion.sampler_table import SAMPLERS
from core.models.mnist_losses import SIGMA
from core.models.registry import CHECKPOINTS, MODELS, availability, card
from core.models.spec import ModelSpec
from core.pictures.images import data_uri
from core.runs.families import FAMILIES
from core.runs.mnist import DigitRequest
from core.wording import counted
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.failures import explained
from tabs.ui.inputs import Dropdown
from tabs.ui.theme import colours
from tabs.ui.viewer import made_when_seen


def of_epochs() -> list[ModelSpec]:
    """The models that learned from the digits, epoch by epoch; students learn from a teacher."""
    return [m for m in MODELS.values() if m.family == "digits" and not m.student]


def curve(name: str) -> pd.DataFrame:
    """The card's losses as a table of epoch, loss and series; of a GAN the critic's. A chart cannot take on new series."""
    facts = card(name)
    per_epoch = facts["steps"] / facts["recipe"]["epochs"]
    rows = [(step / per_epoch, loss, "training, mean of 50 steps") for step, loss, *_ in facts["curve"]]
    rows += [(epoch, raw, "held out") for epoch, raw, _ in facts["validation"]]
    rows += [(epoch, averaged, "held out, averaged weights") for epoch, _, averaged in facts["validation"]]
    return pd.DataFrame(rows, columns=["epoch", "loss", "series"])


def caption_of(name: str) -> str:
    """One sentence on the strips of a model, as `training.publish` makes them."""
    if MODELS[name].task == "single-step":
        alone = card(name)["architecture"]["objective"] == "denoiser-noise"
        given = "pure noise" if alone else f"ten digits that our flow model drew, with noise of σ = {SIGMA:g} added"
        return f"Outputs alone, with each epoch's averaged weights; the inputs, not shown, are {given}."
    if MODELS[name].task == "one-call":
        return "One call from the same noise, digits 0 to 9, with each epoch's averaged weights."
    r = DigitRequest.of(name)
    asked = f"digits 0 to 9, guidance w = {r.guidance:g}" if MODELS[name].conditional else "no class, so no guidance"
    how = f"{SAMPLERS[r.sampler].title}, {counted(r.steps)}, {asked}"
    return f"{how}, with each epoch's averaged weights; a row plays the clean estimates and ends with the samples."


def strips(name: str) -> str:
    """Samples by epoch, from the same noise; animated ones, if there are any."""
    rows, what = [], "Outputs" if MODELS[name].task == "single-step" else "Samples"
    for epoch in card(name)["epochs_shown"]:
        still, moving = (CHECKPOINTS / name / f"epoch-{epoch:02d}.{kind}" for kind in ("png", "gif"))
        shown = moving if moving.exists() else still
        if shown.exists():
            uri = data_uri(shown.read_bytes(), shown.suffix[1:])
            rows.append(f'<span>epoch {epoch}</span><img alt="{what} after epoch {epoch}" src="{uri}">')
    if not rows:
        return "This model draws nothing: it only judges." if MODELS[name].task == "judge" else ""
    head = f"<p><b>{what} by epoch</b>, every row from the same noise.</p><p>{caption_of(name)}</p>"
    return f'{head}<div class="strips">{"".join(rows)}</div>'


def facts(name: str) -> str:
    """The card in one paragraph."""
    c = card(name)
    r, minutes = c["recipe"], f"{c['training_seconds'] / 60:.0f} minutes"
    if name in FAMILIES:
        minutes = f"{c['cpu_seconds'] / 60:.0f} minutes of one core"
    text = (
        f"**{MODELS[name].title}** (`{name}`): {c['architecture']['parameters']:,} parameters, hidden size {r['hidden']}; "
        f"{r['epochs']} epochs of batches of {r['batch']}, {r['optimiser']} at {r['lr']:g}, factor {r['decay']:.3f} per epoch, "
        f"seed {c['seed']}; {minutes} on {c['device']}. Ships the {'averaged' if c['weights'] == 'ema' else 'raw'} weights."
    )
    noise = "" if c["architecture"]["objective"] == "classifier" else " with fixed noise"
    held = f"; held out: 2,000 test digits{noise}" if c["validation"] else ""
    return text + origin(name) + f" The loss is the {MODELS[name].loss}{held}."


def origin(name: str) -> str:
    """The origin of the recipe, and the changes in this training."""
    differs = card(name)["differs_from_published"]
    changes = [
        f"{k} {_short(v['used'])} instead of {_short(v['published'])}" for k, v in differs.items() if k != "init"
    ]
    changes += [
        f"begun from the weights of {v['used']}, not from random ones" for k, v in differs.items() if k == "init"
    ]
    changed = ", ".join(changes)
    if MODELS[name].ours:
        return (
            f" Our own recipe, since the course publishes none for it{f'; changed in it: {changed}' * bool(changes)}."
        )
    return f" Differs from the published recipe: {changed}." * bool(changes)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@explained
def show(name: str):
    """The curve, the strips and the facts of one model."""
    name = choice(name, [m.name for m in of_epochs()], "The model")
    return curve(name), strips(name), facts(name)


def build(shared: Shared) -> None:
    """The sub-tab."""
    names = [(m.title, m.name) for m in of_epochs() if availability(m.name)[0]]
    if not names:
        gr.Markdown("No checkpoint is here; get the folder checkpoints/ from the repository.")
        return
    first = names[0][1]
    model = Dropdown(names, value=first, label="Model")
    with gr.Row():
        with gr.Column(scale=5, min_width=420):
            plot = gr.LinePlot(
                curve(first),
                x="epoch",
                y="loss",
                color="series",
                color_map=colours(("held out, averaged weights", "held out", "training, mean of 50 steps")),
                height=300,
                x_title="epoch",
                y_title="loss",  # one for all: if title and values change together, a chart shows the old values
            )
            about = gr.Markdown(facts(first))
        with gr.Column(scale=6, min_width=420):
            samples = made_when_seen(lambda: strips(first))
    formula_panel("mnist_learned")
    model.change(show, model, [plot, samples, about], api_name="how_it_learned", queue=False, show_progress="hidden")
