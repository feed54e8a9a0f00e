"""The curves of several digit trainings in one chart: the loss, and the share of samples read as asked."""

from collections.abc import Sequence

from core.runs.digit_training import TRAININGS, DigitTraining
from core.runs.panels import Chart, Line

POINTS = 150
"""The most points of a curve."""


def laid_over(learner: DigitTraining, beside: Sequence[str]) -> list[DigitTraining]:
    """The trainings whose curves are shown, in the order of the page, this one among them."""
    ids = beside if learner.id in beside else (*beside, learner.id)
    return [t for t in map(TRAININGS.get, ids) if t is not None and t.digits is not None]


def named(learner: DigitTraining) -> str:
    """A training in few words, for legends."""
    r = learner.recipe
    told = " by class" if r.classes else ""
    return f"{r.objective}{told}, D {r.width}, rate {r.rate:g}, batch {r.batch}, seed {r.seed}"


def charts(learners: Sequence[DigitTraining]) -> list[Chart]:
    """Two charts: the loss against pictures seen, and the share of samples read as asked against seconds."""
    names = [f"{k}: {named(t)}" if len(learners) > 1 else named(t) for k, t in enumerate(learners, 1)]
    losses = [loss_line(t, name) for t, name in zip(learners, names, strict=True)]
    right = [line for t, name in zip(learners, names, strict=True) if (line := right_line(t, name)).x]
    return [
        Chart("Loss", "thousand pictures seen", "squared error", losses, (False, True)),
        Chart("Samples read as asked", "seconds", "%", right),
    ]


def loss_line(learner: DigitTraining, name: str) -> Line:
    """A loss curve of at most POINTS points. Each point is the mean of its part of the curve."""
    points = list(learner.curve.points)
    n = -(-len(points) // POINTS) or 1
    parts = [points[k : k + n] for k in range(0, len(points), n)]
    x = [part[-1][0] * learner.recipe.batch / 1000 for part in parts]
    return Line(name, x, [sum(y for _, y in part) / len(part) for part in parts])


def right_line(learner: DigitTraining, name: str) -> Line:
    """The share of samples that the classifier reads as asked, in percent, against seconds."""
    read = [(m.seconds, 100 * m.right) for m in tuple(learner.watched.moments) if m.right is not None]
    return Line(name, [x for x, _ in read], [y for _, y in read])
