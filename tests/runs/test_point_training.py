"""A network that learns points live: pauses, divergence, what is kept of it, and that it learns."""

import dataclasses
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from learners import same, updated, weights

from core.checks import Refused
from core.diffusion.distances import energy_distance
from core.diffusion.noise import generator, randn
from core.diffusion.point_sets import POINT_SETS, gaussians
from core.diffusion.samplers import heun
from core.diffusion.schedule import Schedule
from core.diffusion.visits import visits_together
from core.runs import live_training, plane_training
from core.runs.live_training import MOMENTS, Trainings
from core.runs.plane_training import one_update, train, trained_so_far
from core.runs.point_training import TRAININGS, WEAKER_AFTER, PointRecipe, PointTraining, trained_classifier
from core.runs.score_field import ScoreFieldRequest

SMALL = PointRecipe(Schedule.flow(100), width=16, depth=2, batch=32, updates=200)


def training(**change) -> PointTraining:
    """A small one of three Gaussians."""
    return PointTraining(gaussians(3), dataclasses.replace(SMALL, **change))


# ---- pausing ----


@pytest.mark.parametrize("target", ["v", "eps", "x_0", "u"])
def test_a_training_that_was_paused_goes_on_as_if_it_never_had_been(target):
    whole, parts = updated(training(target=target), 25), training(target=target)
    for n in (7, 1, 0, 17):
        updated(parts, n)
    assert parts.step == whole.step == 25 and same(weights(parts), weights(whole))
    assert parts.curve.points == whole.curve.points and len(whole.curve.points) == 2
    assert [k for k, _ in parts.early] == [0, 4, 8, 16]


def test_the_seed_makes_the_first_weights_and_the_points():
    first, again, other = (updated(training(seed=seed), 3) for seed in (1, 1, 2))
    assert same(weights(first), weights(again)) and not same(weights(first), weights(other))


def test_making_a_training_leaves_the_common_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    updated(training(), 2)
    assert torch.equal(torch.rand(1), expected)


def test_the_rate_falls_along_half_a_cosine_to_a_twentieth_and_stays():
    this = training(rate=0.1, updates=100)
    assert [this.rate(k) for k in (0, 50, 100, 5000)] == pytest.approx([0.1, 0.0525, 0.005, 0.005])


@pytest.fixture
def hasty(monkeypatch):
    """Who is refused is told at once."""
    monkeypatch.setattr(live_training, "PATIENCE", 0.05)


def test_a_second_who_trains_it_is_refused_until_the_first_ends(hasty):
    this = training()
    first = this.updates()
    next(first)
    with pytest.raises(Refused, match="being trained already"):
        next(this.updates())
    assert next(first).step == 2, "the first goes on"
    first.close()
    assert next(this.updates()).step == 3


@pytest.mark.slow
def test_who_starts_a_training_takes_it_over_and_the_earlier_run_ends_quietly(often):
    """Start while it runs slowly."""
    slow, ended = train(R, slow=True), []
    shown = next(slow)
    thread = threading.Thread(target=lambda: ended.extend(slow))
    thread.start()
    while TRAININGS.get(shown.run).step < 2:
        time.sleep(0.01)
    *_, end = train(in_page(R, shown))
    thread.join()
    assert step_of(end) == 100 and end.run == shown.run
    assert all(f.live and step_of(f) < 100 for f in ended), "it shows no end"


def test_two_trainings_at_once_take_turns(monkeypatch):
    """Each update waits for one of the other, however quick its own thread is."""
    both, order = [training(), training(seed=1)], []
    for this in both:
        monkeypatch.setattr(this, "_accept", lambda progress, this=this: order.append(this) or time.sleep(0.001))
    threads = [threading.Thread(target=updated, args=(this, 40)) for this in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = order[order.index(both[1]) : len(order) - order[::-1].index(both[0])]  # while both ran
    shares = [sum(one is this for one in together) for this in both]
    assert abs(shares[0] - shares[1]) <= 0.2 * len(together) + 2


def test_rest_waits_until_the_update_under_way_is_done():
    this = training()
    updates = this.updates()
    next(updates)
    threading.Timer(0.3, updates.close).start()
    started = time.monotonic()
    this.rest(10)
    assert 0.2 < time.monotonic() - started < 5
    this.rest(10)  # nobody trains: at once
    assert next(this.updates()).step == 2


def test_who_is_forgotten_sets_it_free():
    """A page that is left drops its generator without closing it."""
    this = training()
    first = this.updates()
    next(first)
    del first
    assert updated(this, 1).step == 2


# ---- divergence ----


def test_a_rate_without_bounds_diverges_in_one_sentence_and_leaves_the_first_weights():
    this = training(rate=1e9)
    before = weights(this)
    with pytest.raises(
        Refused, match=r"no longer finite at update \d+: lower the learning rate\. The weights of update 0 are kept"
    ):
        updated(this, 200)
    after = weights(this)
    assert this.step == 0 and all(torch.equal(before[k], after[k]) for k in before)
    assert all(v.isfinite().all() for v in after.values())


def diverging(this: PointTraining, at: int, monkeypatch, how=lambda loss: loss * torch.nan) -> None:
    """From update `at` on, its loss is spoilt."""
    loss = this.loss
    monkeypatch.setattr(this, "loss", lambda k: how(loss(k)) if k >= at else loss(k))


def test_the_weights_of_the_last_good_update_are_back_and_go_on_as_they_would_have(monkeypatch):
    this, sound = training(), updated(training(), 50)
    kept = weights(sound)
    with monkeypatch.context() as patch:
        diverging(this, 63, patch)
        with pytest.raises(Refused, match=r"at update 64: .* weights of update 50 are kept"):
            updated(this, 200)
    assert this.step == 50 and same(weights(this), kept)
    updated(this, 30)
    updated(sound, 30)
    assert this.step == 80 and same(weights(this), weights(sound))
    assert this.curve.points == sound.curve.points, "the curve has every update once"


@pytest.mark.parametrize("at", [49, 50, 99, 100])
def test_weights_that_an_update_just_broke_are_not_taken_for_good(at, monkeypatch):
    """The loss may be finite while its gradient is not."""
    this = training()
    diverging(this, at, monkeypatch, lambda loss: loss + 0 * (loss - loss.detach()).sqrt())
    with pytest.raises(Refused, match="no longer finite"):
        updated(this, 200)
    assert all(v.isfinite().all() for v in weights(this).values())
    assert this.step == at // 50 * 50, "the weights of that update are from before the gradient was lost"


# ---- what is served ----


@pytest.fixture(scope="module")
def learned() -> PointTraining:
    """300 updates of moons."""
    recipe = PointRecipe(Schedule.cosine(1000), width=64, depth=3, batch=256, updates=300)
    return updated(PointTraining(POINT_SETS["moons"](), recipe), 300)


def distance(model, points) -> float:
    """Of 500 samples by Heun to fresh data."""
    visits = visits_together(model.schedule.timesteps(15), 500)
    *_, last = heun(model, randn((500, 2), generator(1)), visits, model.encode([None] * 500))
    return energy_distance(last.x_t, points.draw(1000, generator(2))[0])


def test_a_trained_network_is_nearer_to_the_data_than_its_weaker_one_and_an_untrained_one(learned):
    fresh = PointTraining(learned.points, learned.recipe)
    trained, weaker, untrained = (
        distance(model, learned.points) for model in (learned.denoiser(), learned.weaker(), fresh.denoiser())
    )
    assert trained < 0.5 * weaker and trained < 0.2 * untrained
    floor = energy_distance(learned.points.draw(500, generator(3))[0], learned.points.draw(1000, generator(2))[0])
    assert trained < 10 * floor


def test_its_samples_of_a_class_are_of_that_class(learned):
    model, n = learned.denoiser(), 300
    visits = visits_together(model.schedule.timesteps(15), n)
    *_, last = heun(model, randn((n, 2), generator(1)), visits, model.encode([1] * n))
    x, classes = learned.points.draw(4000, generator(2))
    own, other = (energy_distance(last.x_t, x[classes == k]) for k in (1, 0))
    assert own < 0.1 * other


def test_the_weaker_network_has_had_an_eighth_of_the_updates(learned):
    early = dict(learned.early)
    assert max(k for k in early if k * WEAKER_AFTER <= 300) == 32
    assert same(learned.weaker().net.state_dict(), early[32])
    assert same(updated(training(), 3).weaker().net.state_dict(), training().net.state_dict())


def test_what_is_served_stays_while_the_training_goes_on(learned):
    this = updated(training(), 5)
    model = this.denoiser()
    before = {k: v.clone() for k, v in model.net.state_dict().items()}
    updated(this, 5)
    assert same(model.net.state_dict(), before) and not same(this.denoiser().net.state_dict(), before)


@pytest.mark.slow
def test_the_classifier_finds_the_class_of_clean_points_and_is_unsure_of_noise():
    points, path = gaussians(2), Schedule.cosine(1000)
    net = trained_classifier(points, path, 0)
    x, classes = points.draw(500, generator(1))
    clean = net(x, torch.full((500,), 0.001)).softmax(1)
    assert (clean.argmax(1) == classes).float().mean() > 0.99
    noise = net(randn((500, 2), generator(2)), torch.ones(500)).softmax(1)
    assert (noise - 0.5).abs().mean() < 0.1


# ---- the latest trainings ----


def test_the_oldest_trainings_are_dropped_and_one_in_use_stays():
    kept, made = Trainings(most=3), [training() for _ in range(5)]
    for this in made[:3]:
        kept.add(this)
    assert kept.get(made[0].id) is made[0]
    for this in made[3:]:
        kept.add(this)
    assert [kept.get(this.id) is this for this in made] == [True, False, False, True, True]


@pytest.mark.parametrize("key", [None, 3, ["x"], "", "x"])
def test_an_id_that_is_none_has_no_training(key):
    assert Trainings(most=3).get(key) is None


# ---- what people see ----

R = ScoreFieldRequest.checked(width=16, depth=2, batch=32, updates=100)


@pytest.fixture
def often(monkeypatch):
    """A figure after every update, of few samples."""
    monkeypatch.setattr(plane_training, "SHOWN_EVERY", -1)
    monkeypatch.setattr(plane_training, "SAMPLED", 20)
    monkeypatch.setattr(plane_training, "HEUN_STEPS", 2)


def in_page(r: ScoreFieldRequest, figure) -> ScoreFieldRequest:
    """The next request of the page that this figure went to."""
    return dataclasses.replace(r, training=figure.run)


def step_of(figure) -> int:
    """The update that a figure shows last."""
    return int(figure.labels[-1].removeprefix("update ").replace(",", ""))


def test_training_shows_its_progress_and_ends_with_all_moments(often):
    figures = list(train(R))
    steps = [step_of(f) for f in figures]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 100
    assert all(f.live and f.fraction is not None and len(f.labels) == 1 for f in figures[:-1])
    end = figures[-1]
    assert end.fraction is None and not end.live and end.at == len(end.labels) - 1 > 10
    assert "100 updates" in end.status and len({f.run for f in figures}) == 1
    assert [c.title for c in end.charts] == ["Loss", "Distance to the data"]
    panel = end.panels[0]
    assert len(panel.points) == len(panel.arrows) == len(end.labels) and np.isfinite(panel.points).all()
    assert not np.array_equal(panel.points[0], panel.points[-1])


def test_pause_keeps_everything_and_start_goes_on_where_it_stopped(often):
    first = train(R)
    *_, shown = itertools.islice(first, 20)
    first.close()
    paused = step_of(shown)
    assert 0 < paused < 100
    r = in_page(R, shown)
    (scrub,) = trained_so_far(r)
    assert step_of(scrub) == paused and len(scrub.labels) > 10
    going_on = train(r)
    assert step_of(next(going_on)) == paused
    *_, end = going_on
    assert step_of(end) == 100 and end.run == shown.run and end.labels[0] == scrub.labels[0]
    assert len(end.labels) > 10
    straight = updated(PointTraining(R.points(), R.recipe()), 100)
    assert same(weights(straight), weights(TRAININGS.get(end.run)))


def test_start_after_the_planned_end_adds_as_many_updates():
    *_, end = train(R)
    *_, more = train(in_page(R, end))
    assert step_of(end) == 100 and step_of(more) == 200 and more.run == end.run


def test_one_update_is_one():
    (figure,) = one_update(R)
    (second,) = one_update(in_page(R, figure))
    assert (step_of(figure), step_of(second)) == (1, 2) and second.fraction is None and second.run == figure.run


@pytest.mark.parametrize(
    "change", [{"data": "rings"}, {"noising": "flow"}, {"width": 32}, {"target": "u"}, {"seed": 1}]
)
def test_another_network_begins_anew_and_the_first_is_left_as_it_was(change):
    (figure,) = one_update(R)
    (other,) = one_update(dataclasses.replace(in_page(R, figure), **change))
    assert other.run != figure.run and step_of(other) == 1 and TRAININGS.get(figure.run).step == 1


@pytest.mark.parametrize("change", [{"rate": 0.1}, {"batch": 64}, {"updates": 500}, {"steps": 3}])
def test_rate_batch_and_updates_may_change_on_the_way(change):
    (figure,) = one_update(R)
    (other,) = one_update(dataclasses.replace(in_page(R, figure), **change))
    assert other.run == figure.run and step_of(other) == 2


@pytest.mark.slow
def test_moments_stay_few_and_keep_the_first_and_the_last(often):
    r = dataclasses.replace(R, updates=300)
    *_, end = train(r)
    steps = [int(label.removeprefix("update ")) for label in end.labels]
    assert MOMENTS / 3 < len(steps) <= MOMENTS and steps[0] == 0 and steps[-1] == 300
    assert steps == sorted(set(steps)) and max(np.diff(steps)) <= 16
    assert len(end.charts[1].lines[0].x) == len(steps) == len(end.panels[0].points)


@pytest.mark.slow
def test_a_training_that_diverges_is_shown_and_can_go_on(often, monkeypatch):
    first = train(dataclasses.replace(R, updates=200))
    shown = next(first)
    this = TRAININGS.get(shown.run)
    figures = []
    with monkeypatch.context() as patch:
        diverging(this, 70, patch)
        with pytest.raises(Refused, match="weights of update 50 are kept"):
            figures.extend(first)
    assert "weights of update 50 are kept" in figures[-1].status and step_of(figures[-1]) == 50
    *_, end = train(dataclasses.replace(in_page(R, shown), updates=200))
    steps = [int(label.removeprefix("update ")) for label in end.labels]
    assert steps == sorted(set(steps)) and steps[-1] == 200 and np.isfinite(end.panels[0].points).all()


def test_a_second_page_that_trains_the_same_network_is_refused(often, hasty):
    first = train(R)
    next(first), next(first)
    with pytest.raises(Refused, match="being trained already"):
        list(train(in_page(R, next(first))))
    assert step_of(next(first)) > 1
    first.close()


def test_moments_are_in_order_though_an_ended_run_still_looks_while_the_next_one_trains(often, monkeypatch):
    """The curve against updates once ran backwards: two threads added the moments that they had begun at different updates."""
    first = train(R)
    seen = TRAININGS.get(next(first).run).watched
    moment, waits = plane_training.WatchedPoints._moment, iter([0.3, 0.0, 0.0, 0.0])

    def slowly(self, step):
        time.sleep(next(waits, 0.0))
        return moment(self, step)

    monkeypatch.setattr(plane_training.WatchedPoints, "_moment", slowly)
    updated(seen.learner, 10)
    late = threading.Thread(target=seen.look)
    late.start()
    time.sleep(0.05)
    updated(seen.learner, 10)
    seen.look()
    late.join()
    assert [m.step for m in seen.look()] == [0, 10, 20]


def test_no_points_begin_no_training():
    with pytest.raises(Refused, match="There are no points yet"):
        next(train(dataclasses.replace(R, data="drawn")))


def test_no_training_has_no_moments():
    with pytest.raises(Refused, match="No network is trained here yet"):
        next(trained_so_far(R))


def test_slow_motion_makes_five_updates_a_second(monkeypatch):
    clock = [0.0]

    def sleep(seconds):
        clock[0] += seconds

    monkeypatch.setattr(plane_training.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(plane_training.time, "sleep", sleep)
    figures = train(R, slow=True)
    *_, shown = itertools.islice(figures, 8)
    figures.close()
    assert clock[0] >= step_of(shown) / 5 - 0.3 and step_of(shown) >= 7, "it goes on while a slow reader looks"


@pytest.mark.slow
def test_an_opened_view_loads_what_the_first_optimiser_needs():
    script = (
        "import sys\n"
        "from core.runs import live_training, plane_opened\n"
        "from core.runs.score_field import ScoreFieldRequest\n"
        "assert 'torch._dynamo' not in sys.modules\n"
        "plane_opened.opened(ScoreFieldRequest(), 'train')\n"
        "live_training.prepare().join()\n"
        "assert 'torch._dynamo' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
