"""Forward & denoise without its page: what is asked for, what runs, what is kept and checked of it."""

import json
import pickle

import grey as toys
import numpy as np
import pytest
import torch
from grey import Grey, Half, clean, plan

from core.checks import Refused
from core.diffusion.guidance import bounded
from core.diffusion.noise import branch, generator
from core.diffusion.samplers import Step, ddim
from core.diffusion.visits import visits_together
from core.models.registry import availability
from core.pictures import images
from core.runs import comparison, denoise
from core.runs.comparison import Comparison
from core.runs.denoise import CURVE, FILTERED, Beside, DenoiseRequest, timesteps_of
from core.techniques.filters import noised, strided

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


@pytest.fixture
def grey(monkeypatch):
    """A toy in place of every model."""
    return toys.in_place_of_models(monkeypatch)


def compared(*levels: int, **settings) -> Comparison:
    """A run that reached its end."""
    this = Comparison(plan(*levels, **settings))
    for _ in this.follow(this.plan.compare("cpu")):
        pass
    return this


# ---- what is asked for ----


def test_the_defaults_are_accepted_as_they_are():
    assert DenoiseRequest.checked() == DenoiseRequest()
    assert DenoiseRequest.names() == ("levels", "prompt", "guidance", "model", "stride", "seed", "filtered")


def test_timesteps_come_as_text_or_as_a_list():
    assert timesteps_of([250, 500]) == timesteps_of("250; 500") == (250, 500)


def test_timesteps_go_to_the_widget_as_text_and_to_a_file_as_they_are():
    r = DenoiseRequest.of_parameters(levels=" 690,250 ", prompt="a  rose", stride="60")
    assert r == DenoiseRequest((690, 250), "a rose", stride=60)
    assert r.parameters()["levels"] == "690, 250" and list(r.parameters()) == list(DenoiseRequest.names())
    assert DenoiseRequest.restored(json.loads(json.dumps(r.settings()))) == r
    assert DenoiseRequest.of_parameters(**r.parameters()) == r


@pytest.mark.parametrize("twice", ["500, 500", "250, 500, 250.0", [1, 1]])
def test_a_timestep_that_is_given_twice_is_refused(twice):
    with pytest.raises(Refused, match="Every timestep t may be given only once"):
        timesteps_of(twice)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"levels": {}}, "Give 1 to 9 timesteps"),
        ({"levels": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"}, "Give 1 to 9 timesteps"),
        ({"levels": [-1]}, "Every timestep t must be a whole number from 0 to 999"),
        ({"guidance": 21}, "The guidance must be a number from 0 to 20"),
        ({"stride": 201}, "The stride must be a whole number from 5 to 200"),
        ({"seed": "s"}, "The seed must be a whole number"),
        ({"filtered": "both"}, "What the filters get must be one of"),
    ],
)
def test_what_is_refused_is_named(bad, sentence):
    with pytest.raises(Refused, match=sentence):
        DenoiseRequest.checked(**bad)


def test_a_long_run_shows_few_of_its_steps():
    for stride in range(5, 205, 5):
        for top in (1, 250, 690, 999):
            r = DenoiseRequest((top,), stride=stride)
            assert r.shown[0] == 0 and r.shown[-1] == len(r.visits) and len(r.shown) <= 11
            assert len(set(r.shown)) == len(r.shown)


# ---- what runs ----


def test_a_level_gives_the_same_alone_as_in_a_list():
    def ends(*levels):
        *_, last = plan(*levels).iterate(Half())
        return dict(zip(DenoiseRequest(levels).runs, last.x_t, strict=True))

    torch.testing.assert_close(ends(250, 500, 750)[500], ends(500)[500])
    assert not torch.equal(ends(250, 500)[250], ends(250, 500)[500])


def test_an_iterative_run_is_the_ddpm_posterior_with_noise_of_its_own():
    *_, found = plan(250, 500).iterate(Half())
    for level, end in zip((250, 500), found.x_t, strict=True):
        x_t, source = noised(Half.schedule, clean()[0], [level], 180), generator(branch(180, level))
        visits = visits_together(strided(level), 1)
        *_, alone = ddim(bounded(Half()), x_t, visits, torch.zeros(1, 1), source, 1.0)
        torch.testing.assert_close(end, alone.x_t[0], atol=1e-5, rtol=0)


def test_the_steps_of_a_run_are_those_of_its_comparison(grey):
    alone, among = list(plan(300, 90).run("cpu")), list(plan(300, 90).compare("cpu"))
    steps = [step for step in among if isinstance(step, Step)]
    assert [isinstance(step, Beside) for step in among] == [True, True, *[False] * 12, True]
    assert [step.i for step in steps] == [step.i for step in alone] == list(range(12))
    assert plan(300, 90).lengths == [11, 4] and plan(300, 90).count == 2
    for a, b in zip(alone, steps, strict=True):
        assert torch.equal(a.x_t, b.x_t) and torch.equal(a.x_0, b.x_0)


def test_the_noise_is_there_first_then_the_estimates_then_the_curve(grey):
    first, second, *_, last = plan(300, 90).compare("cpu")
    assert first.ladder.shape == (9, 64, 64, 3) and not first.quick and not first.curve
    assert second.ladder is first.ladder and len(second.quick) == 2 * 5 and not second.curve
    assert last.quick == second.quick and len(last.curve) == 5 * len(CURVE)


@pytest.mark.parametrize("levels", [(300,), (250, 500, 750)])
def test_the_announced_calls_are_those_that_are_made(grey, levels):
    compared(*levels)
    assert grey.calls == plan(*levels).cost()[0]


def test_all_that_a_comparison_yields_can_be_pickled(grey):
    here, there = (list(p.compare("cpu")) for p in (plan(300), pickle.loads(pickle.dumps(plan(300)))))
    sent = pickle.loads(pickle.dumps(here))
    for other in (there, sent):
        for a, b in zip(here, other, strict=True):
            assert type(a) is type(b)
            if isinstance(a, Step):
                assert (a.i, a.n) == (b.i, b.n) and torch.equal(a.x_t, b.x_t) and torch.equal(a.x_0, b.x_0)
            else:
                np.testing.assert_array_equal(a.ladder, b.ladder)
                assert [(e.name, e.db, e.knob) for e in a.quick] == [(e.name, e.db, e.knob) for e in b.quick]
                assert [e.db for e in a.curve] == [e.db for e in b.curve]


@pytest.mark.parametrize("filtered", FILTERED)
def test_every_filter_gets_what_was_asked_for_and_the_clean_picture(monkeypatch, filtered):
    given = []

    def leave(*what):
        given.append(what)
        return what[0], [1.0] * len(what[0])

    for name in ("best_blur", "best_median", "best_non_local_means"):
        monkeypatch.setattr(denoise, name, leave)
    levels = [250, 700]
    estimates = plan(filtered=filtered).classical(Grey(), levels)
    assert [e.method for e in estimates[::2]] == ["noisy", "Gaussian blur", "median", "non-local means"]
    x_t, s = noised(Grey.schedule, clean()[0], levels, 180), Grey.schedule.s[levels]
    by = Grey.schedule.a[levels] if filtered == "scaled" else torch.ones(2, dtype=s.dtype)
    for noisy, beside, *_ in given:
        torch.testing.assert_close(noisy, (x_t / by.view(-1, 1, 1, 1)).float())
        assert torch.equal(beside, clean().expand_as(x_t))
    assert [len(what) for what in given] == [2, 2, 3]
    torch.testing.assert_close(given[-1][-1], (s / by).float())


def test_what_the_filters_get_changes_them_alone_and_is_said(grey):
    scaled, as_it_is = (compared(250, 500, filtered=f) for f in FILTERED)
    for one, other in zip(scaled.found, as_it_is.found, strict=True):
        assert (one.db == other.db) == (one.method in ("noisy", "one step", "iterative")), one.method
    assert "filters get x_t as it is" in as_it_is.plan.caption and "filters" not in scaled.plan.caption


# ---- what is kept ----


def test_a_comparison_keeps_its_steps_and_what_stands_beside_them(grey):
    this = compared(250, 690)
    assert this.done and this.i == this.n == 24 and len(this.frames) == 25 and this.took > 0
    assert this.frames[0].x_0.shape == (2, 64, 64, 3) and this.frames[0].each == (250, 690)
    assert [e.name for e in this.found[-2:]] == ["iterative, t = 250", "iterative, t = 690"]
    assert len(this.states) == len(this.plan.request.shown) and this.plan.request.longest == 1
    np.testing.assert_array_equal(this.states[0], this.frames[0].x_t[1])
    assert len(this.curve) == 5 * len(CURVE) + 2


def test_what_a_look_inside_shows_belongs_together(grey):
    """x_t = a x_0 + s eps."""
    frame = compared(250, 690).own(1)[3]
    a, s = (float(level) for level in Grey.schedule.at(torch.tensor([frame.t]), torch.zeros(1, 1, 1, 1)))
    unclipped = (frame.x_t[1] > 0) & (frame.x_t[1] < 255)
    made = (a * (frame.x_0[1] / 127.5 - 1) + s * (frame.parts[""][1] / 42.5 - 3) + 1) * 127.5
    assert np.abs(made - frame.x_t[1])[unclipped].max() < 4


def test_the_decibels_inside_are_those_of_the_figures(grey):
    this = compared(250, 690)
    one = next(e for e in this.found if (e.method, e.t) == ("one step", 690))
    *steps, last = this.plan.decibels(this.own(1), 1)
    assert steps == pytest.approx([one.db] * len(steps), abs=0.02), "it is one grey in every step"
    assert last == pytest.approx(this.found[-1].db, abs=0.02)


def test_its_settings_hold_request_and_picture(grey):
    this = compared(300, prompt="a “rose” <b>", stride=60)
    settings = json.loads(json.dumps(this.settings))
    assert settings.pop("original") == images.packed(this.plan.inputs["original"])
    assert settings == json.loads(json.dumps(this.plan.request.settings()))
    assert settings["kind"] == "denoise" and settings["levels"] == [300]
    assert this.plan.subject == "", "the prompt need not say what the picture shows"


def test_the_networks_pictures_are_checked_and_marked_once(grey, monkeypatch):
    asked = []

    def observe(recording, model):
        asked.append(model)
        recording.frames[-1].x_0[:] = 1
        return "Picture 1: blocked.", "Picture 2: blocked."

    monkeypatch.setattr(comparison, "observe", observe)
    this = compared(250, 500)
    this.check()
    assert this.notes == ("Grey: blocked.",)
    this.check()
    assert asked == ["pocket", "pocket"], "the look inside, and the figures"
    assert (this.result == 1).all()
    for e in this.found:
        assert (e.pixels == 1).all() == (e.method in ("one step", "iterative"))
    assert all((state == 1).all() for state in this.states)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_after_the_check_nothing_more_is_kept(grey, steps):
    this = Comparison(plan(250, 500), withheld=True)
    run = this.follow(this.plan.compare("cpu"))
    for _ in range(steps):
        next(run)
    with pytest.raises(Refused, match="still to be checked"):
        this.chosen("one step, t = 500")
    this.check()
    before = this.beside, this.iterated, this.states, this.i, len(this.frames)
    for _ in run:
        pass
    assert (this.beside, this.iterated, this.states, this.i, len(this.frames)) == before and this.took is None
    assert bool(this.found) == (steps > 1)


def test_a_picture_is_chosen_by_its_name(grey):
    this = compared(250, 500)
    np.testing.assert_array_equal(this.chosen(this.found[-3].name), this.found[-3].pixels)
    for name in ("one step, t = 501", None, ["one step, t = 500"]):
        with pytest.raises(Refused, match="Choose one of the pictures"):
            this.chosen(name)


def test_a_class_has_room(grey):
    this = compared(250, 500)
    assert 500_000 < this.nbytes < 3_000_000
    assert this.nbytes > sum(frame.nbytes for frame in this.frames) + sum(e.pixels.nbytes for e in this.curve)
