"""Keep a network that learned in the page: for the other sub-tabs, as files, and measured like the published ones."""

import datetime
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import torch
from safetensors.torch import save

from core.checks import Refused
from core.diffusion.sampler_table import generate
from core.models.cards import card_text
from core.models.kept import KEPT
from core.models.mnist import CLASSES
from core.models.registry import load, spec
from core.models.scores import Statistics, accuracy, frechet_distance, judge, reference
from core.pictures.images import zip_of
from core.runs.digit_training import TRAININGS, DigitTraining
from core.runs.mnist import DigitRequest
from core.wording import counted

MEASURED, AT_ONCE = 200, 20
"""The number of digits that measure a kept network, and the number drawn at once."""
NOTHING = "Nothing is trained yet: press Start first."
TITLES = {"flow": "flow matching", "ddpm": "DDPM", "denoiser": "single-step denoiser"}
SAMPLED = {"flow": {"sampler": "euler"}, "ddpm": {"sampler": "ddim"}}
"""Objective -> the defaults of a first request."""
LOSSES = {
    "flow": "mean squared error of the velocity",
    "ddpm": "mean squared error of the noise",
    "denoiser": "mean squared error of the digit",
}


def keep(training: object) -> str:
    """Keep a training's averaged network as it is now; its name. Raises Refused if nothing is trained."""
    learner = TRAININGS.get(training)
    if learner is None or not learner.step:
        raise Refused(NOTHING)
    r = learner.recipe
    facts = {"path": r.objective, "task": "digits", "build": "core.models.mnist:build_digits"}
    if not r.time:
        facts = {"task": "single-step", "build": "core.models.mnist:build_single_step"}
    return KEPT.keep(
        title_of(learner), card_of(learner), learner.average.shadow, **facts, conditional=bool(r.classes),
        loss=LOSSES[r.objective], defaults=SAMPLED.get(r.objective, {}),
    )  # fmt: skip


def title_of(learner: DigitTraining) -> str:
    """A kept network in a list."""
    r = learner.recipe
    told = " by class" if r.classes else ""
    return f"Trained here: {TITLES[r.objective]}{told}, D {r.width}, {counted(f'{learner.step:,}', 'update')}, seed {r.seed}"


def card_of(learner: DigitTraining) -> dict:
    """The facts on a network, as on the cards of the published networks."""
    parameters = sum(p.numel() for p in learner.net.parameters())
    return {
        "architecture": learner.recipe.architecture() | {"parameters": parameters},
        "recipe": asdict(learner.recipe) | {"optimiser": "Adam"},
        "weights": "ema",
        "seed": learner.recipe.seed,
        "steps": learner.step,
        "pictures": learner.seen,
        "training_seconds": round(learner.seconds),
        "device": str(learner.device),
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__.split("+")[0],
        "data": learner.digits.words,
        "curve": [[step, round(loss, 5)] for step, loss in learner.curve.points],
    }


def offered(names: Iterable[str], task: str) -> dict[str, str]:
    """The kept networks that do a task: name -> title. A name without a kept network is left out."""
    found = [kept.spec for kept in map(KEPT.get, names) if kept is not None]
    return {model.name: model.title for model in found if model.task == task}


def download_of(name: str) -> tuple[str, bytes]:
    """A kept network as (file name, zip): its weights in half precision as safetensors, and its card. Raises ModelError."""
    model = spec(name)
    half = {k: (w.half() if w.is_floating_point() else w).contiguous() for k, w in KEPT.get(name).weights.items()}
    weights = save(half)
    checksum = {"sha256": {"weights.safetensors": hashlib.sha256(weights).hexdigest()}}
    card = model.source.card(model)
    short = f"digits-{card['architecture']['objective']}-d{card['architecture']['hidden']}-{card['steps']}-updates"
    text = card_text({"name": short} | card | checksum).encode()
    return f"{short}.zip", zip_of([("weights.safetensors", weights), ("card.json", text)])


def measured(name: str, device: str = "auto") -> Iterator[tuple[int, dict | None]]:
    """Draw MEASURED digits with a kept network's first settings: (how many so far, None), and at the end a row of the
    scoreboard. Raises ModelError, and Refused for a network that draws nothing."""
    if spec(name).task != "digits":
        raise Refused("This network denoises a digit; it draws none to be measured.")
    r, model = DigitRequest.of(name), load(name, device)
    asked, made = [k % CLASSES for k in range(MEASURED)], []
    for first in range(0, MEASURED, AT_ONCE):
        yield first, None
        *_, last = generate(model, asked[first : first + AT_ONCE], r.sampler, r.steps, r.scale, r.seed + first)
        made.append(last.x_t.clamp(0, 1).cpu())
    named, features = judge(load("classifier", "cpu"), torch.cat(made))
    right = accuracy(named, torch.tensor(asked)) if spec(name).conditional else None
    distance = frechet_distance(Statistics.of(features), reference())
    found = {"sampler": r.sampler, "steps": r.steps, "guidance": r.scale, "digits": MEASURED}
    yield MEASURED, {"model": name, **found, "accuracy": right, "frechet": distance}
