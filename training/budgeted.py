"""What trainings with a budget in steps or minutes share: their clock, and the loop that trains, saves and checks."""

import time
from pathlib import Path

from tqdm import tqdm


class Budgeted:
    """A run in a folder that goes on until its budget is used. It is resumed by its state there.

    A subclass sets `recipe`, `folder`, `step`, `seconds` and `curve`, calls `start` once it is resumed, and has
    `progress`, `_train_step`, `check` and `save`.
    """

    main = True  # whether this process shows progress, checks and saves

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
            while (progress := self.progress()) < 1 and self.step != end:
                self._train_step(progress)
                bar.update()
                if self.main and self.curve:
                    bar.set_postfix(loss=f"{self.curve[-1][1]:.4f}", done=f"{progress:.0%}", refresh=False)
                if self.main and time.monotonic() - checked > check_every:
                    self.check()
                    checked = time.monotonic()
                if self.main and time.monotonic() - saved > save_every:
                    self.save()
                    saved = time.monotonic()
        if self.main:
            self.check()
            self.save()
