"""The common part of trainings with a budget in steps or minutes: the clock, and the loop that trains, saves and
checks."""

import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from core.diffusion.training import Progress


class Budgeted:
    """A run in a folder that goes on until its budget is used. It is resumed by its state there.

    A subclass sets `recipe`, `folder`, `step`, `seconds`, `curve` and `updates`, calls `start` once it is resumed, and
    has `progress`, `check` and `save`.

    Attributes:
        done: the used share of the budget, which decides the learning rate of the next update.
    """

    main = True  # whether this process shows progress, checks and saves
    done = 0.0
    updates: Iterator[Progress]

    @property
    def state_file(self) -> Path:
        """The file of the resumable state, outside the tracked files of the repository."""
        return self.folder / "state.safetensors"

    def clock(self) -> float:
        """Seconds of training so far, over all parts of the run."""
        return time.monotonic() - self.started

    def start(self) -> None:
        """Let the clock go on from the `seconds` before."""
        self.started = time.monotonic() - self.seconds

    def train(self, check_every: float, save_every: float, stop_after: int | None = None) -> None:
        """Run to the end of the budget, or for `stop_after` more steps; save and check by the clock (in seconds)."""
        saved = checked = time.monotonic()
        end = None if stop_after is None else self.step + stop_after
        total = self.recipe.steps or None
        with tqdm(total=total, initial=self.step, unit="step", mininterval=10, disable=not self.main) as bar:
            while self._goes_on() and self.step != end:
                progress = next(self.updates)
                self.step = progress.step
                bar.update()
                if self.main:
                    self.curve.add(progress)
                if self.main and self.curve.points:
                    bar.set_postfix(loss=f"{self.curve.points[-1][1]:.4f}", done=f"{self.done:.0%}", refresh=False)
                if self.main and time.monotonic() - checked > check_every:
                    self.check()
                    checked = time.monotonic()
                if self.main and time.monotonic() - saved > save_every:
                    self.save()
                    saved = time.monotonic()
        if self.main:
            self.check()
            self.save()

    def _goes_on(self) -> bool:
        """Whether budget is left."""
        self.done = self.progress()
        return self.done < 1
