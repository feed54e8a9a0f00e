"""Networks that learn while people watch: they go on, pause, take turns, and keep their last good weights."""

import contextlib
import copy
import functools
import math
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from core.checks import Refused
from core.diffusion.training import Curve, Ema, Progress, clipped, train
from core.locks import FairLock
from core.models.device import one_thread

F = TypeVar("F")
PATIENCE = 3.0
"""Seconds to wait for an earlier run of the same training. That run first finishes its update and its figure."""
GOOD_EVERY = 50
"""Updates between two copies of all weights. A training that diverges returns to the last good copy."""
MOMENTS = 60
"""The most kept figures of a training; when there are more, every other one is dropped."""
DIVERGED = "The loss is no longer finite at update {k}: lower the learning rate. The weights of update {good} are kept."


@functools.cache
def prepare() -> threading.Thread:
    """Load, in the background, what torch loads with the first optimiser of a process: it takes a second."""
    first = threading.Thread(target=lambda: torch.optim.Adam([torch.zeros(1)]), daemon=True)
    first.start()
    return first


class LiveTraining:
    """One training: its network, its average, its curve. One consumer at a time makes its updates.

    A subclass defines `loss` and `rate`. `average.shadow` has the weights that draw the samples.

    Args:
        recipe: a frozen dataclass; a part of it may be replaced on the way.
    """

    TURNS: ClassVar[FairLock]
    """Shared by all trainings of a class: each makes one update in turn, so each keeps its share of the speed. The
    class sets how many run at once: one training of digits, or as many trainings of points as there are cores."""
    CLIP: ClassVar[float | None] = None
    """The largest norm of the gradient."""
    SMALL: ClassVar[bool] = False
    """Whether its network is so small that one core is faster than two."""

    def __init__(self, net: nn.Module, recipe: Any, average: Ema, every: int):
        self.id, self.net, self.recipe, self.average = uuid.uuid4().hex, net, recipe, average
        self.optimiser = torch.optim.Adam(net.parameters(), recipe.rate)
        self.curve, self.step, self.seconds = Curve(every), 0, 0.0
        self._good = self._snapshot()
        self._one, self._latest = threading.Lock(), object()  # who makes updates holds it; who asked for them last
        self.watched: Any = None  # what is shown of it, a `Watched`

    def cores(self) -> contextlib.AbstractContextManager:
        """Inside this context, the network computes on one core if it is SMALL."""
        return one_thread() if self.SMALL else contextlib.nullcontext()

    def rate(self, k: int) -> float:
        """The learning rate of update k."""
        raise NotImplementedError

    def loss(self, k: int) -> Tensor:
        """() the loss of update k on data of its own; all random numbers come from k."""
        raise NotImplementedError

    def updates(self) -> Iterator[Progress]:
        """Make updates and yield one Progress each, until the caller stops. A later call takes over; the earlier run
        then ends without an error.

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
            backward = Tensor.backward if self.CLIP is None else clipped(self.net, self.CLIP)
            made = train(self.net, [self.optimiser], self.loss, self.rate, self.step, self.average, backward)
            while self._latest is mine:
                with self.TURNS, self.cores():
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
        if self.step % GOOD_EVERY == 0 and all(w.isfinite().all() for w in self.net.parameters()):
            self._good = self._snapshot()

    def _snapshot(self) -> tuple:
        return self.step, *map(copy.deepcopy, (self.net.state_dict(), self.average.shadow, self.optimiser.state_dict()))

    def _restore(self) -> None:
        self.step, net, shadow, optimiser = self._good
        self.curve = Curve(self.curve.every, [p for p in self.curve.points if p[0] <= self.step])
        self.net.load_state_dict(net)
        self.average.shadow = copy.deepcopy(shadow)
        self.optimiser.load_state_dict(copy.deepcopy(optimiser))

    def once(self) -> None:
        """A single update."""
        updates = self.updates()
        try:
            next(updates)
        finally:
            updates.close()

    def end(self) -> None:
        """End the run that makes updates, without an error, after its present update."""
        self._latest = object()

    def rest(self, seconds: float = PATIENCE) -> None:
        """Wait until no run makes updates, at most `seconds`. A run that is ended still finishes its update."""
        if self._one.acquire(timeout=seconds):
            self._one.release()


@dataclass(kw_only=True)
class Watched:
    """The moments of one training so far, by step.

    Several threads may read them: an ended run may still make its last figure when the next run begins.
    """

    learner: LiveTraining
    moments: list = field(default_factory=list)
    every: int = 1
    looked: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> tuple:
        """Add the present moment, once per update. Return the kept moments by step, at most MOMENTS."""
        with self.lock, self.learner.cores():
            now = self.learner.step
            while self.moments and self.moments[-1].step > now:  # it went back to its last good weights
                self.moments.pop()
            if not self.moments or self.moments[-1].step < now:
                self._add(now)
            return tuple(self.moments)

    def _add(self, step: int) -> None:
        self.looked += 1
        if len(self.moments) > 1 and (self.looked - 1) % self.every:  # it takes the place of the last one
            self.moments.pop()
        self.moments.append(self._moment(step))
        if len(self.moments) > MOMENTS:
            self.every *= 2
            del self.moments[1:-1:2]

    def _moment(self, step: int) -> Any:
        """The moment after `step` updates. It has an attribute `step`."""
        raise NotImplementedError


def follow(
    learner: LiveTraining,
    more: int,
    now: Callable[[str], F],
    whole: Callable[[], F],
    due: Callable[[Progress, float], bool],
) -> Iterator[F]:
    """Train until the planned updates are done, another run takes over, or no more figures are asked for.

    Args:
        more: the planned updates; if they are done already, as many again.
        now: the figure of the present moment, with a sentence on what went wrong, or "".
        whole: the figure at the end.
        due: whether a figure is due after an update, so many seconds after the last one.
    """
    end = learner.step + more if learner.step >= more else more
    learner.recipe = replace(learner.recipe, updates=end)
    yield now("")
    updates, last = learner.updates(), time.monotonic()
    try:
        for progress in updates:
            if progress.step >= end:
                break
            if due(progress, time.monotonic() - last):
                yield now("")
                last = time.monotonic()
        else:  # another run of it has taken over, and shows it
            return
    except Refused as e:
        yield now(str(e))
        raise
    finally:
        updates.close()
    yield whole()


class Trainings:
    """The latest trainings by id. The trainings unused for longest are dropped.

    Args:
        most: the largest total size.
        size: gives the size of one training; by default 1.
    """

    def __init__(self, most: float, size: Callable[[Any], float] = lambda learner: 1):
        self.most, self.size, self._lock = most, size, threading.Lock()
        self._kept: OrderedDict[str, Any] = OrderedDict()

    def add(self, learner: LiveTraining) -> None:
        """Remember a training."""
        with self._lock:
            self._kept[learner.id] = learner
            while len(self._kept) > 1 and sum(map(self.size, self._kept.values())) > self.most:
                self._kept.popitem(last=False)

    def get(self, key: object) -> Any:
        """The training with that id; None if there is none, or no longer."""
        with self._lock:
            if not isinstance(key, str) or key not in self._kept:
                return None
            self._kept.move_to_end(key)  # it is in use
            return self._kept[key]
