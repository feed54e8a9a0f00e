"""Pictures while a person types: the newest wins, one at a time, and others at the network keep most of its time."""

import threading

import pytest
import torch

from core.diffusion.samplers import Step
from core.runs.as_typed import SHARE, Turns


class Clock:
    """A clock that its own steps and rests move on."""

    def __init__(self):
        self.now, self.rested = 0.0, 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.rested += seconds


def steps_of(clock: Clock, seconds: float = 0.1, n: int = 4, between=lambda i: None):
    """A run of n network calls that take that long together."""

    def run():
        for i in range(n):
            clock.now += seconds / n
            between(i)
            yield Step(i, n - 1, torch.zeros(1), torch.full((1,), float(i)), torch.zeros(1))

    return run


def test_a_picture_is_the_last_step_of_its_run():
    clock = Clock()
    turns = Turns(lambda: False, clock, clock.sleep)
    assert turns.draw("a", steps_of(clock)).x_t.item() == 3
    assert clock.rested == 0 and not turns._newest


def test_a_newer_request_of_the_same_person_ends_the_older_and_leaves_others_alone():
    clock, made = Clock(), []
    turns = Turns(lambda: False, clock, clock.sleep)

    def typed_on(i):
        made.append(i)
        if i == 1:
            turns._newest["a"] = 99

    assert turns.draw("a", steps_of(clock, between=typed_on)) is None and made == [0, 1]
    made.clear()
    assert turns.draw("b", steps_of(clock, between=typed_on)) is not None and len(made) == 4


def test_while_others_use_the_network_those_who_type_take_their_share_at_most():
    clock, busy = Clock(), False
    turns = Turns(lambda: busy, clock, clock.sleep)
    turns.draw("a", steps_of(clock, 0.1))  # alone: what a picture takes
    busy, began, rested = True, clock.now, clock.rested
    for k in range(20):
        turns.draw("ab"[k % 2], steps_of(clock, 0.4))  # longer, as most of it is the others' time
    own = 20 * 0.1
    assert own / (own + clock.rested - rested) <= SHARE * 1.1 and clock.now > began


def test_alone_nobody_rests():
    clock = Clock()
    turns = Turns(lambda: False, clock, clock.sleep)
    for _ in range(10):
        turns.draw("a", steps_of(clock))
    assert clock.rested == 0


def test_one_picture_at_a_time():
    turns, inside, most = Turns(lambda: False), [], []

    def run():
        inside.append(1)
        most.append(len(inside))
        yield Step(0, 0, torch.zeros(1), torch.zeros(1), torch.zeros(1))
        inside.pop()

    threads = [threading.Thread(target=turns.draw, args=(str(k), run)) for k in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert max(most) == 1 and len(most) == 6


def test_a_failure_does_not_block_the_next_picture():
    clock = Clock()
    turns = Turns(lambda: False, clock, clock.sleep)

    def broken():
        raise RuntimeError("no")
        yield

    with pytest.raises(RuntimeError):
        turns.draw("a", broken)
    assert turns.draw("a", steps_of(clock)) is not None
