"""A small network that learns points in the plane while people watch: it goes on, pauses, and serves the other views."""

import copy
import math
import os
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from core.diffusion.point_sets import PointSet
from core.diffusion.schedule import Schedule
from core.diffusion.training import Ema, Progress, train
from core.locks import FairLock
from core.models.point_network import CLASSES, PointDenoiser, PointNet, new_net, time_of, wanted
from core.runs.live_training import LiveTraining, Trainings

P_UNCOND = 0.4
"""The share of points whose class is not told (Ho & Salimans 2022 take 0.1 to 0.5). Most views draw without a class: with
0.15 they had too few updates, and the samples' distance to the data rose again on the way."""
DECAY = 0.99
"""The decay of the averaged weights. These weights draw the samples."""
FLOOR = 0.05
"""The share of the learning rate that is left at the planned end."""
WEAKER_AFTER = 8
"""The weaker network of autoguidance has one update for every WEAKER_AFTER updates of the network."""


@dataclass(frozen=True)
class PointRecipe:
    """The recipe of a training, apart from its data: see `core.runs.score_field.ScoreFieldRequest`."""

    path: Schedule
    target: str = "v"
    width: int = 128
    depth: int = 3
    rate: float = 5e-3
    batch: int = 512
    updates: int = 2000
    seed: int = 0


class PointTraining(LiveTraining):
    """The training of points.

    Args:
        points: the data; every update draws fresh points.
        subject: what names the data and the path.
    """

    TURNS = FairLock(os.cpu_count() or 1)
    SMALL = True

    def __init__(self, points: PointSet, recipe: PointRecipe, subject: tuple = ()):
        net = new_net(torch.Generator().manual_seed(recipe.seed), recipe.width, recipe.depth)
        super().__init__(net, recipe, Ema(net, DECAY), every=10)
        self.points, self.subject = points, subject
        self.early: list[tuple[int, dict[str, Tensor]]] = [(0, copy.deepcopy(net.state_dict()))]
        self._reader: PointNet | None = None

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

    def _accept(self, progress: Progress) -> None:
        super()._accept(progress)
        if self.step & (self.step - 1) == 0 and self.step >= 4:  # 4, 8, 16, ...
            self.early.append((self.step, {k: v.clone() for k, v in self.average.shadow.items()}))

    def _restore(self) -> None:
        super()._restore()
        self.early = [(k, w) for k, w in self.early if k <= self.step]

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


TRAININGS = Trainings(most=100)
"""The trainings of points. Each has some hundred KB."""
