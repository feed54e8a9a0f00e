"""Pocket's student in the tabs: what it draws there, what it costs, and what is refused in one sentence."""

import pytest
import torch
from toys import SHAPE, tiny_pocket

from core.checks import Refused
from core.models import registry
from core.models.pocket_students import COUNTS, FastPocket, student_net
from core.runs import cost, interpolation, sampling
from core.runs.interpolation import InterpolationRequest
from core.runs.request import Model
from core.runs.sampling import PLANS, STUDENT_SWEEP, PictureRequest
from core.runs.sdedit import SDEditRequest
from core.runs.words import WordsRequest
from tabs.sampling.page import JOB
from tabs.ui.form import Form
from tabs.ui.presets import on

NAME = "pocket-fast"


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """A tiny student; the sizes of its network's calls."""
    teacher, made = tiny_pocket(), []
    net = student_net(SHAPE, len(teacher.vocabulary))
    net.load_state_dict(teacher.net.state_dict(), strict=False)
    net.eval().register_forward_hook(lambda net, args, out: made.append(len(args[0])))
    student = FastPocket(net, teacher.vocabulary)
    for module in (sampling, interpolation, cost):
        monkeypatch.setattr(module, "load", lambda name, device="auto": student)
    monkeypatch.setattr("core.runs.prompts.availability", lambda name: (True, "Ready."))
    monkeypatch.setattr("core.runs.request.availability", lambda name: (True, "Ready."))
    return made


def request(**changed) -> PictureRequest:
    return PictureRequest.checked(**{"prompt": "a rose", "model": NAME, "steps": 4, "n": 2} | changed)


def test_the_row_in_the_table_of_models_is_what_the_network_learned():
    model = registry.spec(NAME)
    assert (model.counts, model.scales) == (COUNTS, FastPocket.scales) and model.defaults["steps"] in COUNTS


@pytest.mark.parametrize("experiment", ["samples", "with-and-without", "guidance-sweep", "step-sweep"])
def test_the_announced_calls_are_those_that_are_made(experiment, calls):
    plan = PLANS[experiment](request())
    *_, last = plan.run("cpu")
    n, images = plan.cost()
    assert last.x_t.shape == (plan.count, 3, 64, 64) and torch.isfinite(last.x_t).all()
    assert len(calls) == n and sum(calls) == pytest.approx(n * images)


def test_sweeps_are_over_what_it_learned():
    assert PLANS["guidance-sweep"](request()).scales == STUDENT_SWEEP and PLANS["step-sweep"](request()).steps == COUNTS


def test_the_cost_line_speaks_of_no_second_half():
    assert JOB.price(*request().parameters().values(), "cpu").startswith("4 network calls on 2 images each, about")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"steps": 30}, "1, 2, 4 or 8 steps, not in 30"),
        ({"guidance": 0.5}, "must be a number from 1 to 8"),
        ({"negative": "a dog"}, "no negative prompt"),
        ({"guide_to": 500}, "no interval"),
        ({"sampler": "ddpm"}, "learned no other"),
        ({"timesteps": "fast27"}, "learned no other"),
    ],
)
def test_what_it_did_not_learn_is_refused(changed, words):
    with pytest.raises(Refused, match=words):
        request(**changed)


def test_when_to_guide_is_a_question_for_its_teacher():
    with pytest.raises(Refused, match="guidance inside"):
        PLANS["when-to-guide"](request())


def test_between_two_noises(calls):
    plan = interpolation.PLANS["between"](InterpolationRequest.checked(model=NAME, steps=2, columns=3))
    *_, last = plan.run("cpu")
    assert last.x_t.shape == (3, 3, 64, 64) and calls == [3, 3] and plan.cost() == (2, 3)
    with pytest.raises(Refused, match="not in 30"):
        InterpolationRequest.checked(model=NAME)


@pytest.mark.parametrize("kind", [SDEditRequest, WordsRequest])
def test_where_all_timesteps_are_needed_it_is_refused_in_one_sentence(kind):
    with pytest.raises(Refused, match=r"^The model pocket-fast leaps over most timesteps, .*: choose its teacher\.$"):
        kind.checked(model=NAME)
    assert NAME not in kind.kinds()["model"].options()


def test_it_is_offered_only_where_it_is_here_and_suits(monkeypatch):
    assert NAME in Model("Model", few=True).options() and NAME not in Model("Model").options()
    monkeypatch.setattr("core.runs.request.availability", lambda name: (False, "Not here."))
    assert NAME not in Model("Model", few=True).options()


def test_the_steps_follow_the_choice_of_a_student_and_back():
    form = Form(PictureRequest())
    assert [form.steps_for(NAME, n) for n in (30, 2)] == [4, 2]
    assert [form.steps_for("pocket", n) for n in (4, 50)] == [30, 50]


def test_a_tab_begins_on_it_with_steps_that_it_learned():
    assert on(InterpolationRequest(), NAME).steps == 4 and on(InterpolationRequest(), "if-m").steps == 30
