"""A small network that learns points in the plane while people watch: it goes on, pauses, and serves the other views."""

import copy
import math
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.checks import Refused
from core.diffusion.point_sets import PointSet
from core.diffusion.schedule import Schedule
from core.diffusion.training import Curve, Ema, Progress, train
from core.locks import FairLock
from core.models.point_network import CLASSES, PointDenoiser, PointNet, new_net, time_of, wanted

P_UNCOND = 0.4
"""The share of points whose class is not told (Ho & Salimans 2022 take 0.1 to 0.5). Most views draw without a class: with
0.15 they had too few updates, and the samples' distance to the data rose again on the way."""
DECAY = 0.99
"""Of the averaged weights, which are those that draw."""
FLOOR = 0.05
"""The share of the learning rate that is left at the planned end."""
WEAKER_AFTER = 8
"""The weaker network of autoguidance has had one update for this many of the network's."""
PATIENCE = 3.0
"""Seconds to wait for an earlier run of the same training to end: it still finishes its update and its figure."""
TURNS = FairLock()
"""Of all trainings: one update each in turn, so that each keeps its share of the speed."""
DIVERGED = "The loss is no longer finite at update {k}: lower the learning rate. The weights of update {good} are kept."


@dataclass(frozen=True)
class PointRecipe:
    """What determines a training, apart from its data: see `core.runs.score_field.ScoreFieldRequest`."""

    path: Schedule
    target: str = "v"
    width: int = 128
    depth: int = 3
    rate: float = 5e-3
    batch: int = 512
    updates: int = 2000
    seed: int = 0


class PointTraining:
    """One training: its network, its average, its curve. One consumer at a time makes its updates.

    Args:
        points: the data; every update draws fresh points.
        subject: what names the data and the path.
    """

    def __init__(self, points: PointSet, recipe: PointRecipe, subject: tuple = ()):
        self.id, self.points, self.recipe, self.subject = uuid.uuid4().hex, points, recipe, subject
        self.net = new_net(torch.Generator().manual_seed(recipe.seed), recipe.width, recipe.depth)
        self.optimiser = torch.optim.Adam(self.net.parameters(), recipe.rate)
        self.average, self.curve = Ema(self.net, DECAY), Curve(10)
        self.step, self.seconds = 0, 0.0
        self.early: list[tuple[int, dict[str, Tensor]]] = [(0, copy.deepcopy(self.net.state_dict()))]
        self._good = self._snapshot()
        self._one, self._latest = threading.Lock(), object()  # who makes updates holds it; who asked for them last
        self._reader: PointNet | None = None
        self.watched: Any = None  # what is shown of it, of `core.runs.plane_training`

    # ---- learning ----

    def rate(self, k: int) -> float:
        """Half a cosine from the recipe's rate down to FLOOR of it at the planned end."""
        done = min(1.0, k / self.recipe.updates)
        return self.recipe.rate * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * done)) / 2)

    def loss(self, k: int) -> Tensor:
        """() the squared error of update k on points of its own."""
        r, g = self.recipe, torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + k)
        x_0, classes = self.points.draw(r.batch, g)
        t = torch.randint(r.path.T, (r.batch,), generator=g)
        eps = torch.randn(r.batch, 2, generator=g)
        told = torch.where(torch.rand(r.batch, generator=g) < P_UNCOND, CLASSES, classes)
        x_t = r.path.forward(x_0, t, eps)
        return F.mse_loss(self.net(x_t, time_of(r.path, t, x_t), told), wanted(r.path, r.target, x_0, t, eps))

    def updates(self) -> Iterator[Progress]:
        """One Progress per update, for as long as it is asked for. Who asks later takes over: an earlier run ends quietly.

        Raises:
            Refused: the loss is not finite; the last good weights are back. Or the earlier run does not end.
        """
        before, mine = self._latest, object()
        self._latest = mine
        if not self._one.acquire(timeout=PATIENCE):
            self._latest = before
            raise Refused("This network is being trained already.")
        try:
            started, spent = time.monotonic(), self.seconds
            made = train(self.net, [self.optimiser], self.loss, self.rate, self.step, self.average)
            while self._latest is mine:
                with TURNS:
                    progress = next(made)
                self._accept(progress)
                self.seconds = spent + time.monotonic() - started
                yield progress
        finally:
            self._one.release()

    def _accept(self, progress: Progress) -> None:
        if not math.isfinite(float(progress.loss)):
            good = self._good[0]
            self._restore()
            raise Refused(DIVERGED.format(k=progress.step, good=good))
        self.step = progress.step
        self.curve.add(progress)
        if self.step & (self.step - 1) == 0 and self.step >= 4:  # 4, 8, 16, ...
            self.early.append((self.step, {k: v.clone() for k, v in self.average.shadow.items()}))
        if self.step % 50 == 0 and all(w.isfinite().all() for w in self.net.parameters()):
            self._good = self._snapshot()

    def _snapshot(self) -> tuple:
        return self.step, *map(copy.deepcopy, (self.net.state_dict(), self.average.shadow, self.optimiser.state_dict()))

    def _restore(self) -> None:
        self.step, net, shadow, optimiser = self._good
        self.curve = Curve(self.curve.every, [p for p in self.curve.points if p[0] <= self.step])
        self.early = [(k, w) for k, w in self.early if k <= self.step]
        self.net.load_state_dict(net)
        self.average.shadow = copy.deepcopy(shadow)
        self.optimiser.load_state_dict(copy.deepcopy(optimiser))

    def rest(self, seconds: float = PATIENCE) -> None:
        """Wait until nobody makes updates, at most so long: a run that is ended still finishes one."""
        if self._one.acquire(timeout=seconds):
            self._one.release()

    # ---- serving ----

    def denoiser(self) -> PointDenoiser:
        """The averaged network as it is now."""
        return self._denoiser(self.average.shadow)

    def weaker(self) -> PointDenoiser:
        """The same network early in its training, for autoguidance."""
        return self._denoiser(next(w for k, w in reversed(self.early) if k * WEAKER_AFTER <= self.step or not k))

    def _denoiser(self, weights: dict[str, Tensor]) -> PointDenoiser:
        net = PointNet(self.recipe.width, self.recipe.depth)
        net.load_state_dict(weights)
        return PointDenoiser(net.eval(), self.recipe.path, self.recipe.target)

    def classifier(self) -> PointNet:
        """A classifier of x_t and t, trained at the first call on the same data; it takes about a second."""
        if self._reader is None:
            self._reader = trained_classifier(self.points, self.recipe.path, self.recipe.seed)
        return self._reader


def trained_classifier(points: PointSet, path: Schedule, seed: int, updates: int = 600) -> PointNet:
    """A noise-aware classifier p(class | x_t, t), see `core.diffusion.guidance.classifier_guide`."""
    net = new_net(torch.Generator().manual_seed(seed), 64, 3, outputs=CLASSES, classes=0)

    def loss(k: int) -> Tensor:
        g = torch.Generator().manual_seed(seed * 1_000_003 + k)
        x_0, classes = points.draw(512, g)
        t = torch.randint(path.T, (512,), generator=g)
        x_t = path.forward(x_0, t, torch.randn(512, 2, generator=g))
        return F.cross_entropy(net(x_t, time_of(path, t, x_t)), classes)

    made = train(net, [torch.optim.Adam(net.parameters())], loss, lambda k: 5e-3 * (1 - 0.95 * k / updates))
    for _ in zip(range(updates), made, strict=False):
        pass
    return net.eval()


class Trainings:
    """The latest trainings by id; those that were not asked for longest are dropped. One has some hundred KB."""

    def __init__(self, most: int = 100):
        self.most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[str, PointTraining] = OrderedDict()

    def add(self, learner: PointTraining) -> None:
        """Remember a training."""
        with self._lock:
            self._kept[learner.id] = learner
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)

    def get(self, key: object) -> PointTraining | None:
        """The training with that id; None if there is none, or no longer."""
        with self._lock:
            if not isinstance(key, str) or key not in self._kept:
                return None
            self._kept.move_to_end(key)  # it is in use
            return self._kept[key]


TRAININGS = Trainings()
