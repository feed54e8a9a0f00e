"""The tab of words: its presets, and the maps as they travel to the page."""

import base64

import numpy as np
import pytest
from pricing import priced

from core.models.registry import availability
from core.runs.recording import Recording
from core.runs.word_maps import as_bytes, as_shares, average, by_head
from core.runs.words import PLANS, Words, WordsRequest
from tabs.ui.viewer import RUNS
from tabs.words import network
from tabs.words.job import JOB
from tabs.words.maps import EXPERIMENTS, PRESETS
from tabs.words.view import around, asked_head, frame_value

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
LAYERS = 9
QUICK = {"steps": 2, "device": "cpu"}


def run(experiment: str, **values) -> tuple[dict, Recording]:
    """The last value of a run, and its recording."""
    *_, value = JOB.handler(experiment)(**QUICK | values)
    return value, RUNS.get(value)


def unpacked(maps: dict, plan: Words) -> list[np.ndarray]:
    """The shares (B, words, h, w) of each layer, the mean over its heads, as the page reads them."""
    data, layers, at = np.frombuffer(base64.b64decode(maps["data"]), np.uint8), [], 0
    for layer in maps["layers"]:
        shape = (plan.count, plan.most, layer["h"], layer["w"])
        layers.append(as_shares(data[at : at + np.prod(shape)]).reshape(shape))
        at += np.prod(shape)
    assert at == len(data)
    return layers


def test_a_preset_that_names_an_experiment_is_for_it():
    assert set(EXPERIMENTS) < set(PRESETS) and set(EXPERIMENTS.values()) < set(PLANS)
    assert all(PRESETS[name].weights for name, way in EXPERIMENTS.items() if way in ("weigh", "ladder"))
    assert all(PRESETS[name].other for name, way in EXPERIMENTS.items() if way == "swap")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("experiment", PLANS)
def test_every_preset_makes_every_plan(preset, experiment):
    r = PRESETS[preset]
    plan = JOB.planned(experiment, WordsRequest.checked(**{name: getattr(r, name) for name in r.kinds()}), {})
    assert plan.count <= 6 and plan.caption.startswith("pocket: ")
    assert JOB.recalled(plan.settings()) == plan


def test_one_picture_has_every_head_and_the_page_gets_what_it_asks_for():
    value, recording = run("maps")
    plan, maps = recording.plan, value["frames"][0]["maps"]
    assert [layer["heads"] for layer in maps["layers"]] == [3, 6, 6, 6, 6, 6, 6, 3, 3]
    for layer, shares in zip(maps["layers"], unpacked(maps, plan), strict=True):
        kept = by_head(recording.frames[0], layer["name"], plan.most)
        np.testing.assert_allclose(shares, kept.mean(1), atol=0.004)
        for head in range(layer["heads"]):
            found = asked_head({"run": value["run"], "layer": layer["name"], "head": head})
            data = [np.frombuffer(base64.b64decode(f), np.uint8) for f in found["frames"]]
            assert len(data) == len(recording.frames) and (found["h"], found["w"]) == (layer["h"], layer["w"])
            np.testing.assert_allclose(as_shares(data[0]).reshape(kept[:, head].shape), kept[:, head], atol=1e-6)
    words = [(w["text"], w["kind"], w["read"]) for w in value["words"][0]]
    assert words[0] == ("start", "start", True) and words[-1] == ("padding", "padding", True)
    assert [w for w, *_ in words[1:-1]] == plan.request.prompt.split()
    assert value["width"] == len(words) and value["sliders"] == [True]


def test_several_pictures_have_the_mean_of_their_heads():
    value, recording = run("swap")
    plan, frame = recording.plan, recording.frames[1]
    layers = unpacked(value["frames"][1]["maps"], plan)
    assert len(layers) == LAYERS and all(m.shape[-1] == plan.most for m in frame.maps.values())
    fine = np.mean([m.repeat(16 // m.shape[-1], -1).repeat(16 // m.shape[-1], -2) for m in layers], 0)
    np.testing.assert_allclose(fine, average(frame, plan.most), atol=0.004)
    assert value["pictures"] == [*plan.labels] and value["sliders"] == [True, False, False, False]


def test_while_it_draws_only_the_mean_travels():
    first, *_ = JOB.handler("maps")(**QUICK)
    assert first["running"] and [layer["name"] for layer in first["frames"][0]["maps"]["layers"]] == [""]
    recording = RUNS.get(first)
    live = frame_value(recording.plan, recording.frames[0], True)
    mean = as_bytes(average(recording.frames[0], recording.plan.most))
    assert np.array_equal(np.frombuffer(base64.b64decode(live["data"]), np.uint8), mean.ravel())


@pytest.mark.parametrize(
    ("question", "what"),
    [
        (None, "no finished picture"),
        ({"run": "example-network", "layer": "down 16×16", "head": 0}, "no run of Maps of words"),
        ({"run": "example-words", "layer": "down 99×99", "head": 0}, "The layer must be one of down 16×16"),
        ({"run": "example-words", "layer": ["down 16×16"], "head": 0}, "The layer must be one of"),
        ({"run": "example-words", "layer": "down 16×16", "head": 99}, "The head must be a whole number from 0 to"),
        ({"run": "example-words", "layer": "down 16×16"}, "The head must be"),
    ],
)
def test_a_wrong_question_for_a_head_is_answered_in_one_sentence(question, what):
    assert network.JOB  # its example is there
    assert what in asked_head(question)["words"]


def test_an_unknown_word_has_a_place_but_no_map_and_words_past_the_end_too():
    shown = around(PLANS["maps"](WordsRequest("a qwxz rose " + "rose " * 64)))["words"][0]
    assert [w["read"] for w in shown[1:4]] == [True, False, True]
    assert len(shown) == 1 + 67 and sum(w["read"] for w in shown) == 12  # no padding is left
    assert [w["kind"] for w in around(PLANS["maps"](WordsRequest("")))["words"][0]] == ["start", "padding"]


@pytest.mark.slow
def test_files_carry_the_settings_and_the_maps():
    value, recording = run("weigh", weights="red 3")
    view, number, look, *files = JOB.keep(value)
    assert number == 1 and len(look["lanes"]) == 5 and len(files) == 3
    assert JOB.restore(files[1].value["path"])[:4] == [
        "an emoji of a red apple",
        1,
        "red 3",
        "an emoji of a green apple",
    ]
    assert recording.plan.sheet(recording.frames[-1]).shape == (4 * 66 - 2, 9 * 66 - 2, 3)
    assert len(view["frames"]) == len(recording.frames) == 3


def test_bad_weights_are_told_on_the_buttons_that_use_them_and_leave_the_others_their_cost(monkeypatch):
    monkeypatch.setattr("core.runs.cost.seconds", lambda *_: 1.0)
    line, titles = priced(JOB, WordsRequest(weights="red much"))
    assert line.endswith("about 1.0 s") and titles.pop("swap") == "about 1.0 s"
    assert {*titles} == {"weigh", "ladder"} and all("is no factor on a word" in said for said in titles.values())
