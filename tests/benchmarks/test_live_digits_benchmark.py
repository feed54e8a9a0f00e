"""The benchmark of training digits live, on a network of the smallest width and digits of noise."""

import pytest
import torch

from benchmarks import live_digits
from benchmarks.live_digits import parse, rightly, watched
from core.runs import live_digits as runs
from core.runs.digit_data import DigitSet
from core.runs.live_digits_request import TrainDigitsRequest


@pytest.fixture
def noise(monkeypatch):
    """Digits of noise instead of MNIST."""
    g = torch.Generator().manual_seed(0)
    images = torch.randint(256, (64, 1, 28, 28), generator=g, dtype=torch.uint8)
    monkeypatch.setattr(runs, "mnist_is_here", lambda: True)
    monkeypatch.setattr(runs, "from_mnist", lambda: DigitSet(images, torch.arange(64) % 10, images[:10], "noise"))


@pytest.mark.slow
def test_a_training_is_judged_at_its_marks_or_at_its_end(noise, monkeypatch):
    r = TrainDigitsRequest.checked(width=8, batch=8, updates=100)
    learner, marks = watched(r, (1, 600))
    assert [step for _, step, _ in marks][-1] == 100 == learner.step and len(marks) == 2
    assert 1 <= marks[0][0] < 600 and marks[0][1] <= 100
    monkeypatch.setattr(live_digits, "STEPS", 2)
    assert 0 <= rightly(learner, marks[0][2], 10, 0) <= 1 and learner.average.shadow is marks[0][2]


def test_impossible_requests_are_refused_in_a_sentence(capsys):
    for argv, sentence in ((["--digits", "5"], "--digits must be"), (["--seconds", "0"], "--seconds must be")):
        with pytest.raises(SystemExit):
            parse(argv)
        assert sentence in capsys.readouterr().err
