"""Guidance in the plane: two classes from one noise under each kind of guidance."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from core.checks import Refused
from core.diffusion.closed_form import Mixture
from core.diffusion.denoiser import Denoiser
from core.diffusion.guidance import autoguide, classifier_guide, clip, guide, halves
from core.diffusion.noise import generator, randn
from core.models.point_network import time_of
from core.runs.panels import Figure, Panel
from core.runs.plane_sampling import SAMPLED_WORDS, Judge, cost, film, in_words, progress_labels, same_length, way
from core.runs.score_field import GUIDES, ScoreFieldRequest
from core.wording import counted

BLUR = 0.25
"""The blur of the data in the exact but weaker denoiser of autoguidance."""
SECOND = {
    "classifier": ", each with one of the classifier",
    "cfg": " of two halves",
    "auto": ", each with one of the weaker",
}
"""Guide -> the further computation of each network call, in words."""
GUIDED_WORDS = SAMPLED_WORDS | {"class A": "asked to be of class A", "class B": "asked to be of class B"}
FARTHEST = 4.0
"""Clean estimates under guidance are clipped to this; near pure noise a small push on eps is a large one on x_0."""


def guided_by(r: ScoreFieldRequest, name: str, classes: Tensor) -> tuple[Denoiser, list]:
    """A denoiser under one of GUIDES, and the prompts it is given.

    Args:
        classes: (N,) the class of every point.
    """
    plain, told = r.denoiser(), classes.tolist()
    if name == "none":
        return plain, told
    if name == "cfg":
        return guide(plain, r.scale), told
    if name == "auto":
        weaker = r.network().weaker() if r.model == "learned" else r.points().denoiser(r.schedule(), BLUR)
        return autoguide(plain, weaker, r.scale), told
    return classifier_guide(plain, log_posterior(r, classes), r.scale), [None] * len(told)


def log_posterior(r: ScoreFieldRequest, classes: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """(x_t, t) -> (N,) log p(class | x_t), by Bayes from the exact densities, or by a classifier that learned it."""
    if r.model == "learned":
        learner = r.network()
        net = learner.classifier()
        return lambda x, t: net(x, time_of(learner.recipe.path, t, x)).log_softmax(1).gather(1, classes[:, None])[:, 0]
    mixture = r.points().denoiser(r.schedule())
    cond = mixture.encode(classes.tolist())
    return lambda x, t: mixture.log_density(x, t, cond) - mixture.log_density(x, t)  # but for a constant


def two_classes(r: ScoreFieldRequest) -> None:
    """Raises Refused unless the data has both classes."""
    if r.data == "drawn" and len({row[2] for row in r.rows}) < 2:
        raise Refused("Guidance needs points of two classes: draw some in the other colour.")


def guided(r: ScoreFieldRequest) -> Iterator[Figure]:
    """Two classes from the same noise under each kind of guidance: how the cloud moves, shrinks and leaves points out."""
    points = r.points()
    two_classes(r)
    x, classes = randn((r.count, 2), generator(r.seed)), torch.arange(r.count) % 2
    judges = [Judge(points, r.count // 2, r.seed, label) for label in (0, 1)]
    truth, reader = torch.cat([j.data for j in judges]).numpy(), points.denoiser(r.schedule())
    films, panels = [], []
    same = r.model == "exact" and {"classifier", "cfg"} <= {*r.guides}
    for done, name in enumerate(r.guides):
        denoiser, prompts = guided_by(r, name, classes)
        w = way("heun", denoiser.schedule, r.steps)
        films.append(film(w, clip(denoiser, -FARTHEST, FARTHEST), x, prompts, r.seed))
        panels.append(
            Panel(
                titled(r, name),
                f"{cost(w, second(r, name))}\n{judged(reader, judges, films[-1][-1], classes)}",
                classes=classes.byte().numpy(),
                truth=truth,
                paths=24,
            )
        )
        shown = [replace(p, points=f) for p, f in zip(panels, same_length(films), strict=True)]
        last = done + 1 == len(r.guides)
        yield Figure(
            shown, progress_labels(shown), playing=last, fraction=None if last else (done + 1) / len(r.guides),
            status="" if last else f"{GUIDES[r.guides[done + 1]]} …",
            caption=f"{r.about}; w = {r.scale:g}; Heun; {r.count} points from one noise, seed {r.seed}.{SAME * same}", words=GUIDED_WORDS,
            description=f"{counted(len(shown), 'plane')} with points of two classes. {in_words(shown)}",
        )  # fmt: skip


SAME = " With the exact denoiser, classifier and classifier-free guidance are one: their scores differ by grad log p(class | x_t) alike."


def second(r: ScoreFieldRequest, name: str) -> str:
    """The further computation of each network call, in words."""
    if name != "classifier" and halves(r.scale) == 1:  # one of the two is not computed at all
        return ", all of the weaker alone" if name == "auto" and r.scale == 0 else ""
    return SECOND.get(name, "")


def titled(r: ScoreFieldRequest, name: str) -> str:
    """A guide's title with its scale."""
    return GUIDES[name] if name == "none" else f"{GUIDES[name]}, w = {r.scale:g}"


def judged(reader: Mixture, judges: Sequence[Judge], x: np.ndarray, classes: Tensor) -> str:
    """How many points (N, 2) the exact classifier finds in the right class, and their distance to their class."""
    x, t = torch.as_tensor(x), torch.zeros(len(x), dtype=torch.long)
    odds = [reader.log_density(x, t, reader.encode([k] * len(x))) for k in (0, 1)]
    right = ((odds[1] > odds[0]).long() == classes).float().mean()
    far = sum(judge.of(x[classes == k]) for k, judge in enumerate(judges)) / 2
    fresh = sum(j.fresh for j in judges) / 2
    return f"at the end: {right:.0%} in the right class,\nenergy distance {far:.4f} (fresh data: {fresh:.4f})"
