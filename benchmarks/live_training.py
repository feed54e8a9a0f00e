"""What Train it live reaches, and when:  python -m benchmarks.live_training

Trains with the first settings, samples shown as in the page, and at 30, 60, 120 and 180 s draws 100 digits, Euler, 20
steps, w = 2, which our classifier reads; the clock stands still meanwhile. Needs MNIST (DIFFUSION_DATA) and two idle cores;
where they are not idle, the updates and the processor's seconds tell how far two idle ones would have come.
"""

import argparse
import time

import torch

from core.diffusion.sampler_table import generate
from core.runs import live_digits
from core.runs.digit_training import TRAININGS, DigitTraining
from core.runs.live_digits import TrainDigitsRequest, read_rightly, train

MARKS = (30, 60, 120, 180)
JUDGED = 100


def right(learner: DigitTraining) -> float:
    """The share of JUDGED digits that our classifier reads as asked."""
    asked = [k % 10 for k in range(JUDGED)]
    *_, last = generate(learner.denoiser(), asked, "euler", 20, 2.0, 180)
    return read_rightly(last.x_t.clamp(0, 1), asked)


def main(argv: list[str] | None = None) -> None:
    """Print a line at each mark."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--width", default=16, type=int)
    p.add_argument("--cpu", action="store_true", help="count the processor's seconds, two of them as one")
    args = p.parse_args(argv)
    clock = (lambda: time.process_time() / torch.get_num_threads()) if args.cpu else time.monotonic
    looking, look = [0.0], live_digits.WatchedDigits.look

    def timed(seen: live_digits.WatchedDigits) -> tuple:
        started = clock()
        found = look(seen)
        looking[0] += clock() - started
        return found

    live_digits.WatchedDigits.look = timed
    marks, judging, started = list(MARKS), 0.0, clock()
    for figure in train(TrainDigitsRequest.checked(width=args.width), "cpu"):
        learner, now = TRAININGS.get(figure.run), clock() - started - judging
        if now < marks[0]:
            continue
        before = clock()
        share = right(learner)
        judging += clock() - before
        print(
            f"{now:.0f} s: update {learner.step:,}, {learner.seen:,} pictures, {share:.1%} of {JUDGED} digits read as asked; "
            f"{len(learner.watched.moments)} times samples, {looking[0] / now:.1%} of the time",
            flush=True,
        )
        if not marks[1:]:
            return
        del marks[0]


if __name__ == "__main__":
    main()
