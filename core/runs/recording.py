"""Keep what a run did, in uint8, so that it can be scrubbed, saved and sent on without another network call."""

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.checks import Refused
from core.diffusion.samplers import Step
from core.pictures.images import to_uint8

MAX_FRAMES = 61
UNCHECKED = "These pictures are still to be checked: wait for the end of the run, or press Stop."


@dataclass(frozen=True)
class Frame:
    """One kept Step: x_t, x_0 and the parts are (B, H, W, C) uint8; t = -1 marks the result.

    Noise estimates, the parts, are shown from -3 to 3. Where the pictures take different numbers of steps, t is the
    largest timestep, and `each` has every picture's own, -1 for one that is done.
    """

    i: int
    n: int
    t: int
    x_t: np.ndarray
    x_0: np.ndarray
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    each: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """The memory that its pictures take."""
        return sum(p.nbytes for p in (self.x_t, self.x_0, *self.parts.values()))


@dataclass
class Recording:
    """A run's settings and its kept frames, at most MAX_FRAMES spread evenly, the first and last always among them.

    Args:
        lengths: how many steps each picture takes; where these differ, frames have every picture's timestep. Empty where
            all take those of the run.
        notes: what the model's maker says of the pictures, see `core.runs.licence`, and a classifier; None until asked. From
            then on nothing more is kept: after Stop the step under way still computes, and its pictures nobody has checked.
        withheld: whether there is no result before that.
        took: the seconds until its end; None before, and where it was stopped.
        lock: held while a frame is kept, and while the pictures are checked.
    """

    settings: dict
    low: float = 0.0
    high: float = 1.0
    lengths: Sequence[int] = ()
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    frames: list[Frame] = field(default_factory=list)
    latest: Frame | None = None
    notes: tuple[str, ...] | None = None
    withheld: bool = False
    took: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Pass the Steps on, keeping frames on the way."""
        for step in steps:
            if self.keeps(step.i, step.n):
                self.keep(self.frame(step))
            yield step

    def keep(self, frame: Frame) -> None:
        """Add a frame, unless the pictures were checked already."""
        with self.lock:
            if self.notes is None:
                self.frames.append(frame)

    def frame(self, step: Step) -> Frame:
        """A Step as a frame, whether it is kept or not."""
        if self.latest is None or self.latest.i != step.i:
            x_t, x_0 = (to_uint8(x, self.low, self.high) for x in (step.x_t, step.x_0))
            parts = {name: to_uint8(eps, -3, 3) for name, eps in step.parts.items()}
            each = tuple(step.t.tolist()) if len(set(self.lengths)) > 1 else ()
            self.latest = Frame(step.i, step.n, int(step.t.max()), x_t, x_0, parts, each)
        return self.latest

    def own(self, k: int) -> list[Frame]:
        """The frames as those of picture k's own run, which ends with its result where others take more steps."""
        if not self.frames[0].each:
            return self.frames
        n = self.lengths[k]
        frames = [replace(f, i=min(f.i, n), n=n, t=f.each[k], each=()) for f in self.frames]
        return [f for f in frames if f.i < n] + [f for f in frames if f.i == n][:1]

    @staticmethod
    def keeps(i: int, n: int) -> bool:
        """Whether step i of n is one of those that are kept."""
        k = min(n, MAX_FRAMES - 1)
        return round(round(i * k / n) * n / k) == i

    def blank(self, k: int, shade: int = 128) -> None:
        """Make picture k an even grey in every kept frame."""
        for frame in self.frames:
            for pixels in (frame.x_t, frame.x_0, *frame.parts.values()):
                pixels[k] = shade

    @property
    def nbytes(self) -> int:
        """The memory that its frames take by now."""
        return sum(frame.nbytes for frame in self.frames)

    @property
    def done(self) -> bool:
        """Whether the run reached its end."""
        return bool(self.frames) and self.frames[-1].i == self.frames[-1].n

    @property
    def result(self) -> np.ndarray:
        """(B, H, W, C) uint8: the result, or the last clean estimate of a run that was stopped.

        Raises:
            Refused: it is withheld until it is checked.
        """
        if self.withheld and self.notes is None:
            raise Refused(UNCHECKED)
        return self.frames[-1].x_0
