"""Train a network on digits live. Figures show its loss and its samples from one noise, during the training and
afterwards, to scrub. The charts can show several runs."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.checks import ModelError
from core.diffusion.noise import branch, generator, randn
from core.diffusion.sampler_table import SAMPLERS, generate
from core.diffusion.training import Progress
from core.models.device import pick_device
from core.models.mnist import CLASSES
from core.models.mnist_losses import SIGMA
from core.models.registry import load
from core.models.scores import judge
from core.pictures.images import to_uint8
from core.runs.digit_curves import charts, laid_over
from core.runs.digit_data import DRAWING, DRAWN, from_mnist, mnist_is_here
from core.runs.digit_training import FLOOR, TRAININGS, DigitTraining
from core.runs.live_digits_request import OBJECTIVES, TOLD, TrainDigitsRequest
from core.runs.live_training import Watched, follow
from core.runs.panels import Figure
from core.wording import counted

SHOWN_WITH = {"flow": ("euler", 10, 2.0), "ddpm": ("ddim", 10, 2.5)}
"""Objective -> the sampler, steps and guidance of the samples that are shown: few steps, so that they take little time."""
EACH = 2
"""Rows of samples, ten in each."""
SHOWN_EVERY, SAMPLES_EVERY = 0.5, 2.0
"""Seconds between two figures, and the minimum between two figures with new samples."""
HELD_UP = 0.12
"""The largest time for drawing samples, as a share of the training time. Slow samples are drawn less often."""
READING = (
    "The loss cannot reach 0: many digits fit one noisy picture, and the best network answers with their mean. "
    "Losses of different objectives do not compare."
)


@dataclass(frozen=True)
class Moment:
    """The state of a training after `step` updates and `seconds` seconds.

    Args:
        pictures: (N, 28, 28, 1) uint8, in rows of ten.
        right: the share that our classifier reads as asked; None where no class was asked for.
    """

    step: int
    seconds: float
    pictures: np.ndarray
    right: float | None


@dataclass(frozen=True)
class DigitFigure(Figure):
    """A figure with charts and words as in a Figure, and with pictures instead of panels.

    Args:
        pictures: one for each label, (N, 28, 28, 1) uint8, in rows of ten.
        across, down: the labels of the columns and rows.
        title: what the pictures are.
    """

    pictures: Sequence[np.ndarray] = ()
    across: Sequence[str] = ()
    down: Sequence[str] = ()
    title: str = ""


@dataclass(kw_only=True)
class WatchedDigits(Watched):
    """The moments of a training of digits. `took`: the seconds of the last one. `at`: when it was made."""

    seed: int
    took: float = 0.0
    at: float = 0.0

    def glance(self) -> tuple[Moment, ...]:
        """The moments so far, with a new one if it is time for one."""
        if self.moments and time.monotonic() - self.at < max(SAMPLES_EVERY, self.took / HELD_UP):
            return tuple(self.moments)
        started = time.monotonic()
        found = self.look()
        self.at = time.monotonic()
        self.took = self.at - started if len(found) > 1 else 0.0  # the first one also loads the classifier
        return found

    def _moment(self, step: int) -> Moment:
        learner = self.learner
        if not learner.recipe.time:
            return Moment(step, learner.seconds, self._denoised(learner), None)
        sampler, steps, guidance = SHOWN_WITH[learner.recipe.objective]
        asked_for = [k % CLASSES for k in range(EACH * CLASSES)]
        scale = guidance if learner.recipe.classes else 1.0
        *_, last = generate(learner.denoiser(), asked_for, sampler, steps, scale, self.seed)
        x = last.x_t.nan_to_num(0, 1, 0).clamp(0, 1).cpu()
        return Moment(
            step, learner.seconds, to_uint8(x), read_rightly(x, asked_for) if learner.recipe.classes else None
        )

    def _denoised(self, learner: DigitTraining) -> np.ndarray:
        """Ten digits, the same with noise, and denoised."""
        x = learner.digits.shown
        z = x + SIGMA * randn(x.shape, generator(branch(self.seed, 1)))
        return to_uint8(torch.cat([x, z, learner.denoiser().restore(z).nan_to_num(0, 1, 0).cpu()]))


def read_rightly(x: Tensor, asked_for: Sequence[int]) -> float | None:
    """The share of digits (N, 1, 28, 28) in [0, 1] that our classifier reads as asked; None without the classifier."""
    with contextlib.suppress(ModelError):
        named, _ = judge(load("classifier", "cpu"), x)
        return float((named == torch.tensor(asked_for)).double().mean())
    return None


# ---- the training of a page ----


def learner_of(r: TrainDigitsRequest, device: str = "auto") -> DigitTraining:
    """The training of this page if its network and data are those of the request, else a new training."""
    learner = TRAININGS.get(r.training)
    if learner is None or not same_network(learner, r):
        if learner is not None:
            learner.end()
        learner = DigitTraining(None, r.recipe(), learning_device(device))
        learner.watched = WatchedDigits(learner=learner, seed=r.seed)
        learner.source = r.data
        TRAININGS.add(learner)
    learner.recipe = replace(learner.recipe, rate=r.rate, p_uncond=r.p_uncond, updates=r.updates)
    return learner


def learning_device(name: str) -> torch.device:
    """The picked device; on Apple's MPS, which runs one thread at a time, the CPU."""
    device = pick_device(name)
    return torch.device("cpu") if device.type == "mps" else device


def same_network(learner: DigitTraining, r: TrainDigitsRequest) -> bool:
    """Whether the request continues the training. Only rate, p_uncond and updates may differ."""
    new = r.recipe()
    kept = replace(new, rate=learner.recipe.rate, p_uncond=learner.recipe.p_uncond, updates=learner.recipe.updates)
    return kept == learner.recipe and learner.source == r.data


def request_of(learner: DigitTraining) -> TrainDigitsRequest:
    """The request that makes this training anew."""
    recipe, names = learner.recipe, ("objective", "width", "T", "rate", "batch", "p_uncond", "updates", "seed")
    told = "class" if recipe.by_class else "none"
    return TrainDigitsRequest(told=told, data=learner.source, **{name: getattr(recipe, name) for name in names})


def retuned(r: TrainDigitsRequest) -> None:
    """Let a training under way go on with another rate and p_uncond."""
    learner = TRAININGS.get(r.training)
    if learner is not None:
        learner.recipe = replace(learner.recipe, rate=r.rate, p_uncond=r.p_uncond)


def train(r: TrainDigitsRequest, device: str = "auto") -> Iterator[DigitFigure]:
    """Train until the planned updates are done, another run takes over, or no more figures are asked for."""
    learner = learner_of(r, device)
    yield from supplied(learner, r)

    def due(progress: Progress, seconds: float) -> bool:
        return seconds > SHOWN_EVERY

    yield from follow(learner, r.updates, lambda said: now(r, learner, said), lambda: every_moment(r, learner), due)


def one_update(r: TrainDigitsRequest, device: str = "auto") -> Iterator[DigitFigure]:
    """A single update."""
    learner = learner_of(r, device)
    yield from supplied(learner, r)
    learner.once()
    learner.watched.look()
    yield now(r, learner, running=False)


def trained_so_far(r: TrainDigitsRequest) -> Iterator[DigitFigure]:
    """All kept moments of the training in this page, as after Pause; nothing if there is none."""
    learner = TRAININGS.get(r.training)
    if learner is not None and learner.digits is not None:
        learner.rest()
        yield every_moment(r, learner)


def supplied(learner: DigitTraining, r: TrainDigitsRequest) -> Iterator[DigitFigure]:
    """Give a training its digits. Yields figures while our own model draws them. Raises Refused if MNIST is damaged."""
    if learner.digits is None and r.data == "mnist" and mnist_is_here():
        learner.digits = from_mnist()
    if learner.digits is None:
        DRAWING.begin()
    while learner.digits is None:
        learner.digits = DRAWING.wait(SHOWN_EVERY)
        if learner.digits is None:
            yield drawing(learner)


def drawing(learner: DigitTraining) -> DigitFigure:
    """The figure while our own model draws the digits to learn from. It shows the last drawn digits."""
    said = f"MNIST is not used here: our own flow model draws {DRAWN:,} digits to learn from, once; {DRAWING.done:,} so far"
    made = [(x.permute(0, 2, 3, 1).numpy())[-EACH * CLASSES :] for x in DRAWING.made[-1:]]
    return DigitFigure(
        [], status=said, fraction=min(1.0, DRAWING.done / DRAWN), live=True, run=learner.id, pictures=made,
        labels=[""] * len(made), title="The digits drawn last", charts=charts([]),
    )  # fmt: skip


# ---- what people see ----


def now(r: TrainDigitsRequest, learner: DigitTraining, said: str = "", running: bool = True) -> DigitFigure:
    """The present moment of a training."""
    moments = learner.watched.glance()
    planned = learner.recipe.updates
    figure = _figure(r, learner, moments[-1:])
    status = said or progress_of(learner, moments[-1], f"update {learner.step:,} of {planned:,}")
    return replace(figure, status=status, fraction=min(1.0, learner.step / planned) if running else None, live=True)


def every_moment(r: TrainDigitsRequest, learner: DigitTraining) -> DigitFigure:
    """All kept moments of a training, to scrub; the last one is shown."""
    moments = learner.watched.look()
    status = progress_of(learner, moments[-1], counted(f"{learner.step:,}", "update"))
    return replace(_figure(r, learner, moments), status=status, at=len(moments) - 1)


def progress_of(learner: DigitTraining, moment: Moment, updates: str) -> str:
    """The progress of a training: updates, pictures, seconds, loss, and the share of samples read as asked."""
    loss = f"loss {learner.curve.points[-1][1]:.3f}" if learner.curve.points else ""
    n = EACH * CLASSES
    right = "" if moment.right is None else f"{round(n * moment.right)} of {n} read as asked"
    seconds = f"{learner.seconds:.0f} s" if learner.seconds else ""
    return " · ".join(filter(None, [updates, f"{learner.seen:,} pictures", seconds, loss, right]))


def _figure(r: TrainDigitsRequest, learner: DigitTraining, shown: Sequence[Moment]) -> DigitFigure:
    denoises = not learner.recipe.time
    return DigitFigure(
        [], labels=[f"update {m.step:,} · {m.seconds:.0f} s" for m in shown], pictures=[m.pictures for m in shown],
        charts=charts(laid_over(learner, r.beside)), run=learner.id,
        across=[str(k) for k in range(CLASSES)] if denoises or learner.recipe.classes else (),
        down=("original", f"σ = {SIGMA:g}", "denoised") if denoises else (),
        title="Ten digits that it does not learn from" if denoises else "Samples, always from the same noise",
        caption=caption_of(learner),
    )  # fmt: skip


def caption_of(learner: DigitTraining) -> str:
    """A training in full sentences."""
    return f"{about(learner)} {drawn_with(learner)} {READING}"


def about(learner: DigitTraining) -> str:
    """The network, its objective and its data, in words."""
    r, n = learner.recipe, sum(p.numel() for p in learner.net.parameters())
    told = f", {TOLD['class' if r.classes else 'none']}" if r.time else ""
    path = f", T = {r.T}" if r.objective == "ddpm" else ""
    dropped = f", p_uncond {r.p_uncond:g}" if r.classes else ""
    return (
        f"{OBJECTIVES[r.objective]}{told}{path}; D = {r.width}, {n:,} parameters; batch {r.batch}, Adam at {r.rate:g} falling to "
        f"{r.rate * FLOOR:g} over {r.updates:,} updates{dropped}, seed {r.seed}. It learns from {learner.digits.words}."
    )


def drawn_with(learner: DigitTraining) -> str:
    """How the samples are drawn."""
    r = learner.recipe
    if not r.time:
        return "Drawn with the averaged weights."
    sampler, steps, guidance = SHOWN_WITH[r.objective]
    scale = f", w = {guidance:g}" if r.classes else ""
    return f"Samples: {SAMPLERS[sampler].title}, {steps} steps{scale}, with the averaged weights."
