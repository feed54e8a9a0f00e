"""Draw as I type: what the box shows for what was typed, without weights."""

from types import SimpleNamespace

import gradio as gr
import pytest
import torch

from core.diffusion.samplers import Step
from core.runs.as_typed import Turns
from core.runs.sampling import Pictures
from tabs.sampling import as_typed
from tabs.sampling.as_typed import enlarged, plan_of, typed

WHO = "somebody"


@pytest.fixture(autouse=True)
def student(monkeypatch):
    """A student that draws even grey; an upsampler that draws it larger."""
    drawn = []

    def run(self, device="auto"):
        drawn.append(self.request)
        x = torch.zeros(1, 3, 64, 64)
        return iter([Step(4, 4, torch.tensor([-1]), x, x)])

    monkeypatch.setattr(Pictures, "run", run)
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (True, "Ready."))
    monkeypatch.setattr(as_typed, "TURNS", Turns(lambda: False))
    return drawn


def test_one_picture_by_the_student_in_four_calls(student):
    value = typed([WHO, "an emoji of a rose", 7, 3.0, "cpu"])
    (r,) = student
    assert (r.model, r.n, r.steps, r.guidance, r.seed) == ("pocket-fast", 1, 4, 3.0, 7)
    assert value["image"].startswith("data:image/")
    assert (
        value["words"] == "pocket-fast, 4 network calls, guidance 3, seed 7." and value["alt"] == "an emoji of a rose"
    )


@pytest.mark.parametrize(("asked", "used"), [(0.0, 1.0), (20, 8.0)])
def test_guidance_that_it_did_not_learn_becomes_the_nearest_and_is_said(asked, used, student):
    value = typed([WHO, "a rose", 7, asked, "cpu"])
    assert student[0].guidance == used and f"the nearest to {asked:g} that it learned" in value["words"]


@pytest.mark.parametrize(
    ("prompt", "seed", "guidance", "words"),
    [
        ("x" * 3000, 7, 3.0, "at most 2,000 characters"),
        ("a rose", -1, 3.0, "seed"),
        ("a rose", None, 3.0, "seed"),
        ("a rose", 7, "much", "guidance"),
        ("a rose", 7, None, "guidance"),
    ],
)
def test_bad_input_is_one_sentence_and_the_picture_before_stays(prompt, seed, guidance, words, student):
    value = typed([WHO, prompt, seed, guidance, "cpu"])
    assert words in value["words"] and "image" not in value and not student


@pytest.mark.parametrize("asked", [[], "rose", None, [WHO, "a rose"], {"prompt": "a rose"}])
def test_a_hostile_question_is_answered_in_words(asked, student):
    assert typed(asked).keys() == {"words"} and not student


def test_a_picture_that_is_no_longer_wanted_is_not_shown(monkeypatch):
    monkeypatch.setattr(as_typed.TURNS, "draw", lambda who, run: None)
    assert typed([WHO, "a rose", 7, 3.0, "cpu"]) == enlarged([WHO, "a rose", 7, 3.0, "cpu"]) == {}


def test_after_a_pause_it_grows(monkeypatch):
    x = torch.zeros(1, 3, 256, 256)
    plan = SimpleNamespace(run=lambda device: iter([Step(4, 4, torch.tensor([-1]), x, x)]))
    monkeypatch.setattr(as_typed, "larger", lambda small, k, pixels: plan if pixels.shape == (64, 64, 3) else None)
    value = enlarged([WHO, "a rose", 7, 3.0, "cpu"])
    assert value["large"] and value["words"].endswith("Enlarged to 256 pixels.")


def test_a_newer_question_ends_the_older_between_its_picture_and_the_larger_one(monkeypatch):
    x = torch.zeros(1, 3, 256, 256)
    plan = SimpleNamespace(run=lambda device: iter([Step(4, 4, torch.tensor([-1]), x, x)]))

    def asked_anew(small, k, pixels):
        monkeypatch.setitem(as_typed.TURNS._newest, str(WHO), 10**9)
        return plan

    monkeypatch.setattr(as_typed, "larger", asked_anew)
    assert enlarged([WHO, "a rose", 7, 3.0, "cpu"]) == {}


def test_the_plan_is_one_that_the_tab_could_make():
    assert plan_of("a rose", 7, 3.0).experiment == "" and plan_of("", 7, 3.0).prompts == ("", "")


def test_without_the_student_there_is_no_switch(monkeypatch):
    monkeypatch.setattr(as_typed, "availability", lambda name: (False, "Not here."))
    with gr.Blocks() as page:
        as_typed.place({}, None)
    assert not any(isinstance(b, gr.Checkbox) for b in page.blocks.values())
