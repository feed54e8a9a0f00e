"""The sub-tabs of MNIST: their table, what fits a model, and the settings in saved digits, old and new."""

import inspect

import numpy as np
import pytest

from core.checks import Refused
from core.models.registry import availability, of_task, spec
from core.pictures import images
from core.runs.mnist import DigitRequest
from core.runs.same_noise import Pair, PairRequest
from tabs.mnist import compare, denoiser, generate
from tabs.mnist.canvas import digit_on, first_digit, on_canvas
from tabs.mnist.page import SUBTABS, build
from tabs.ui.page import alone

OLD = {"digits": "42", "each": 3, "model": "ddpm-class", "sampler": "ddim", "steps": 9, "guidance": 2.5, "seed": 4}
BLACK = np.zeros((28, 28, 1), np.uint8)


def test_every_row_of_the_table_is_a_sub_tab_of_the_page():
    page = alone("Digits", build)
    found = {b.id: b.label for b in page.blocks.values() if b.get_block_name() == "tabitem" and b.id in SUBTABS}
    assert found == {name: title for name, (title, _) in SUBTABS.items()}


@pytest.mark.parametrize(
    ("job", "names"),
    [
        (generate.JOB, ["digits", "each", "model", "sampler", "steps", "guidance", "seed", "device", "start"]),
        (compare.JOB, ["digits", "steps", "guidance", "seed", "device"]),
        (denoiser.JOB, ["editor", "sigmas", "seed", "device", "model"]),
    ],
)
def test_the_parameters_of_the_handlers_keep_their_names_and_their_order(job, names):
    alone("Digits", build)  # says where pictures come from
    handler = job.handler(next(iter(job.plans)))
    assert list(inspect.signature(handler).parameters) == names


@pytest.mark.skipif(not availability("ddpm-class")[0], reason="ddpm-class is not in checkpoints/")
@pytest.mark.parametrize("more", [{}, {"kind": None}, {"kind": None, "picture": 1}])
def test_digits_that_were_saved_before_give_their_settings_back(tmp_path, more):
    (tmp_path / "d.png").write_bytes(images.png(BLACK, {"app": images.SETTINGS_KEY} | OLD | more))
    assert generate.JOB.restore(str(tmp_path / "d.png")) == [*OLD.values(), "noise"]


@pytest.mark.skipif(not availability("ddpm-class")[0], reason="ddpm-class is not in checkpoints/")
def test_digits_that_are_saved_now_give_their_settings_back(tmp_path):
    settings = generate.JOB.planned("digits", DigitRequest(**OLD), {}).settings()
    (tmp_path / "d.png").write_bytes(images.png(BLACK, settings))
    assert generate.JOB.restore(str(tmp_path / "d.png")) == [*OLD.values(), "noise"]


def test_pictures_of_other_tabs_are_no_digits(tmp_path):
    (tmp_path / "p.png").write_bytes(images.png(BLACK, OLD | {"app": images.SETTINGS_KEY, "kind": "picture"}))
    with pytest.raises(Refused, match="holds no settings of this tab"):
        generate.JOB.restore(str(tmp_path / "p.png"))


@pytest.mark.parametrize("name", [model.name for model in of_task("digits")])
def test_what_fits_a_model_is_its_first_request(name):
    sampler, guidance, steps, start = generate.fit(name)
    r = DigitRequest.of(name)
    assert (sampler, guidance.value, steps, start) == (r.sampler, r.guidance, r.steps, "noise")
    assert guidance.interactive == spec(name).guided


@pytest.mark.parametrize("name", [model.name for model in of_task("digits")])
def test_what_changes_nothing_cannot_be_set(name):
    guidance, start = generate.settable(name)
    counts = DigitRequest(model=name, start="mean").on_the_mean
    assert (guidance.interactive, start.interactive) == (spec(name).guided, counts)
    assert start.value == (None if counts else "noise"), "one that counts keeps its value"


@pytest.mark.parametrize(
    ("model", "sampler", "brings"),
    [
        ("flow-class", "heun", "flow-class"),
        ("flow-class", "ddim", "ddpm-class"),
        ("flow-time", "ddpm", "ddpm-time"),
        ("ddpm-class", "euler", "flow-class"),
        ("ddpm-time", "few-steps", "flow-class-fast"),
        ("flow-class-fast", "consistency-same", "flow-class-consistency"),
        ("flow-class-fast", "ddim", "ddpm-class"),
    ],
)
def test_a_sampler_of_the_other_path_brings_its_model_along(model, sampler, brings):
    found, guidance, _ = generate.fit_sampler(model, sampler)
    assert found == brings and guidance.interactive == spec(brings).guided


def test_no_picture_of_the_comparison_is_chosen():
    around = compare.JOB.face(Pair(request=PairRequest()))
    assert set(around) == {"lanes", "origins", "columns"} and around["columns"] == 2 and len(around["lanes"]) == 4


def test_a_digit_comes_back_from_the_canvas():
    (digit,) = digit_on({"picture": first_digit(), "mask": None}).values()
    assert digit.shape == (28, 28, 1) and digit.max() > 200
    again = digit_on(on_canvas(digit))["digit"]
    assert np.abs(again.astype(int) - digit).mean() < 8


@pytest.mark.parametrize("editor", [None, {}, {"picture": None, "mask": None}, "canvas"])
def test_an_empty_canvas_is_refused(editor):
    with pytest.raises(Refused, match="There is no digit yet"):
        digit_on(editor)
