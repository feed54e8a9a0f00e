"""A network that learns digits live: the loss falls, pausing changes nothing, what is shown of it, and bad input."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest
import torch
from learners import bars, same, updated, weights

from core.checks import ModelError, Refused
from core.datasets.mnist import DAMAGED, mnist
from core.diffusion.schedule import Schedule
from core.models.first_weights import begun
from core.models.mnist import Digits, SingleStep
from core.models.mnist_unet import UNet
from core.runs import digit_data, live_digits
from core.runs.digit_curves import POINTS, charts, laid_over, loss_line
from core.runs.digit_data import Drawing, fetch_mnist, from_mnist, mnist_is_here, one_of_each
from core.runs.digit_training import TRAININGS, DigitRecipe, DigitTraining
from core.runs.live_digits import (
    WatchedDigits,
    learner_of,
    one_update,
    request_of,
    retuned,
    train,
    trained_so_far,
)  # fmt: skip
from core.runs.live_digits_request import TrainDigitsRequest, runs_of
from core.runs.live_training import Trainings

R = TrainDigitsRequest.checked(width=8, batch=8, updates=100)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Bars instead of MNIST, and few samples, whose classes nobody reads."""
    monkeypatch.setattr(live_digits, "mnist_is_here", lambda: True)
    monkeypatch.setattr(live_digits, "from_mnist", bars)
    monkeypatch.setattr(live_digits, "SHOWN_WITH", {"flow": ("euler", 2, 2.0), "ddpm": ("ddim", 2, 2.5)})
    monkeypatch.setattr(live_digits, "EACH", 1)
    monkeypatch.setattr(live_digits, "read_rightly", lambda x, asked: 0.5)


@pytest.fixture
def often(monkeypatch):
    """A figure with new samples after every update."""
    monkeypatch.setattr(live_digits, "SHOWN_EVERY", -1)
    monkeypatch.setattr(live_digits, "SAMPLES_EVERY", -1)
    monkeypatch.setattr(live_digits, "HELD_UP", 1e9)


def training(**change) -> DigitTraining:
    return DigitTraining(bars(), dataclasses.replace(R.recipe(), **change))


# ---- learning ----


@pytest.mark.parametrize("objective", ["flow", "ddpm", "denoiser"])
@pytest.mark.parametrize("by_class", [True, False])
def test_two_updates_lower_the_loss(objective, by_class):
    this = training(objective=objective, by_class=by_class, batch=32)
    with torch.no_grad():
        before = this.loss(10_000)
    updated(this, 2)
    with torch.no_grad():
        assert this.loss(10_000) < before


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["flow", "ddpm", "denoiser"])
def test_a_training_that_was_paused_goes_on_bit_for_bit_as_if_it_never_had_been(objective):
    whole, parts = updated(training(objective=objective), 14), training(objective=objective)
    for n in (3, 1, 0, 10):
        updated(parts, n)
    assert parts.step == whole.step == 14 and same(weights(parts), weights(whole))
    assert parts.curve.points == whole.curve.points and len(whole.curve.points) == 2


@pytest.mark.slow
def test_the_seed_makes_the_first_weights_and_the_batches():
    first, again, other = (updated(training(seed=seed), 2) for seed in (1, 1, 2))
    assert same(weights(first), weights(again)) and not same(weights(first), weights(other))


def test_the_rate_falls_in_a_straight_line_to_a_tenth_and_stays():
    this = training(rate=0.1, updates=100)
    assert [this.rate(k) for k in (0, 50, 100, 5000)] == pytest.approx([0.1, 0.055, 0.01, 0.01])


def test_first_weights_are_distributed_as_torch_s_own_and_leave_the_common_numbers_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    ours = begun(lambda: UNet(16, True, 10), torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)
    theirs = UNet(16, True, 10)
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if a.numel() > 500:
            assert a.std().item() == pytest.approx(b.std().item(), rel=0.15), name
            assert a.abs().max().item() == pytest.approx(b.abs().max().item(), rel=0.05), name


def test_a_rate_without_bounds_diverges_in_one_sentence_and_nothing_is_lost():
    this = training(rate=1e30)
    before = weights(this)
    with pytest.raises(Refused, match=r"no longer finite at update \d+: lower the learning rate"):
        updated(this, 100)
    after = weights(this)
    assert this.step == 0 and all(torch.equal(before[k], after[k]) for k in before)


@pytest.mark.slow
def test_what_is_served_stays_while_the_training_goes_on():
    this = updated(training(), 2)
    model = this.denoiser()
    before = {k: v.clone() for k, v in model.net.state_dict().items()}
    updated(this, 2)
    assert same(model.net.state_dict(), before)
    assert isinstance(model, Digits) and isinstance(training(objective="denoiser").denoiser(), SingleStep)


def test_a_ddpm_of_another_length_is_told_and_drawn_on_its_own_path():
    model = training(objective="ddpm", T=100).denoiser()
    assert model.schedule.T == 100 and torch.equal(model.schedule.a, Schedule.linear(100).a)
    seen = []
    model.net.forward = lambda x, t, c: seen.append(t) or x
    model.predict(torch.zeros(2, 1, 28, 28), torch.tensor([0, 99]), model.encode([1, 2]))
    assert seen[0].tolist() == pytest.approx([0.01, 1.0])


# ---- what people see ----


def in_page(figure, **change) -> TrainDigitsRequest:
    """The next request of the page that this figure went to."""
    return dataclasses.replace(R, training=figure.run, **change)


def step_of(figure) -> int:
    return int(figure.labels[-1].split(" · ")[0].removeprefix("update ").replace(",", ""))


@pytest.mark.slow
def test_training_shows_its_samples_from_the_same_noise_and_ends_with_all_moments(often):
    figures = list(train(dataclasses.replace(R, updates=12), "cpu"))
    steps = [step_of(f) for f in figures]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 12
    assert all(f.live and f.fraction is not None and len(f.pictures) == 1 for f in figures[:-1])
    end = figures[-1]
    assert end.fraction is None and end.at == len(end.labels) - 1 == 12 and len({f.run for f in figures}) == 1
    assert [p.shape for p in end.pictures] == [(10, 28, 28, 1)] * 13
    assert not np.array_equal(end.pictures[0], end.pictures[-1])
    assert "12 updates · 96 pictures" in end.status and "read as asked" in end.status
    assert [c.title for c in end.charts] == ["Loss", "Samples read as asked"]
    assert end.charts[0].lines[0].x == [0.04, 0.08] and end.charts[1].lines[0].y == [50.0] * 13
    assert "It learns from bars." in end.caption and "seed 0" in end.caption


@pytest.mark.slow
def test_pause_keeps_everything_and_start_goes_on_where_it_stopped(often):
    first = train(R, "cpu")
    *_, shown = itertools.islice(first, 6)
    first.close()
    (scrub,) = trained_so_far(in_page(shown))
    assert step_of(scrub) == step_of(shown) > 0 and len(scrub.pictures) == len(scrub.labels) > 3
    going_on = train(in_page(shown), "cpu")
    assert step_of(next(going_on)) == step_of(shown)
    *_, later = itertools.islice(going_on, 3)
    going_on.close()
    assert step_of(later) > step_of(shown) and later.run == shown.run
    straight = updated(DigitTraining(bars(), R.recipe()), TRAININGS.get(later.run).step)
    assert same(weights(straight), weights(TRAININGS.get(later.run)))


def test_one_update_is_one():
    (figure,) = one_update(R, "cpu")
    (second,) = one_update(in_page(figure), "cpu")
    assert (step_of(figure), step_of(second)) == (1, 2) and second.fraction is None and second.run == figure.run


@pytest.mark.parametrize(
    "change",
    [{"objective": "ddpm"}, {"told": "none"}, {"width": 16}, {"seed": 1}, {"batch": 16}, {"data": "drawn"}, {"T": 100}],
)
def test_another_network_begins_anew_and_ends_the_first(change):
    (figure,) = one_update(R, "cpu")
    first = TRAININGS.get(figure.run)
    under_way = first.updates()
    next(under_way)
    other = learner_of(in_page(figure, **change), "cpu")
    assert other.id != figure.run and other.step == 0 and list(under_way) == []
    assert first.step == 2, "it is kept as it was"


def test_the_rate_may_change_on_the_way():
    (figure,) = one_update(R, "cpu")
    retuned(in_page(figure, rate=0.1, p_uncond=0.5))
    learner = TRAININGS.get(figure.run)
    assert (learner.recipe.rate, learner.recipe.p_uncond) == (0.1, 0.5)
    assert learner_of(in_page(figure, rate=0.2, updates=300), "cpu") is learner and learner.recipe.rate == 0.2
    retuned(R)  # nothing is trained: nothing happens


def test_a_denoiser_shows_the_digit_the_noise_and_its_answer(often):
    (figure,) = one_update(dataclasses.replace(R, objective="denoiser"), "cpu")
    (pictures,) = figure.pictures
    assert pictures.shape == (30, 28, 28, 1) and figure.down == ("original", "σ = 0.5", "denoised")
    assert np.array_equal(pictures[:10, ..., 0], bars().held[:, 0].numpy())
    assert [len(c.lines) for c in figure.charts] == [1, 0] and "as asked" not in figure.status


@pytest.mark.slow
def test_curves_of_several_runs_lie_over_one_another():
    first, second = (next(one_update(dataclasses.replace(R, seed=seed), "cpu")).run for seed in (1, 2))
    for run in (first, second):
        updated(TRAININGS.get(run), 9)
    both = laid_over(TRAININGS.get(second), runs_of(f"{first} gone {second}"))
    assert [t.id for t in both] == [first, second]
    loss, right = charts(both)
    assert [line.name.split(":")[0] for line in loss.lines] == ["1", "2"] and len(right.lines) == 2
    assert [t.id for t in laid_over(TRAININGS.get(second), ())] == [second]


def test_a_long_curve_has_few_points_each_the_mean_of_its_stretch():
    this = training()
    this.curve.points = [[5 * k, float(k)] for k in range(1, 1001)]
    line = loss_line(this, "x")
    assert len(line.x) <= POINTS and line.y[0] == np.mean([1, 2, 3, 4, 5, 6, 7]) and line.x[-1] == 5000 * 8 / 1000


def test_samples_hold_the_training_up_by_little(monkeypatch):
    """Samples that take a second come no sooner than what they took, over HELD_UP, has passed."""
    clock = [0.0]
    monkeypatch.setattr(live_digits.time, "monotonic", lambda: clock[0])
    seen = WatchedDigits(learner=training(), seed=0)
    monkeypatch.setattr(seen, "look", lambda: clock.__setitem__(0, clock[0] + 1.0) or ("a", "b"))
    seen.moments, drawn = ["a"], 0
    while clock[0] < 200:
        drawn += seen.glance() == ("a", "b")
        clock[0] += 0.25
    assert 15 < drawn <= 0.15 * 200


def test_a_second_page_that_trains_the_same_network_takes_it_over(often):
    first, ended = train(R, "cpu"), []
    shown = next(first)
    thread = threading.Thread(target=lambda: ended.extend(first))
    thread.start()
    while TRAININGS.get(shown.run).step < 1:
        time.sleep(0.01)
    second = train(in_page(shown), "cpu")
    assert next(second).run == shown.run and next(second).run == shown.run
    thread.join(30)
    assert not thread.is_alive() and all(f.live for f in ended)
    second.close()


# ---- bad input ----


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"rate": 1e9}, "The learning rate must be a number from 0.0001 to 1"),
        ({"rate": float("nan")}, "The learning rate must be"),
        ({"batch": 1}, "The batch must be a whole number from 8 to 256"),
        ({"width": 1000}, "The width D must be one of 8, 16, 32, 64"),
        ({"width": "x"}, "The width D must be one of"),
        ({"objective": "gan"}, "What learns must be one of"),
        ({"updates": 10**9}, "The number of updates must be"),
        ({"p_uncond": 2}, "p_uncond must be a number from 0 to 1"),
        ({"T": 1}, "T must be a whole number from 100 to 1000"),
        ({"seed": -1}, "The seed must be"),
    ],
)
def test_bad_input_is_one_sentence(values, sentence):
    with pytest.raises(Refused, match=sentence):
        TrainDigitsRequest.checked(**values)


@pytest.mark.parametrize("value", [None, 3, {"a": 1}, [3, None], "", "gone"])
def test_ids_that_are_none_have_no_curves(value):
    r = TrainDigitsRequest.checked(beside=value, training=value)
    assert list(trained_so_far(r)) == [] and [t for t in map(TRAININGS.get, r.beside) if t] == []


def test_a_saved_picture_names_no_network():
    assert dataclasses.replace(R, training="a", beside=("b",)).settings() | {"x": 0} == R.settings() | {"x": 0}


def test_the_widths_are_what_the_page_and_a_program_send():
    assert TrainDigitsRequest.checked(width="32").width == TrainDigitsRequest.checked(width=32.0).width == 32


def test_stop_in_the_first_update_leaves_nothing_behind():
    before = threading.active_count()
    first = train(R, "cpu")
    shown = next(first)
    first.close()
    assert TRAININGS.get(shown.run).step == 0 and threading.active_count() == before
    (again,) = one_update(in_page(shown), "cpu")
    assert step_of(again) == 1


# ---- digits to learn from ----


def damaged(folder):
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\x00\x00\x08\x03damaged")


def test_a_broken_data_folder_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFUSION_DATA", str(tmp_path))
    assert not mnist_is_here()
    with pytest.raises(Refused, match="MNIST is not here: download it, or learn from the drawn digits"):
        from_mnist()
    damaged(tmp_path)
    assert mnist_is_here()
    with pytest.raises(Refused, match=DAMAGED):
        from_mnist()
    with pytest.raises(ValueError, match=DAMAGED):
        mnist(True)


@pytest.mark.parametrize(
    "failure, sentence",
    [
        (
            RuntimeError("Error downloading train-images-idx3-ubyte.gz"),
            "MNIST could not be downloaded: this machine has no",
        ),
        (ConnectionResetError(104, "reset"), "MNIST could not be downloaded"),
        (PermissionError(13, "denied"), "The data folder cannot be written to"),
        (OSError(30, "Read-only file system"), "The data folder cannot be written to"),
    ],
)
def test_a_download_that_fails_is_one_sentence(failure, sentence, monkeypatch):
    monkeypatch.setattr(digit_data, "download", lambda: (_ for _ in ()).throw(failure))
    with pytest.raises(Refused, match=sentence):
        fetch_mnist()


def test_a_full_disk_is_told_as_everywhere(monkeypatch):
    from tabs.mnist import live

    full = OSError(28, "No space left on device")
    monkeypatch.setattr(digit_data, "download", lambda: (_ for _ in ()).throw(full))
    told = live.fetch()
    next(told)
    with pytest.raises(Exception, match="The disk of the machine that runs this app is full"):
        list(told)


def test_the_request_of_a_training_makes_it_anew():
    r = dataclasses.replace(R, objective="ddpm", told="none", T=500, rate=0.01, p_uncond=0.3, data="drawn", seed=3)
    assert request_of(learner_of(r, "cpu")) == r


def test_one_of_each_is_the_first_of_its_class():
    labels = torch.tensor([*range(9, -1, -1), 3])
    images = torch.arange(11).view(-1, 1, 1, 1).expand(-1, 1, 28, 28)
    assert one_of_each(images, labels)[:, 0, 0, 0].tolist() == list(range(9, -1, -1))


@pytest.mark.slow
def test_without_mnist_our_own_model_draws_digits_once_and_says_so(monkeypatch):
    drawing = Drawing(count=40)
    monkeypatch.setattr(digit_data, "DRAWS_AT_ONCE", 20)
    monkeypatch.setattr(live_digits, "DRAWING", drawing)
    monkeypatch.setattr(live_digits, "mnist_is_here", lambda: False)
    figures = list(train(dataclasses.replace(R, updates=2), "cpu"))
    assert "our own flow model drew" in figures[-1].caption and "30 digits" in figures[-1].caption
    made = drawing.wait(0)
    assert made.images.shape == (30, 1, 28, 28) and made.held.shape == (10, 1, 28, 28)
    assert drawing.wait(0) is made and not drawing._thread.is_alive()
    x = made.images.float() / 255
    named, _ = live_digits.judge(live_digits.load("classifier", "cpu"), x)
    assert (named == made.labels).float().mean() > 0.9, "they are the digits that were asked for"


def test_a_failure_while_drawing_is_told_and_the_next_start_tries_again(monkeypatch):
    drawing = Drawing(count=20)

    def missing(name, device):
        raise ModelError("The model flow-class-fast is not here.")

    with monkeypatch.context() as patch:
        patch.setattr(digit_data, "load", missing)
        with pytest.raises(ModelError, match="not here"):
            drawing.wait(10)
    drawing.begin()
    assert drawing.wait(60) is not None


def test_an_unforeseen_failure_while_drawing_ends_the_wait_whenever_it_comes(monkeypatch):
    drawing, tries = Drawing(count=20), []

    def broken(name, device):
        tries.append(name)
        raise ValueError("unforeseen")

    monkeypatch.setattr(digit_data, "load", broken)
    monkeypatch.setattr(live_digits, "DRAWING", drawing)
    monkeypatch.setattr(live_digits, "mnist_is_here", lambda: False)
    drawing.begin()
    drawing._thread.join()  # it fails while nobody waits
    with pytest.raises(ValueError, match="unforeseen"):
        drawing.wait(10)
    assert len(tries) == 1, "to wait is not to try again"
    with pytest.raises(ValueError, match="unforeseen"):
        list(train(R, "cpu"))
    assert len(tries) == 2, "Start tries anew"


def test_trainings_are_dropped_by_their_size_first_come_first():
    made = [training() for _ in range(3)]
    kept = Trainings(2.5 * made[0].numbers, lambda learner: learner.numbers)
    for this in made:
        kept.add(this)
    assert [kept.get(this.id) is this for this in made] == [False, True, True]
    large = training(width=64)
    kept.add(large)
    assert kept.get(large.id) is large and kept.get(made[2].id) is None, "the newest stays, however large it is"


def test_a_recipe_s_architecture_is_what_a_card_says():
    assert DigitRecipe(objective="ddpm", T=100).architecture() == {
        "objective": "ddpm", "hidden": 16, "time": True, "classes": 10, "T": 100,
    }  # fmt: skip
    assert DigitRecipe(objective="denoiser").architecture()["classes"] == 0
