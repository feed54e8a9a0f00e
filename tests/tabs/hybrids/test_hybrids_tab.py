"""The hybrids' tab: what a split has, the filter's chart, the person's own photo, near and far."""

import gradio as gr
import numpy as np
import pytest

from core.checks import ModelError
from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs.hybrids import PHOTO, SPLITS, HybridRequest, Hybrids
from tabs.hybrids import page as hybrids
from tabs.hybrids.inputs import fitted, gains, own_input, plotted, read
from tabs.ui.canvas import pixels_of
from tabs.ui.page import alone
from tabs.ui.viewer import RUNS

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
PIXELS = np.asarray(images.square(mountains(), 64))


@pytest.mark.parametrize(
    ("split", "prompts", "settings"),
    [
        ("frequencies", [True, True, False], [True, False, False, False, True]),
        ("three", [True, True, True], [True, True, False, False, True]),
        ("colour", [True, True, False], [False] * 5),
        ("motion", [True, True, False], [False, False, True, True, False]),
    ],
)
def test_a_split_shows_the_prompts_and_settings_that_it_has(split, prompts, settings):
    *changes, own = fitted(split, "")
    assert [change["visible"] for change in changes] == prompts + settings
    names = SPLITS[split][1]
    assert all(f"({name})" in change["label"] for name, change in zip(names, changes, strict=False))
    assert [value for _, value in own["choices"]] == ["", *names] and own["value"] == ""


def test_the_part_of_the_photo_has_no_prompt_and_goes_with_its_split():
    assert fitted("frequencies", "low")[0]["label"] == "Prompt 1: your photo, not this prompt (low)"
    assert fitted("frequencies", "low")[-1]["value"] == "low" and fitted("colour", "low")[-1]["value"] == ""
    assert own_input(HybridRequest()).choices == [("nothing", ""), ("its low part", "low"), ("its high part", "high")]


def test_a_chart_shows_the_gains_and_rests_where_there_are_none():
    three = gains(HybridRequest(prompts=("a",) * 3, split="three", sigma=6.0, sigma_small=2.0))
    assert plotted("three", 6.0, 2.0, 33) == three
    assert [line["name"] for line in three["charts"][0]["series"]] == ["low", "middle", "high"]
    for values in (("colour", 6.0, 2.0, 33), ("three", 2.0, 6.0, 33), ("three", 6.0, 2.0, 8), ("three", None, 2, 33)):
        assert plotted(*values) == gr.skip()


def test_a_chart_rests_without_pocket(monkeypatch):
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (False, "It is not here."))
    with pytest.raises(ModelError, match="It is not here"):
        HybridRequest.checked()
    assert plotted("three", 6.0, 2.0, 33) == gr.skip()


def test_the_photo_is_an_input_of_the_run_and_does_not_travel_with_its_settings():
    assert read(None) == {} and read("no picture") == {}
    alone(hybrids.TITLE, hybrids.build)  # a page: its photo is a source of the job
    photo = mountains()
    *_, value = hybrids.JOB.handler("hybrids")({"picture": photo}, own="low", prompt_1="", n=1, steps=1, device="cpu")
    recording = RUNS.get(value)
    np.testing.assert_array_equal(recording.plan.inputs[PHOTO], pixels_of(photo))
    assert "low your photo" in value["caption"] and PHOTO not in recording.settings
    with pytest.raises(gr.Error, match="There is no photo yet"):
        list(hybrids.JOB.handler("hybrids")(None, own="low", prompt_1="", n=1, steps=1, device="cpu"))


def test_settings_of_a_run_with_a_photo_are_restored_without_it(tmp_path):
    alone(hybrids.TITLE, hybrids.build)
    r = HybridRequest(prompts=("", "a rose"), own="low", n=2, steps=3)
    (tmp_path / "saved.png").write_bytes(images.png(PIXELS, r.settings() | {"picture": 1}))
    assert hybrids.JOB.restore(str(tmp_path / "saved.png")) == list(r.parameters().values())


@pytest.mark.parametrize(
    ("split", "mode", "near", "far"),
    [
        ("frequencies", "distance", "seen from near: “b”", "“a”"),
        ("three", "distance", "seen from near: “c”", "“a”"),
        ("colour", "colour", "seen in colour: “b”", "“a”"),
        ("motion", "motion", "seen at rest: “b”", "“a”"),
    ],
)
def test_the_chosen_picture_is_seen_near_and_far(split, mode, near, far):
    prompts = ("a", "b", "c")[: len(SPLITS[split][1])]
    value = hybrids.JOB.seen(Hybrids(request=HybridRequest(prompts=prompts, split=split, length=9)), PIXELS, 0)
    assert (value["mode"], value["near"], value["far"]) == (mode, near, far)
    assert value["image"] == images.data_uri(images.png(PIXELS))
    assert (value["length"], value["angle"], value["farthest"]) == (9, 45.0, 8.0)


def test_the_look_inside_has_a_noise_for_every_prompt_and_no_difference():
    *_, value = hybrids.JOB.handler("hybrids")(n=1, steps=1, device="cpu")
    inner = hybrids.JOB.look(RUNS.get(value), 0)
    assert inner["lanes"][2:] == ["noise estimate: low", "noise estimate: high"]
    assert all(len(frame["images"]) == 4 for frame in inner["frames"])
