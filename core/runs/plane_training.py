"""Train the score field's network live. Figures show its arrows, its samples and its loss, also afterwards, to
scrub."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.diffusion.noise import branch, generator, randn
from core.diffusion.samplers import heun
from core.diffusion.training import Progress
from core.diffusion.visits import visits_together
from core.runs.live_training import Watched, follow
from core.runs.panels import Chart, Figure, Line, Panel
from core.runs.plane_sampling import Judge
from core.runs.plane_views import ARROWS, grid
from core.runs.plane_views import field as score_of
from core.runs.point_training import TRAININGS, PointTraining
from core.runs.score_field import ScoreFieldRequest

SHOWN_EVERY = 0.25
"""Seconds between two figures."""
SAMPLED = 400
"""Points drawn for each figure, always from the same noise."""
HEUN_STEPS = 10
SHOWN_AT = 0.3
"""The share of the way to noise at which the arrows are shown."""
WORDS = {
    "points": f"samples: {SAMPLED} points, Heun, {HEUN_STEPS} steps, one noise",
    "truth": "data, without noise (t = 0)",
}
READING = (
    "The loss cannot reach 0: many targets fit one x_t, and the best network answers with their mean, so their variance is left. "
    f"The distance is of {SAMPLED} samples; that of fresh points wavers by about a third too, from draw to draw."
)
"""How to read the charts."""
SLOW = 5
"""Updates a second in slow motion."""


@dataclass(frozen=True)
class Moment:
    """The state of a training after `step` updates: samples (SAMPLED, 2), arrows (M, 2), the samples' energy
    distance."""

    step: int
    samples: np.ndarray
    arrows: np.ndarray
    distance: float


@dataclass(kw_only=True)
class WatchedPoints(Watched):
    """The moments of a training of points, and what they are measured against."""

    judge: Judge
    noise: torch.Tensor
    exact: np.ndarray
    truth: np.ndarray

    def _moment(self, step: int) -> Moment:
        model, schedule = self.learner.denoiser(), self.learner.recipe.path
        visits = visits_together(schedule.timesteps(HEUN_STEPS), SAMPLED)
        *_, last = heun(model, self.noise, visits, model.encode([None] * SAMPLED))
        samples = last.x_t.nan_to_num(0, 0, 0).numpy()
        arrows = score_of(model, round(SHOWN_AT * schedule.T), grid(ARROWS)).numpy()
        return Moment(step, samples, arrows, self.judge.of(samples))


def watched(r: ScoreFieldRequest) -> WatchedPoints:
    """The training of this page if its network and data are those of the request, else a new training."""
    learner = r.trained()
    if learner is None or not same_network(learner, r):
        learner = PointTraining(r.points(), r.recipe(), r.subject)
        TRAININGS.add(learner)
    learner.recipe = replace(learner.recipe, rate=r.rate, batch=r.batch, updates=r.updates)  # may change on the way
    if learner.watched is None:
        learner.watched = _watch(learner, r)
    return learner.watched


def same_network(learner: PointTraining, r: ScoreFieldRequest) -> bool:
    """Whether the request continues the training. Another shape, target or seed needs a new network."""
    return all(getattr(learner.recipe, name) == getattr(r, name) for name in ("target", "width", "depth", "seed"))


def _watch(learner: PointTraining, r: ScoreFieldRequest) -> WatchedPoints:
    judge = Judge(learner.points, SAMPLED, r.seed)
    mixture = learner.points.denoiser(learner.recipe.path)
    exact = score_of(mixture, round(SHOWN_AT * learner.recipe.path.T), grid(ARROWS)).numpy()
    noise = randn((SAMPLED, 2), generator(branch(r.seed, 6)))
    return WatchedPoints(learner=learner, judge=judge, noise=noise, exact=exact, truth=judge.data.numpy())


def train(r: ScoreFieldRequest, slow: bool = False) -> Iterator[Figure]:
    """Train until the planned updates are done, another run takes over, or no more figures are asked for."""
    seen = watched(r)
    start, begun = time.monotonic(), seen.learner.step

    def due(progress: Progress, seconds: float) -> bool:
        if slow:
            time.sleep(max(0.0, start + (progress.step - begun) / SLOW - time.monotonic()))
        return seconds > SHOWN_EVERY

    yield from follow(seen.learner, r.updates, lambda said: now(r, seen, said), lambda: every_moment(r, seen), due)


def one_update(r: ScoreFieldRequest) -> Iterator[Figure]:
    """A single update."""
    seen = watched(r)
    seen.learner.once()
    yield now(r, seen, running=False)


def trained_so_far(r: ScoreFieldRequest) -> Iterator[Figure]:
    """All kept moments of the training in this page, as after Pause. Raises Refused if there is none."""
    learner = r.network()
    learner.rest()
    yield every_moment(r, learner.watched)


def now(r: ScoreFieldRequest, seen: WatchedPoints, said: str = "", running: bool = True) -> Figure:
    """The present moment of a learner."""
    moments = seen.look()
    step, seconds, planned = seen.learner.step, seen.learner.seconds, seen.learner.recipe.updates
    pace = f"{step / seconds:.0f} updates a second" if seconds > 0.5 else ""
    status = said or " · ".join(filter(None, [f"update {step:,} of {planned:,}", pace]))
    figure = _figure(r, seen, moments, moments[-1:])
    return replace(figure, status=status, fraction=min(1.0, step / planned) if running else None, live=True)


def every_moment(r: ScoreFieldRequest, seen: WatchedPoints) -> Figure:
    """All kept moments of a training, to scrub; the last one is shown."""
    moments, learner = seen.look(), seen.learner
    status = f"{learner.step:,} updates in {learner.seconds:.1f} s; this network now serves the other views"
    return replace(_figure(r, seen, moments, moments), status=status, at=len(moments) - 1)


def _figure(r: ScoreFieldRequest, seen: WatchedPoints, moments: Sequence[Moment], shown: Sequence[Moment]) -> Figure:
    """The moments shown as frames; the charts have all moments."""
    t, places, last = round(SHOWN_AT * seen.learner.recipe.path.T), grid(ARROWS).numpy(), shown[-1]
    note = f"at update {last.step:,}: energy distance {last.distance:.4f}\n(fresh data: {seen.judge.fresh:.4f})"
    panels = [
        Panel(
            "Learned", note, truth=seen.truth, places=places,
            points=np.stack([m.samples for m in shown]), arrows=np.stack([m.arrows for m in shown]),
        ),
        Panel("Exact", f"Both panels show the score at t = {t}.", truth=seen.truth, places=places, arrows=seen.exact[None]),
    ]  # fmt: skip
    return Figure(
        panels, [f"update {m.step:,}" for m in shown], charts=_charts(seen, moments), run=seen.learner.id, words=WORDS,
        caption=f"{replace(r, model='learned').about}; {r.depth} layers of {r.width}, output {r.target}, batch {r.batch}, rate {r.rate:g}, seed {r.seed}. {READING}",
        description=f"Samples of a network and the arrows of its score beside the exact ones; {' '.join(note.split())}.",
    )  # fmt: skip


def _charts(seen: WatchedPoints, moments: Sequence[Moment]) -> list[Chart]:
    """The loss, and the distance of the samples to the data, by updates."""
    points = list(seen.learner.curve.points)
    thin = points[:: max(1, len(points) // 200)]
    loss = Line("loss", [x for x, _ in thin], [y for _, y in thin])
    far = Line("energy distance", [m.step for m in moments], [m.distance for m in moments])
    return [
        Chart("Loss", "updates", "squared error", [loss], (False, True)),
        Chart("Distance to the data", "updates", "energy distance", [far], (False, True), seen.judge.fresh),
    ]
