"""How the models learned: loss curves and samples by epoch, from the cards."""

from collections.abc import Sequence

import gradio as gr

from core.checks import choice
from core.diffusion.sampler_table import SAMPLERS
from core.models.course import COURSE, GUIDED, card_of, has_course, model_of, title_of, without_course
from core.models.mnist_losses import SIGMA
from core.models.registry import CHECKPOINTS, MODELS, availability
from core.models.spec import ModelSpec
from core.pictures.images import data_uri
from core.runs.families import FAMILIES
from core.runs.mnist import DigitRequest
from core.wording import counted
from tabs.mnist.families import NAMES
from tabs.ui.controls import Shared, formula_panel
from tabs.ui.failures import explained
from tabs.ui.inputs import Dropdown
from tabs.ui.plane import chart, charts, plane
from tabs.ui.viewer import made_when_seen

RAW, AVERAGED = "held out", "held out, averaged weights"
TRAINING = ("training",)
PLAYERS = NAMES["gan"]
"""The players of a GAN. Each has a loss of its own."""
AROUND = 3
"""The points on either side in a running mean; fewer at the ends."""
SCHEDULED = ("flow-class", "flow-class-adamw")
"""The same network with a rate that falls from epoch to epoch, and with a constant one: the course asks whether it needs to."""


def with_and_without_a_scheduler() -> list[str]:
    """The two runs to compare: those of the course's recipe, if both are here."""
    course = [f"{name}{COURSE}" for name in SCHEDULED]
    return course if all(map(has_course, SCHEDULED)) else [*SCHEDULED]


def of_epochs() -> list[ModelSpec]:
    """The models that learned from the digits, epoch by epoch; students learn from a teacher."""
    return [m for m in MODELS.values() if m.family == "digits" and not m.student]


def runs() -> list[str]:
    """The names of all models; behind a model the run of the course's recipe, if there was one."""
    names = [m.name for m in of_epochs()]
    return [name for m in names for name in (m, f"{m}{COURSE}") if name == m or has_course(m)]


def names_of_runs() -> dict[str, str]:
    """The runs that are here: title -> name."""
    return {title_of(name): name for name in runs() if name.endswith(COURSE) or availability(name)[0]}


def smoothed(values: Sequence[float]) -> list[float]:
    """The running mean of a curve, each point the mean of itself and its neighbours, as many on one side as on the other."""
    last, means = len(values) - 1, []
    for k in range(len(values)):
        near = min(AROUND, k, last - k)
        means.append(sum(values[k - near : k + near + 1]) / (2 * near + 1))
    return means


def training(name: str) -> list[dict]:
    """The losses of a model's training against epochs, as on its card: one curve, or a GAN's two."""
    facts = card_of(name)
    per_epoch = facts["steps"] / facts["recipe"]["epochs"]
    steps, *losses = zip(*facts["curve"], strict=True)
    names = PLAYERS if len(losses) > 1 else TRAINING
    return [{"name": n, "x": [s / per_epoch for s in steps], "y": [*y]} for n, y in zip(names, losses, strict=True)]


def held_out(name: str) -> tuple[dict, dict]:
    """The losses of the raw and of the averaged weights on held-out digits; empty curves where none was held out."""
    rows = card_of(name)["validation"]
    epochs, raw, averaged = zip(*rows, strict=True) if rows else ((), (), ())
    return {"name": RAW, "x": [*epochs], "y": [*raw]}, {"name": AVERAGED, "x": [*epochs], "y": [*averaged]}


def lines(name: str) -> list[dict]:
    """All curves of one model; behind each running mean the losses themselves."""
    found = []
    for curve in training(name):
        found.append(curve | {"name": f"{curve['name']}, mean of 50 steps", "faint": True, "colour": len(found)})
        mean = {"name": f"{curve['name']}, running mean", "y": smoothed(curve["y"])}
        found.append(curve | mean | {"colour": len(found) - 1})
    return [*found, *(line for line in held_out(name) if line["x"])]


def compared(*names: str) -> list[dict]:
    """The curves that compare two models: their running means, and the averaged weights on held-out digits."""
    found = []
    for name in names:
        for curve in training(name):
            words = f"{name}, {curve['name']}" if curve["name"] in PLAYERS else name
            found.append(curve | {"name": words, "y": smoothed(curve["y"]), "colour": len(found)})
        _, averaged = held_out(name)
        if averaged["x"]:
            found.append(averaged | {"name": f"{name}, held out", "dashed": True, "colour": len(found) - 1})
    return found


def losses(name: str, other: str = "", logarithmic: bool = True) -> dict:
    """The curves of one model, or of two for comparison, as a chart; a loss below zero has no logarithm."""
    found = compared(name, other) if other else lines(name)
    log = logarithmic and min(min(line["y"]) for line in found) > 0
    title = f"{name} and {other}" if other else title_of(name)
    return charts(chart(title, "epoch", "loss", found, log=(False, log)))


def caption_of(name: str) -> str:
    """One sentence on the strips of a model, as `training.epochs` makes them."""
    if model_of(name).task == "single-step":
        alone = card_of(name)["architecture"]["objective"] == "denoiser-noise"
        given = "pure noise" if alone else f"ten of MNIST's test digits, the same with noise of σ = {SIGMA:g}"
        credit = "" if alone else " The digits: LeCun, Cortes, Burges; CC BY-SA 3.0."
        return f"From top to bottom: {given}, and the outputs, with each epoch's averaged weights.{credit}"
    if model_of(name).task == "one-call":
        return "One call from the same noise, digits 0 to 9, with each epoch's averaged weights."
    r = DigitRequest.of(without_course(name))
    asked = f"digits 0 to 9, guidance w = {r.guidance:g}" if model_of(name).conditional else "no class, so no guidance"
    how = f"{SAMPLERS[r.sampler].title}, {counted(r.steps)}, {asked}"
    return f"{how}, with each epoch's averaged weights; a strip plays the clean estimates and ends with the samples."


def strips(name: str) -> str:
    """Samples by epoch, from the same noise; animated ones, if there are any."""
    rows, what = [], "Outputs" if model_of(name).task == "single-step" else "Samples"
    for epoch in card_of(name)["epochs_shown"]:
        still, moving = (CHECKPOINTS / name / f"epoch-{epoch:02d}.{kind}" for kind in ("png", "gif"))
        shown = moving if moving.exists() else still
        if shown.exists():
            uri = data_uri(shown.read_bytes(), shown.suffix[1:])
            rows.append(f'<span>epoch {epoch}</span><img alt="{what} after epoch {epoch}" src="{uri}">')
        if (guided := CHECKPOINTS / name / f"epoch-{epoch:02d}-guided.png").exists():
            words = f"epoch {epoch}, w = {GUIDED:g}"
            rows.append(f'<span>{words}</span><img alt="{what} after {words}" src="{data_uri(guided.read_bytes())}">')
    if not rows:
        return "This model draws nothing: it only judges." if model_of(name).task == "judge" else ""
    head = f"<p><b>{what} by epoch</b>, every strip from the same noise.</p><p>{caption_of(name)}</p>"
    return f'{head}<div class="strips">{"".join(rows)}</div>'


def all_strips(name: str, other: str = "") -> str:
    """The samples of one model, or of two under their titles."""
    if not other:
        return strips(name)
    return "".join(f"<h3>{title_of(n)} (<code>{n}</code>)</h3>{strips(n)}" for n in (name, other))


def facts(name: str) -> str:
    """The card in one paragraph."""
    c = card_of(name)
    r, minutes = c["recipe"], f"{c['training_seconds'] / 60:.0f} minutes"
    if name in FAMILIES:
        minutes = f"{c['cpu_seconds'] / 60:.0f} minutes of one core"
    text = (
        f"**{title_of(name)}** (`{name}`): {c['architecture']['parameters']:,} parameters, hidden size {r['hidden']}; "
        f"{r['epochs']} epochs of batches of {r['batch']}, {r['optimiser']} at {r['lr']:g}, factor {r['decay']:.3f} per epoch, "
        f"seed {c['seed']}; {minutes} on {c['device']}. {shipping(name)}"
    )
    noise = "" if c["architecture"]["objective"] == "classifier" else " with fixed noise"
    held = f"; held out: 2,000 test digits{noise}" if c["validation"] else ""
    return text + origin(name) + f" The loss is the {model_of(name).loss}{held}."


def shipping(name: str) -> str:
    """Which weights ship, in one sentence."""
    if name.endswith(COURSE):
        return f"Its weights do not ship; the tabs use `{without_course(name)}`."
    return f"Ships the {'averaged' if card_of(name)['weights'] == 'ema' else 'raw'} weights."


def origin(name: str) -> str:
    """The origin of the recipe, and the changes in this training."""
    differs = card_of(name)["differs_from_published"]
    changes = [
        f"{k} {_short(v['used'])} instead of {_short(v['published'])}" for k, v in differs.items() if k != "init"
    ]
    changes += [
        f"begun from the weights of {v['used']}, not from random ones" for k, v in differs.items() if k == "init"
    ]
    changed = ", ".join(changes)
    if model_of(name).ours:
        return (
            f" Our own recipe, since the course publishes none for it{f'; changed in it: {changed}' * bool(changes)}."
        )
    return f" Differs from the published recipe: {changed}." * bool(changes)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@explained
def show(name: str, other: str = "", logarithmic: bool = True):
    """The curves, the strips and the facts of one model, or of two for comparison."""
    known = runs()
    name, other = choice(name, known, "The model"), other and choice(other, known, "The model beside it")
    other = "" if other == name else other
    about = "\n\n".join(facts(n) for n in (name, other) if n)
    return losses(name, other, bool(logarithmic)), all_strips(name, other), about


def build(shared: Shared) -> None:
    """The sub-tab."""
    names = [*names_of_runs().items()]
    if not names:
        gr.Markdown("No checkpoint is here; get the folder checkpoints/ from the repository.")
        return
    first = names[0][1]
    with gr.Row():
        model = Dropdown(names, value=first, label="Model")
        other = Dropdown([("none", ""), *names], value="", label="Beside it, in the same chart")
    if {name for _, name in names} >= set(SCHEDULED):
        with gr.Row(elem_classes=["presets", "named"]):
            both = gr.Button("With and without a scheduler", size="sm", min_width=240, scale=0)
        both.click(with_and_without_a_scheduler, None, [model, other], queue=False, api_visibility="private")
    with gr.Row():
        with gr.Column(scale=5, min_width=420):
            plot = plane("learned-chart", losses(first))
            logarithmic = gr.Checkbox(True, label="Logarithmic axis of the loss")
            about = gr.Markdown(facts(first))
        with gr.Column(scale=6, min_width=420):
            samples = made_when_seen(lambda: strips(first))
    formula_panel("mnist_learned")
    shown = [model, other, logarithmic]
    gr.on(
        [c.change for c in shown], show, shown, [plot, samples, about], api_name="how_it_learned",
        trigger_mode="always_last", queue=False, show_progress="hidden",
    )  # fmt: skip
