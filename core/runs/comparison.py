"""The recording of a run of Forward & denoise: the Steps of its iterative runs and the estimates beside them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from core.checks import Refused
from core.diffusion.samplers import Step
from core.pictures.images import to_uint8
from core.runs.denoise import BY_NETWORK, Beside, Denoising, Estimate
from core.runs.frame import Frame
from core.runs.licence import observe
from core.runs.recording import UNCHECKED, Recording


@dataclass
class Comparison(Recording):
    """A Recording of the iterative runs and the estimates they are compared with.

    Args:
        beside: the estimates that take no iterative run, so far.
        iterated: the estimates of the iterative runs, so far.
        states: the states of the longest run at the shown steps, so far, (64, 64, 3) uint8 each.
        i: the number of iterative steps done; -1 before the first estimate.
        started, iterating: the start times in seconds, of all and of the iterative steps, from `time.monotonic`.
    """

    plan: Denoising
    beside: Beside = field(default_factory=Beside)
    iterated: tuple[Estimate, ...] = ()
    states: tuple[np.ndarray, ...] = ()
    i: int = -1
    started: float = field(default_factory=time.monotonic)
    iterating: float = 0.0

    @property
    def n(self) -> int:
        """The total number of iterative steps."""
        return max(self.plan.lengths)

    @property
    def found(self) -> tuple[Estimate, ...]:
        """The estimates at the levels, so far."""
        return *self.beside.quick, *self.iterated[: len(self.plan.request.levels)]

    @property
    def curve(self) -> tuple[Estimate, ...]:
        """The estimates of the chart; none before the end."""
        return (*self.beside.curve, *self.iterated) if self.beside.curve else ()

    @property
    def begun(self) -> bool:
        return True

    @property
    def nbytes(self) -> int:
        ladder = () if self.beside.ladder is None else (self.beside.ladder,)
        estimates = (*self.beside.quick, *self.beside.curve, *self.iterated)
        pictures = (*self.plan.inputs.values(), *ladder, *self.states, *(e.pixels for e in estimates))
        return super().nbytes + sum(p.nbytes for p in pictures)

    def follow(self, steps: Iterable[Step | Beside]) -> Iterator[Step | Beside]:
        """Pass on what `Denoising.compare` yields; keep it, and the time it took."""
        for step in steps:
            with self.lock:
                if self.notes is None:
                    self._take(step)
            yield step
        with self.lock:
            if self.notes is None:
                self.took = time.monotonic() - self.started

    def _take(self, step: Step | Beside) -> None:
        if isinstance(step, Beside):
            self.beside = step
            return
        if step.i == 0:
            self.iterating = time.monotonic()
        self.i, self.iterated = step.i, tuple(self.plan.iterated(step))
        if step.i in self.plan.request.shown:
            longest = self.plan.request.longest
            self.states = (*self.states, to_uint8(step.x_t[longest, None], *self.plan.RANGE)[0])
        frame = self.frame(step)  # the latest, whose timesteps the status tells
        if self.keeps(step.i, step.n):
            self.frames.append(frame)

    def check(self) -> None:
        """Check the network's pictures once, as DeepFloyd's licence requires; see `core.runs.licence`."""
        with self.lock:
            if self.notes is None:
                self.notes = self._checked()

    def _checked(self) -> tuple[str, ...]:
        """Check the look inside and, separately, every picture of the figures; a sentence for each kind of finding."""
        ours = [e.pixels for e in self.found if e.method in BY_NETWORK]
        if not ours:
            return ()
        observe(Recording(self.plan, frames=self.frames), self.plan.model)
        pictures = np.stack([*ours, *self.states])
        figures = Recording(self.plan, frames=[Frame(self.i, self.n, -1, pictures.copy(), pictures)])
        said = [note.partition(": ")[2] for note in observe(figures, self.plan.model)]
        left = iter(figures.result)
        found = tuple(replace(e, pixels=next(left)) if e.method in BY_NETWORK else e for e in self.found)
        quick = len(self.beside.quick)
        self.beside = replace(self.beside, quick=found[:quick])
        self.iterated = (*found[quick:], *self.iterated[len(found) - quick :])
        self.states = tuple(left)
        return tuple(f"Grey: {sentence}" for sentence in dict.fromkeys(said))

    def chosen(self, name: object) -> np.ndarray:
        """The picture with that name, (64, 64, 3) uint8.

        Raises:
            Refused: there is none, or it is withheld until the check.
        """
        if self.withheld and self.notes is None:
            raise Refused(UNCHECKED)
        for e in self.found:
            if e.name == name:
                return e.pixels
        raise Refused("Choose one of the pictures of this run.")
