"""The score field's network while it learns: its arrows, its samples, its loss, live; and all of it afterwards, to scrub."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from core.checks import Refused
from core.diffusion.noise import branch, generator, randn
from core.diffusion.samplers import heun
from core.diffusion.visits import visits_together
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
MOMENTS = 60
"""The most kept figures of a training; when there are more, every other one is dropped."""
SLOW = 5
"""Updates a second in slow motion."""


@dataclass
class Watched:
    """What people see of one training: its moments so far, and what it is measured against."""

    learner: PointTraining
    judge: Judge
    noise: torch.Tensor
    exact: np.ndarray
    truth: np.ndarray
    steps: list[int] = field(default_factory=list)
    samples: list[np.ndarray] = field(default_factory=list)
    arrows: list[np.ndarray] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)
    every: int = 1
    looked: int = 0

    def look(self) -> None:
        """Add the present moment, once per update; so many moments only that MOMENTS are kept."""
        while self.steps and self.steps[-1] > self.learner.step:  # it went back to its last good weights
            self._drop(slice(-1, None))
        if self.steps and self.steps[-1] == self.learner.step:
            return
        self.looked += 1
        if len(self.steps) > 1 and (self.looked - 1) % self.every:  # it takes the place of the last one
            self._drop(slice(-1, None))
        model, schedule = self.learner.denoiser(), self.learner.recipe.path
        visits = visits_together(schedule.timesteps(HEUN_STEPS), SAMPLED)
        *_, last = heun(model, self.noise, visits, model.encode([None] * SAMPLED))
        self.steps.append(self.learner.step)
        self.samples.append(last.x_t.nan_to_num(0, 0, 0).numpy())
        self.arrows.append(score_of(model, round(SHOWN_AT * schedule.T), grid(ARROWS)).numpy())
        self.distances.append(self.judge.of(self.samples[-1]))
        if len(self.steps) > MOMENTS:
            self.every *= 2
            self._drop(slice(1, -1, 2))

    def _drop(self, some: slice) -> None:
        """Forget these moments."""
        for values in (self.steps, self.samples, self.arrows, self.distances):
            del values[some]


def watched(r: ScoreFieldRequest) -> Watched:
    """The training of the request: the one of this page, if it is of the same network and data; else a new one."""
    learner = r.trained()
    if learner is None or not same_network(learner, r):
        learner = PointTraining(r.points(), r.recipe(), r.subject)
        TRAININGS.add(learner)
    learner.recipe = replace(learner.recipe, rate=r.rate, batch=r.batch, updates=r.updates)  # may change on the way
    if learner.watched is None:
        learner.watched = _watch(learner, r)
    return learner.watched


def same_network(learner: PointTraining, r: ScoreFieldRequest) -> bool:
    """Whether the training goes on; another shape, target or seed needs a new network."""
    return all(getattr(learner.recipe, name) == getattr(r, name) for name in ("target", "width", "depth", "seed"))


def _watch(learner: PointTraining, r: ScoreFieldRequest) -> Watched:
    judge = Judge(learner.points, SAMPLED, r.seed)
    mixture = learner.points.denoiser(learner.recipe.path)
    exact = score_of(mixture, round(SHOWN_AT * learner.recipe.path.T), grid(ARROWS)).numpy()
    return Watched(learner, judge, randn((SAMPLED, 2), generator(branch(r.seed, 6))), exact, judge.data.numpy())


def train(r: ScoreFieldRequest, slow: bool = False) -> Iterator[Figure]:
    """Train until the planned updates are done, or for as long as figures are asked for."""
    seen = watched(r)
    learner, start = seen.learner, time.monotonic()
    end = learner.step + r.updates if learner.step >= r.updates else r.updates
    learner.recipe = replace(learner.recipe, updates=end)
    yield now(r, seen)
    last, updates = time.monotonic(), learner.updates()
    begun = learner.step
    try:
        for progress in updates:
            if progress.step >= end:
                break
            if slow:
                time.sleep(max(0.0, start + (progress.step - begun) / SLOW - time.monotonic()))
            if time.monotonic() - last > SHOWN_EVERY:
                yield now(r, seen)
                last = time.monotonic()
    except Refused as e:
        yield now(r, seen, str(e))
        raise
    finally:
        updates.close()
    yield whole(r, seen)


def one_update(r: ScoreFieldRequest) -> Iterator[Figure]:
    """A single update."""
    seen = watched(r)
    updates = seen.learner.updates()
    try:
        next(updates)
    finally:
        updates.close()
    yield now(r, seen, running=False)


def trained_so_far(r: ScoreFieldRequest) -> Iterator[Figure]:
    """All kept moments of the training in this page, as after Pause. Raises Refused if there is none."""
    learner = r.network()
    learner.rest()
    yield whole(r, learner.watched)


def now(r: ScoreFieldRequest, seen: Watched, said: str = "", running: bool = True) -> Figure:
    """The present moment of a learner."""
    seen.look()
    step, seconds = seen.learner.step, seen.learner.seconds
    pace = f"{step / seconds:.0f} updates a second" if seconds > 0.5 else ""
    status = said or " · ".join(filter(None, [f"update {step:,} of {seen.learner.recipe.updates:,}", pace]))
    figure = _figure(r, seen, slice(-1, None))
    return replace(
        figure, status=status, fraction=min(1.0, step / seen.learner.recipe.updates) if running else None, live=True
    )


def whole(r: ScoreFieldRequest, seen: Watched) -> Figure:
    """All kept moments of a training, to scrub; the last one is shown."""
    seen.look()
    learner = seen.learner
    status = f"{learner.step:,} updates in {learner.seconds:.1f} s; this network now serves the other views"
    return replace(_figure(r, seen, slice(None)), status=status, at=len(seen.steps) - 1)


def _figure(r: ScoreFieldRequest, seen: Watched, part: slice) -> Figure:
    samples, arrows, places = np.stack(seen.samples[part]), np.stack(seen.arrows[part]), grid(ARROWS).numpy()
    t, note = (
        round(SHOWN_AT * seen.learner.recipe.path.T),
        f"energy distance {seen.distances[-1]:.4f}, floor {seen.judge.floor:.4f}",
    )
    panels = [
        Panel("Learned: samples and score", note, points=samples, truth=seen.truth, places=places, arrows=arrows),
        Panel("Exact score", f"both at t = {t}", truth=seen.truth, places=places, arrows=seen.exact[None]),
    ]
    return Figure(
        panels, [f"update {step:,}" for step in seen.steps[part]], charts=_charts(seen), run=seen.learner.id,
        caption=f"{replace(r, model='learned').about}; a perceptron of {r.depth} x {r.width} that tells {r.target}, batch {r.batch}, rate {r.rate:g}, seed {r.seed}; samples by Heun, {HEUN_STEPS} steps, always from the same noise.",
        description=f"Samples of a network after {seen.learner.step} updates gather on the data; its arrows come to agree with the exact ones beside them.",
    )  # fmt: skip


def _charts(seen: Watched) -> list[Chart]:
    """The loss, and the distance of the samples to the data, by updates."""
    points = seen.learner.curve.points
    thin = points[:: max(1, len(points) // 200)]
    loss = Line("loss", [x for x, _ in thin], [y for _, y in thin])
    far = Line("energy distance", seen.steps, seen.distances)
    return [
        Chart("Loss", "updates", "squared error", [loss], (False, True)),
        Chart(
            "Distance of the samples to the data", "updates", "energy distance", [far], (False, True), seen.judge.floor
        ),
    ]
