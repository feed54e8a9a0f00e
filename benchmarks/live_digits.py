"""How well a network that learns digits live draws them after so many seconds, samples included:

python -m benchmarks.live_digits [--width 16] [--seconds 30 60 180] [--json FILE]
"""

import argparse
import copy
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from core.checks import whole
from core.diffusion.sampler_table import generate
from core.models.mnist import CLASSES
from core.runs.digit_data import from_mnist
from core.runs.digit_training import TRAININGS, DigitTraining
from core.runs.live_digits import read_rightly, train
from core.runs.live_digits_request import WIDTHS, TrainDigitsRequest

Clock = Callable[[], float]
WANTED = {30: 0.70, 60: 0.90, 180: 0.97}
"""Seconds -> the share of digits that our classifier reads as asked, at D = 16 on two idle cores."""
SAMPLER, STEPS, GUIDANCE = "euler", 20, 2.0
HELD_UP = 0.15
"""The most of the training's time that figures and samples may take."""


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; impossible requests are refused in one sentence."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--width", type=int, choices=WIDTHS, default=16)
    p.add_argument("--seconds", type=int, nargs="+", default=list(WANTED), help="when the network is judged")
    p.add_argument("--digits", type=int, default=100, help="digits behind every number, equally many of each class")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument(
        "--cpu", action="store_true", help="count the processor's seconds, as many of them as threads as one"
    )
    p.add_argument("--json", type=Path, help="a file for the numbers")
    args = p.parse_args(argv)
    try:
        whole(args.digits, CLASSES, 10_000, "--digits")
        for k in args.seconds:
            whole(k, 1, 3600, "--seconds")
    except ValueError as e:
        p.error(str(e))
    return args


def processor() -> float:
    """Seconds that all threads were at work at once: the time on a machine that does nothing else."""
    return time.process_time() / torch.get_num_threads()


def watched(
    r: TrainDigitsRequest, marks: Sequence[int], clock: Clock = time.perf_counter
) -> tuple[DigitTraining, list[tuple[float, int, dict]]]:
    """The training, run as the tab runs it until the last mark, and at each its (seconds, updates, averaged weights)."""
    begun, found, left = clock(), [], sorted(marks)
    for figure in train(r, "cpu"):
        seconds, learner = clock() - begun, TRAININGS.get(figure.run)
        while left and seconds >= left[0]:
            found.append((seconds, learner.step, copy.deepcopy(learner.average.shadow)))
            left.pop(0)
        if not left:
            break
    spent = clock() - begun  # a training that was done before the last mark
    return learner, [*found, *((spent, learner.step, copy.deepcopy(learner.average.shadow)) for _ in left)]


def rightly(learner: DigitTraining, weights: dict, digits: int, seed: int) -> float:
    """The share of digits that are read as asked, drawn with these weights."""
    learner.average.shadow = weights
    asked = [k % CLASSES for k in range(digits)]
    *_, last = generate(learner.denoiser(), asked, SAMPLER, STEPS, GUIDANCE, seed)
    return read_rightly(last.x_t.clamp(0, 1), asked)


def unwatched(r: TrainDigitsRequest, seconds: float, clock: Clock = time.perf_counter) -> float:
    """Updates a second when nobody looks."""
    learner, begun = DigitTraining(from_mnist(), r.recipe()), clock()
    for _ in learner.updates():
        if clock() - begun > seconds:
            break
    return learner.step / seconds


def main(argv: list[str] | None = None) -> None:
    """Measure and print; write a JSON file if one is named."""
    args = parse(argv)
    r = TrainDigitsRequest.checked(
        width=args.width, seed=args.seed, updates=20_000 if max(args.seconds) > 240 else 2000
    )
    clock = processor if args.cpu else time.perf_counter
    alone = unwatched(r, 10, clock)
    learner, marks = watched(r, args.seconds, clock)
    rows = [
        {"seconds": round(seconds, 1), "updates": step, "right": rightly(learner, weights, args.digits, args.seed)}
        for seconds, step, weights in marks
    ]
    speed = marks[-1][1] / marks[-1][0]
    found = {"width": args.width, "rows": rows, "held up": 1 - speed / alone, "updates a second, unwatched": alone}
    print(json.dumps(found, indent=2))
    for row, mark in zip(rows, sorted(args.seconds), strict=True):
        least = WANTED.get(mark) if args.width == 16 else None
        if least:
            print(
                f"{'ok  ' if row['right'] >= least else 'FAIL'} after {mark} s: {row['right']:.1%}, wanted {least:.0%}"
            )
    print(f"{'ok  ' if found['held up'] <= HELD_UP else 'FAIL'} held up: {found['held up']:.1%}, at most {HELD_UP:.0%}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
