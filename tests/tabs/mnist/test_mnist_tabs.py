"""What the MNIST sub-tabs say of their figures and charts: that it is what the data, the cards and the training hold."""

import json
import zipfile

import gradio as gr
import numpy as np
import pytest

from core.diffusion.sampler_table import SAMPLERS
from core.models.mnist import FLOW
from core.models.registry import MODELS, availability, card
from core.pictures.images import settings_of
from core.runs import single_step
from core.runs.mnist import DigitRequest
from core.runs.single_step import SingleStepRequest
from tabs.mnist import denoiser as mnist_denoiser
from tabs.mnist import learned as mnist_learned
from tabs.mnist import scoreboard as mnist_scoreboard
from tabs.mnist.canvas import digit_on, first_digit
from tabs.mnist.figures import caption
from tabs.mnist.generate import PRESETS
from tabs.mnist.page import build
from tabs.ui.examples import example
from tabs.ui.page import alone
from training import epochs

SHIPPED = [m.name for m in MODELS.values() if m.family == "digits" and not m.student and availability(m.name)[0]]
OURS = {"classifier", "classifier-noisy", "flow-class-adamw", "flow-small", "gan", "vae"}


# ---- Generate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_passes_the_check(name):
    request = PRESETS[name]
    assert DigitRequest.restored(request.settings()) == request


def test_the_course_s_figure_is_within_reach():
    request = PRESETS["The course, w = 5"]
    assert (request.model, request.sampler, request.guidance) == ("flow-class", "euler", 5)
    assert request.labels == [*range(10)] * 4 and request.cost() == (300, 80)
    assert len(set(FLOW.timesteps(300))) == 300, "300 does not divide T = 1000, yet no step is lost"


@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_flow_takes_up_to_300_steps(sampler):
    assert DigitRequest.checked(sampler=sampler, steps=300).steps == 300
    with pytest.raises(ValueError, match="must be a whole number from 1 to 300"):
        DigitRequest.checked(sampler=sampler, steps=301)


# ---- Scoreboard -----------------------------------------------------------------------------------------------------


def board(*rows: tuple) -> dict:
    """Measured rows of group, model, sampler, steps, guidance, digits, accuracy, frechet."""
    names = ("group", "model", "sampler", "steps", "guidance", "digits", "accuracy", "frechet")
    return {"rows": [dict(zip(names, row, strict=True)) for row in rows]}


MEASURED = board(
    ("defaults", "flow-class", "euler", 20, 1.5, 2000, 0.99, 0.3),
    ("steps", "flow-class", "heun", 10, 1.5, 100, 0.98, 1.1),
    ("steps", "ddpm-class", "ddim", 20, 2.5, 100, 0.97, 1.2),
    ("guidance", "ddpm-class", "ddim", 20, 0.0, 100, None, 7.7),
    ("guidance", "ddpm-class", "ddim", 20, 3.0, 100, 1.0, 1.6),
)


def test_a_curve_against_network_calls_tells_its_guidance():
    chart = mnist_scoreboard.sweep(MEASURED, "steps", "accuracy")
    assert (chart["x"], chart["y"], chart["within"]) == ("network calls", "accuracy, %", [None, (80, 100)])
    assert chart["series"] == [
        {"name": "Heun · w = 1.5", "x": [19], "y": [98]},
        {"name": "DDIM · w = 2.5", "x": [20], "y": [97]},
    ]


def test_a_curve_against_guidance_tells_its_steps():
    chart = mnist_scoreboard.sweep(MEASURED, "guidance", "frechet")
    assert chart["series"] == [{"name": "ddpm-class · DDIM · 20 steps", "x": [0, 3], "y": [7.7, 1.6]}]
    (line,) = mnist_scoreboard.sweep(MEASURED, "guidance", "accuracy")["series"]
    assert line["x"] == [3], "unguided, nothing was asked for"


def test_the_text_beside_the_curves_says_in_what_else_they_differ():
    said = mnist_scoreboard.reading(MEASURED)
    assert "own default guidance $w$" in said and "$2n-1$" in said and "100 digits per point" in said
    assert "(Heun with `flow-class`; DDIM with `ddpm-class`)" in said
    assert mnist_scoreboard.reading(board()) == "" and not mnist_scoreboard.sweep(board(), "steps", "frechet")["series"]


def test_the_curves_were_measured_at_the_default_guidance():
    rows = json.loads(mnist_scoreboard.FILE.read_text())["rows"]
    assert all(r["guidance"] == SAMPLERS[r["sampler"]].guidance for r in rows if r["group"] == "steps")


# ---- Single-step denoiser -------------------------------------------------------------------------------------------


@pytest.mark.skipif("denoiser" not in SHIPPED, reason="the denoiser is not in checkpoints/")
def test_the_seven_levels_say_what_they_are_made_with():
    job, digit = mnist_denoiser.JOB, digit_on(first_digit())
    ((figure, _),) = job.stream(job.planned("levels", SingleStepRequest((0, 1), 7), digit), "cpu")
    epochs = card("denoiser")["recipe"]["epochs"]
    assert f"Single-step denoiser, trained for {epochs} epochs at σ = 0.5 alone" in figure
    assert "that of seed 7, times σ" in figure and "mean squared error per pixel" in figure
    first = job.planned("levels", SingleStepRequest(), digit)
    assert example("denoiser")["figure"].endswith(caption(first.caption))


@pytest.mark.skipif("denoiser" not in SHIPPED, reason="the denoiser is not in checkpoints/")
def test_the_files_of_the_denoiser_have_its_figure_every_digit_and_the_errors(tmp_path):
    alone("Digits", build)  # says where pictures come from
    picture = {"picture": first_digit()}
    png, zipped = (b.value for b in mnist_denoiser.files(picture, "0, 0.5, 1", 7, "cpu", "denoiser"))
    path = lambda value: value["path"] if isinstance(value, dict) else value  # noqa: E731
    settings = settings_of(path(png))
    assert settings["sigmas"] == [0.0, 0.5, 1.0] and settings["seed"] == 7
    first, *_ = mnist_denoiser.JOB.restore(path(png))
    np.testing.assert_array_equal(digit_on(first)["digit"], digit_on(picture["picture"])["digit"])
    with zipfile.ZipFile(path(zipped)) as archive:
        names = archive.namelist()
        rows = archive.read("errors.csv").decode().splitlines()
    assert (
        names[0] == "figure.png"
        and len(names) == 8
        and names[1:3] == ["01-noisy-sigma-0.png", "02-noisy-sigma-0.5.png"]
    )
    assert rows[0] == "sigma,noisy,denoised" and len(rows) == 4 and rows[1].startswith("0.0,0.0,")


@pytest.mark.skipif("denoiser-noise" not in SHIPPED, reason="the denoiser of pure noise is not in checkpoints/")
def test_the_answers_to_pure_noise_come_from_another_network(monkeypatch):
    monkeypatch.setattr(single_step, "card", lambda name: {"recipe": {"epochs": {"denoiser-noise": 1}[name]}})
    said = mnist_denoiser.collapse(7, "cpu")
    assert "Another network than the one above, trained with pure noise" in said
    assert "for 1 epoch." in said and "of seeds 7 to 16" in said


# ---- How it learned -------------------------------------------------------------------------------------------------


def test_the_samples_by_epoch_are_drawn_as_a_first_request_is():
    for kind, drawn in epochs.STEPS.items():
        r = DigitRequest.of(f"{kind}-class")
        assert (r.sampler, r.steps) == drawn


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ddpm-class", "DDIM, 20 steps, digits 0 to 9, guidance w = 2.5, with each epoch's averaged weights"),
        ("flow-class", "Euler, 20 steps, digits 0 to 9, guidance w = 1.5, with each epoch's averaged weights"),
        ("flow-time", "Euler, 20 steps, no class, so no guidance, with each epoch's averaged weights"),
        ("denoiser", "From top to bottom: ten of MNIST's test digits, the same with noise of σ = 0.5, and the outputs"),
        ("denoiser", "Cortes, Burges; CC BY-SA 3.0"),
        ("denoiser-noise", "From top to bottom: pure noise, and the outputs"),
        ("gan", "One call from the same noise, digits 0 to 9, with each epoch's averaged weights"),
    ],
)
def test_the_strips_say_what_they_show(name, sentence):
    if name not in SHIPPED:
        pytest.skip(f"{name} is not in checkpoints/")
    assert sentence in mnist_learned.strips(name)
    assert ("Samples by epoch" in mnist_learned.strips(name)) == (MODELS[name].task != "single-step")


@pytest.mark.skipif("gan" not in SHIPPED, reason="the GAN is not in checkpoints/")
def test_the_players_of_a_gan_have_a_curve_each_and_none_is_held_out():
    (chart,), shipped = mnist_learned.losses("gan")["charts"], card("gan")["curve"]
    named = {line["name"]: line for line in chart["series"]}
    assert [*named] == [
        f"{who}, {what}" for who in ("critic", "generator") for what in ("mean of 50 steps", "running mean")
    ]
    for k, player in enumerate(mnist_learned.PLAYERS, 1):
        line = named[f"{player}, mean of 50 steps"]
        assert (
            line["y"] == [row[k] for row in shipped] and max(line["x"]) == pytest.approx(5, abs=0.1) and line["faint"]
        )
    assert "held out" not in mnist_learned.facts("gan") and "held out" in mnist_learned.facts("vae")


@pytest.mark.skipif("flow-class" not in SHIPPED, reason="flow-class is not in checkpoints/")
def test_the_curves_of_a_model_are_those_of_its_card():
    facts = card("flow-class")
    (chart,) = mnist_learned.losses("flow-class")["charts"]
    raw, mean, held, averaged = chart["series"]
    assert chart["log"] == [False, True] and raw["colour"] == mean["colour"] == 0
    assert raw["y"] == [loss for _, loss in facts["curve"]] and mean["x"] == raw["x"]
    assert raw["x"][-1] == pytest.approx(facts["recipe"]["epochs"], abs=0.2)
    assert [*map(list, zip(held["x"], held["y"], averaged["y"], strict=True))] == facts["validation"]
    assert mnist_learned.losses("flow-class", "", False)["charts"][0]["log"] == [False, False]


def test_a_loss_below_zero_has_no_logarithm(monkeypatch):
    facts = {"steps": 100, "recipe": {"epochs": 2}, "curve": [[50, 0.3], [100, -0.1]], "validation": []}
    monkeypatch.setattr(mnist_learned, "card_of", lambda name: facts)
    (chart,) = mnist_learned.losses(SHIPPED[0])["charts"]
    assert chart["log"] == [False, False] and chart["series"][0]["x"] == [1, 2]


def test_a_running_mean_has_as_many_neighbours_on_one_side_as_on_the_other():
    assert mnist_learned.smoothed([1.0, 5.0, 3.0, 4.0, 8.0]) == [1, 3, (1 + 5 + 3 + 4 + 8) / 5, 5, 8]
    line = [0.5 * k for k in range(20)]
    assert mnist_learned.smoothed(line) == pytest.approx(line), "it does not lag behind"


def test_with_and_without_a_scheduler_are_the_courses_runs_where_both_are_here(monkeypatch):
    ours = [*mnist_learned.SCHEDULED]
    for there in ([], ours[:1], ours):
        monkeypatch.setattr(mnist_learned, "has_course", there.__contains__)
        course = [f"{name}-course" for name in ours]
        assert mnist_learned.with_and_without_a_scheduler() == (course if there == ours else ours)


@pytest.mark.skipif(not set(mnist_learned.SCHEDULED) <= set(SHIPPED), reason="both are not in checkpoints/")
def test_two_models_stand_in_one_chart_and_below_one_another():
    shown, samples, said = mnist_learned.show(*mnist_learned.SCHEDULED)
    (chart,) = shown["charts"]
    named = {line["name"]: line for line in chart["series"]}
    for name in mnist_learned.SCHEDULED:
        title, (_, mean, _, averaged) = MODELS[name].title, mnist_learned.lines(name)
        assert named[name]["y"] == mean["y"] and named[f"{name}, held out"]["y"] == averaged["y"]
        assert named[name]["colour"] == named[f"{name}, held out"]["colour"] and named[f"{name}, held out"]["dashed"]
        assert f"<h3>{title} (<code>{name}</code>)</h3>{mnist_learned.strips(name)}" in samples
        assert mnist_learned.facts(name) in said
    assert len(chart["series"]) == 4 and chart["title"] == "{} and {}".format(*mnist_learned.SCHEDULED)


@pytest.mark.skipif("flow-time" not in SHIPPED, reason="flow-time is not in checkpoints/")
def test_a_run_of_the_courses_recipe_stands_behind_its_model(monkeypatch):
    monkeypatch.setattr(mnist_learned, "has_course", lambda name: name == "flow-time")
    names = mnist_learned.names_of_runs()
    titles = [*names]
    k = titles.index(MODELS["flow-time"].title)
    assert names[titles[k + 1]] == "flow-time-course" and titles[k + 1].endswith("unconditional, the course's recipe")
    facts = card("flow-time") | {"differs_from_published": {}}
    monkeypatch.setattr(mnist_learned, "card_of", lambda name: facts)
    shown, samples, said = mnist_learned.show("flow-time-course", "flow-time")
    assert shown["charts"][0]["title"] == "flow-time-course and flow-time"
    assert "the course's recipe (<code>flow-time-course</code>)" in samples
    assert "Its weights do not ship; the tabs use `flow-time`." in said and "Differs" not in said


def test_a_model_beside_itself_is_one_and_an_unknown_one_is_refused():
    (name, *_) = SHIPPED
    assert mnist_learned.show(name, name)[1:] == mnist_learned.show(name)[1:]
    with pytest.raises(gr.Error, match="model beside it"):
        mnist_learned.show(name, "nothing such")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recipe_of_ours_is_not_called_published(name):
    said = mnist_learned.facts(name)
    assert ("Our own recipe" in said) == (name in OURS)
    assert ("published recipe" in said) == (name not in OURS and bool(card(name)["differs_from_published"]))


def test_what_was_changed_in_a_recipe_is_listed_and_nothing_else_is_said(monkeypatch):
    differs = {"lr": {"published": 0.01, "used": 0.002}, "init": {"published": "", "used": "flow-class"}}
    changes = "lr 0.002 instead of 0.01, begun from the weights of flow-class, not from random ones"
    monkeypatch.setattr(mnist_learned, "card_of", lambda name: {"differs_from_published": differs})
    assert mnist_learned.origin("flow-time") == f" Differs from the published recipe: {changes}."
    assert mnist_learned.origin("classifier").endswith(f"none for it; changed in it: {changes}.")
    differs.clear()
    assert mnist_learned.origin("flow-time") == ""
    assert mnist_learned.origin("classifier") == " Our own recipe, since the course publishes none for it."
