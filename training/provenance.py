"""Write checkpoints/README.md, the provenance table, from the cards:  python -m training.provenance"""

import json
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.models.course import COURSE, title_of, without_course
from core.models.registry import CHECKPOINTS, MODELS
from core.runs.families import FAMILIES
from training.mnist_recipes import RECIPES
from training.state import UNSAID

HEAD = """# Checkpoints

Made by the commands in `training/`, from the data named on each card, and measured by those in `benchmarks/`, which
also write `mnist_quality.json`. Weights are fp16 safetensors; `card.json` beside them holds architecture, recipe, seed,
loss curve, metrics and the checksum of the weights that is compared at loading. `epoch-NN.png` are samples after NN
epochs, all from the same noise; samplers also have their trajectories as `.gif`. Those of `denoiser` show ten of MNIST's
test digits. A folder `NAME-course` holds the figures of the course's recipe, run to the letter, without its weights.
`pocket/after-N.webp` are samples after N pictures. `classifier/features.safetensors` holds the mean and covariance of its features over MNIST's training
and test digits, for the Frechet distance. The
published recipe is that of the course (CS 180, project 5, part B), in `training/mnist_recipes.py`; pocket, pocket-up and
the photo classifier are this project's own, and so are the GAN, the VAE and `flow-small`, which learned for about as long with
about as many weights; of the first two the decoder ships, which draws, and what was measured of all three is on their cards.
Held-out losses are mean squared errors of what each network predicts (for the classifiers: cross-entropy, for the VAE: nats
a digit), so they compare only within one kind. This file is written by `python -m training.provenance`.

"""
DATA = """
Digits: trained on MNIST, 60,000 training digits (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0).

Pocket: trained on {pocket}.
The photo classifier: trained on the same photos. Weights trained on these photos are for research and teaching; this
project has no ties to ImageNet's owners or to the artists. No picture of any data set is part of this repository, but
for the test digits in the denoisers' strips.

Pocket-up: trained on drawings of things in five styles, Noto Emoji (Google; Apache 2.0), Twemoji (Twitter and jdecked;
CC BY 4.0), Fluent Emoji, glossy and flat (Microsoft; MIT) and OpenMoji (CC BY-SA 4.0), and on the same photos; 52 things
were held out in all styles.
"""
CHAIN = """
## The runs that led to pocket

Each began with the averaged weights of the one before: `--init` names the folder into which those were published, with
`python -m training.publish_pocket --out`. Those folders are not kept, and a budget in minutes goes as far as the
machine is fast, so these commands, one after the other and each with a `--work` folder of its own, make a pocket like
this one, not the same one bit for bit; where the network changed between two runs, a remark says so. Where a run was
stopped early, its minutes stand beside those of its budget, from which its learning rate follows.

"""
RUN_COLUMNS = ("run", "command", "pictures seen", "minutes", "device", "remark")
COLUMNS = (
    "checkpoint",
    "what",
    "parameters",
    "command",
    "hardware and time",
    "held-out loss",
    "differs from the published recipe; of pocket, what it reached",
)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def command(card: dict) -> str:
    """The command line that made a checkpoint; a shorter run adapts its decay by itself."""
    if "command" in card:
        return card["command"]
    name = without_course(card["name"])
    published, used = RECIPES[name], card["recipe"]
    stretched = published.decay ** (published.epochs / used["epochs"])
    flags = ["epochs", "hidden", "lr", "init"] + ["decay"] * (abs(used["decay"] - stretched) > 1e-9)
    words = [f"--{k} {used[k]}" for k in flags if used.get(k, "") != getattr(published, k)]
    words += ["--course"] * (name != card["name"])
    return " ".join(["python -m training.train_mnist", name, *words, f"--seed {card['seed']}"])


def pocket_command(run: dict) -> str:
    """The command line of one of pocket's runs, from its entry in the history on the card."""
    budget = f"--steps {run['steps']}" if run["steps"] else f"--minutes {run['minutes']:g}"
    run = UNSAID | run
    words = [f"--widths {' '.join(map(str, run['widths']))}"]
    words += [
        f"--{name.replace('_', '-')} {shlex.quote(str(run[name]))}"
        for name in ("depth", "middle", "emoji", "photo_share", "favour", "batch", "optimiser", "lr", "ema", "init")
        if run.get(name, "") != ""  # the first runs had no favour
    ]
    words += ["--cpu"] * run["device"].startswith("CPU")
    words += ["--fp32"] * run["precision"].startswith("no ")
    launch = f"torchrun --nproc_per_node {run['processes']}" if run["processes"] > 1 else "python"
    return f"{launch} -m training.train_pocket {budget} {' '.join(words)} --seed {run['seed']}"


def row(card: dict) -> tuple[str, ...]:
    """One card as a row of the first table."""
    differs = "; ".join(
        f"{k} {_short(v['used'])}, not {_short(v['published'])}" if v["published"] != "" else f"{k} {v['used']}"
        for k, v in card.get("differs_from_published", {}).items()
    )
    hardware = card.get("hardware") or f"{card['device']}, {took(card)}, {card['precision']}"
    made_by, runs = f"`{command(card)}`", card.get("history", [])
    if card["name"] == "pocket" and len(runs) > 1:
        made_by = f"the {len(runs)} runs below"
        hardware = f"{total_minutes(runs)} min in all; the last run: {hardware}"
    loss = card["metrics"].get("held_out_loss")
    cells = (
        f"`{card['name']}`",
        title_of(card["name"]) + ": figures without weights" * (not card["sha256"]),
        f"{card['architecture']['parameters']:,}",
        made_by,
        hardware,
        f"{loss:.4f}" if loss else "see the card",
        differs or card.get("reached") or ("no" if without_course(card["name"]) in RECIPES else "its own recipe"),
    )
    return cells


def took(card: dict) -> str:
    """The time of a training. The three families are compared by processor time, which other work on the machine does
    not change."""
    if card["name"] in FAMILIES:
        return f"{card['cpu_seconds'] / 60:.1f} min of one core"
    return f"{card['training_seconds'] / 60:.0f} min"


def chain(runs: Sequence[dict]) -> str:
    """The runs that led to pocket, in order, as a separate section."""
    lines = [
        (
            str(k),
            f"`{pocket_command(run)}`",
            f"{run['pictures_seen']:,}",
            minutes(run),
            run["device"],
            run.get("note", ""),
        )
        for k, run in enumerate(runs, 1)
    ]
    lines.append(("all", "", f"{sum(run['pictures_seen'] for run in runs):,}", total_minutes(runs), "", ""))
    return CHAIN + table(RUN_COLUMNS, lines)


def minutes(run: dict) -> str:
    """The minutes that a run took; with its budget, if it was stopped early."""
    took, given = run["seconds"] / 60, run["minutes"]
    return f"{took:.0f} of {given:g}" if given and took < 0.95 * given else f"{took:.0f}"


def total_minutes(runs: Sequence[dict]) -> str:
    """The minutes of all runs together."""
    return f"{sum(run['seconds'] for run in runs) / 60:.0f}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    head, *body = (f"| {' | '.join(cells)} |\n" for cells in (columns, *rows))
    return "".join([head, "|" + "---|" * len(columns) + "\n", *body])


def text(folder: Path = CHECKPOINTS) -> str:
    """The table of all checkpoints in the folder, and the runs that led to pocket, as Markdown."""
    names = [*MODELS, *(f"{name}{COURSE}" for name in MODELS)]
    cards = {name: json.loads(p.read_text()) for name in names if (p := folder / name / "card.json").exists()}
    pocket = cards.get("pocket", {})
    runs, data = pocket.get("history", []), DATA.format(pocket=pocket.get("data", "no data yet"))
    return HEAD + table(COLUMNS, map(row, cards.values())) + (chain(runs) if len(runs) > 1 else "") + data


def write(folder: Path = CHECKPOINTS) -> None:
    """`text` as the folder's README.md."""
    (folder / "README.md").write_text(text(folder))


if __name__ == "__main__":
    write()
