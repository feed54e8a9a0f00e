"""Keep a run in uint8, to scrub, save and send it without another network call."""

import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from core.checks import Refused
from core.diffusion.samplers import Step
from core.runs.frame import Frame
from core.runs.plan import Plan

MAX_FRAMES = 61
FEW = 8
"""A picture with at most FEW steps keeps all of them, even beside pictures with many more."""
UNCHECKED = "These pictures are still to be checked: wait for the end of the run, or press Stop."


@dataclass
class Recording:
    """A run's plan and its kept frames: at most MAX_FRAMES, evenly spaced, always with the first and the last, and
    the first FEW steps where a picture has no more.

    Args:
        plan: the plan of the run.
        notes: sentences on the pictures by the licence check, see `core.runs.licence`, and by a classifier. None until
            the check; after it no frame is kept, since the step that still runs after Stop has unchecked pictures.
        withheld: whether the result is withheld until the check.
        took: the seconds of the whole run; None before its end and after Stop.
        lock: held while a frame is kept, and while the pictures are checked.
    """

    plan: Plan
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    frames: list[Frame] = field(default_factory=list)
    latest: Frame | None = None
    notes: tuple[str, ...] | None = None
    withheld: bool = False
    took: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def follow(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Pass the Steps on and keep their frames."""
        few = max((n for n in self.plan.lengths if n <= FEW), default=0)
        for step in steps:
            if step.i <= few or self.keeps(step.i, step.n):
                self.keep(self.frame(step))
            yield step

    def keep(self, frame: Frame) -> None:
        """Add a frame, unless the pictures are already checked."""
        with self.lock:
            if self.notes is None:
                self.frames.append(frame)

    def frame(self, step: Step) -> Frame:
        """A Step as a frame, whether it is kept or not."""
        if self.latest is None or self.latest.i != step.i:
            self.latest = Frame.of(step, *self.plan.RANGE, self.plan.RANGES, len(set(self.plan.lengths)) > 1)
        return self.latest

    def own(self, k: int) -> list[Frame]:
        """The frames of picture k's own run; it ends with its result even if others take more steps."""
        if not self.frames[0].each:
            return self.frames
        n = self.plan.lengths[k]
        frames = [frame.own(k, n) for frame in self.frames]
        return [f for f in frames if f.i < n] + [f for f in frames if f.i == n][:1]

    @staticmethod
    def keeps(i: int, n: int) -> bool:
        """Whether step i of n is kept."""
        k = min(n, MAX_FRAMES - 1)
        return round(round(i * k / n) * n / k) == i

    def blank(self, k: int, shade: int = 128) -> None:
        """Make picture k an even grey in every kept frame."""
        for frame in self.frames:
            for pixels in (frame.x_t, frame.x_0, *frame.parts.values()):
                pixels[k] = shade

    @property
    def settings(self) -> dict:
        """The settings that its saved pictures carry."""
        return self.plan.settings()

    @property
    def nbytes(self) -> int:
        """The bytes of its frames so far."""
        return sum(frame.nbytes for frame in self.frames)

    @property
    def begun(self) -> bool:
        """Whether it has a frame yet."""
        return bool(self.frames)

    @property
    def done(self) -> bool:
        """Whether the run reached its end."""
        return bool(self.frames) and self.frames[-1].i == self.frames[-1].n

    @property
    def result(self) -> np.ndarray:
        """(B, H, W, C) uint8: the result, or the last clean estimate of a stopped run.

        Raises:
            Refused: it is withheld until the check.
        """
        if self.withheld and self.notes is None:
            raise Refused(UNCHECKED)
        return self.frames[-1].x_0

    @property
    def under(self) -> Sequence[str]:
        """The text under each picture of the result, see `core.runs.plan.Plan.under`; empty before the end."""
        known = self.done and not (self.withheld and self.notes is None)
        return self.plan.under(self.result) if known else ()
