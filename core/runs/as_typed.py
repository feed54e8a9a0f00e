"""Draw pictures while a person types. The newest request wins, and other users of the network keep most of its time."""

import itertools
import time
from collections.abc import Callable, Iterator

from core.diffusion.denoiser import NETWORK_LOCK
from core.diffusion.samplers import Step
from core.locks import new_lock

SHARE = 0.3
"""The largest share of the network's time for all persons who type, while others use the network."""
SLICE = 0.02  # seconds of rest between two looks at whether a picture is still wanted


class Turns:
    """Draw one picture at a time, the newest request of each person.

    While another run uses the network, a rest follows every picture. All persons who type then take at most SHARE of
    the network's time together.

    Args:
        busy: whether somebody else is using the network; asked between the steps of a picture.
        clock, sleep: as in `time`.
    """

    def __init__(
        self,
        busy: Callable[[], bool] = NETWORK_LOCK.locked,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self.busy, self.clock, self.sleep = busy, clock, sleep
        self._tickets, self._newest, self._turn = itertools.count(), {}, new_lock()
        self._rest_until, self._usual = 0.0, float("inf")

    def draw(self, who: str, run: Callable[[], Iterator[Step]]) -> Step | None:
        """The last Step of a run; None if the same person asked for another picture meanwhile."""
        ticket = self._newest[who] = next(self._tickets)
        wanted = lambda: self._newest.get(who) == ticket  # noqa: E731
        try:
            with self._turn:
                self._rest(wanted)
                return self._drawn(run, wanted)
        finally:
            if wanted():
                del self._newest[who]

    def _rest(self, wanted: Callable[[], bool]) -> None:
        while wanted() and (left := self._rest_until - self.clock()) > 0:
            self.sleep(min(left, SLICE))

    def _drawn(self, run: Callable[[], Iterator[Step]], wanted: Callable[[], bool]) -> Step | None:
        """The last Step, or None if the picture is no longer wanted. Also sets the rest after this picture."""
        last, shared, started = None, False, self.clock()
        steps = run() if wanted() else iter(())
        while wanted():
            shared |= self.busy()
            step = next(steps, None)
            if step is None:
                break
            last = step
        took = self.clock() - started
        if not shared and last is not None and wanted():
            self._usual = min(self._usual, took)
        if shared:  # most of that time was another's; without others it takes the usual one
            self._rest_until = self.clock() + min(took, self._usual) * (1 - SHARE) / SHARE
        return last if wanted() else None


TURNS = Turns()
