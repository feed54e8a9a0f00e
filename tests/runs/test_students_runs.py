"""Students beside their teacher: which cell is drawn by whom, in how many calls, and what stands under it."""

import json

import numpy as np
import pytest
import torch

from core.checks import Refused
from core.diffusion.students import FEW_STEPS
from core.models.registry import load
from core.runs import cost, students
from core.runs.mnist import DigitRequest, Digits
from core.runs.students import FOOT, ROWS, Students, StudentsRequest, sheet


def test_ten_digits_are_one_picture_row_by_row():
    digits = torch.arange(10.0).view(10, 1, 1, 1).expand(10, 1, 2, 3)
    picture = sheet(digits)
    assert picture.shape == (1, 1, 4 + FOOT, 15)
    assert torch.equal(picture[0, 0, :4:2, ::3], torch.arange(10.0).view(2, 5))


@pytest.mark.slow
def test_every_cell_is_what_its_model_draws_alone():
    plan = Students(request=StudentsRequest(seed=3))
    *_, last = plan.run("cpu")
    k = plan.cells.index(("flow-class", "euler", 4))
    alone = DigitRequest(each=1, steps=4, seed=3, guidance=1.5)
    *_, step = alone.run("cpu")
    torch.testing.assert_close(last.x_0[k], sheet(step.x_t.clamp(0, 1))[0], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_the_announced_calls_are_those_that_are_made():
    plan, made = Students(request=StudentsRequest()), []
    hooks = [
        load(name, "cpu").net.register_forward_hook(lambda net, args, out: made.append(len(args[0])))
        for name in dict.fromkeys(model for model, _ in plan.rows.values())
    ]
    try:
        list(plan.run("cpu"))
    finally:
        for hook in hooks:
            hook.remove()
    calls, images = plan.cost()
    assert len(made) == calls and sum(made) == pytest.approx(calls * images)


def test_a_student_is_asked_only_for_what_it_learned():
    cells = Students(request=StudentsRequest()).cells
    learned = {cell[2] for cell in cells if cell and cell[0] == "flow-class-consistency"}
    assert learned <= {1, 2, 4} and {c[2] for c in cells if c and c[0] == "flow-class-fast"} == set(FEW_STEPS)


def test_under_each_cell_stands_what_was_measured(tmp_path, monkeypatch):
    row = {"model": "flow-class-fast", "sampler": "few-steps", "steps": 2, "accuracy": 0.9951, "frechet": 0.461}
    file = tmp_path / "fewer_steps.json"
    file.write_text(json.dumps({"rows": [row]}))
    monkeypatch.setattr(students, "FILE", file)
    plan = Students(request=StudentsRequest())
    under = plan.under(np.zeros((plan.count, 56, 140, 1), np.uint8))
    assert under[plan.cells.index(("flow-class-fast", "few-steps", 2))] == "99.5% · 0.46" and sum(map(bool, under)) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_without_measurements_nothing_stands_there(text, tmp_path, monkeypatch):
    file = tmp_path / "fewer_steps.json"
    file.write_text(text)
    monkeypatch.setattr(students, "FILE", file)
    assert students.measured() == []


@pytest.mark.parametrize("guidance", [0.5, 5.5, None, "much"])
def test_guidance_that_no_student_learned_is_refused(guidance):
    with pytest.raises(Refused, match="guidance must be a number from 1 to 5"):
        StudentsRequest.checked(guidance=guidance)


def test_rows_are_the_models_that_are_here():
    assert list(Students(request=StudentsRequest()).rows) == [
        label for label, (model, _) in ROWS.items() if students.availability(model)[0]
    ]


def test_a_student_s_own_runs_have_a_price():
    plan = Digits(request=DigitRequest.of("flow-class-fast"))
    assert cost.line(plan, "cpu") == f"4 network calls on 20 images each, {cost.brief(plan, 'cpu')}"


def test_the_numbers_stand_only_where_they_were_measured():
    elsewhere = Students(request=StudentsRequest(guidance=3.0))
    assert elsewhere.under(np.zeros((1, 1, 1, 1), np.uint8)) == []
    assert "at guidance 1.5, where it was" in elsewhere.caption


def test_the_cost_line_says_ten_digits_and_what_the_teacher_takes():
    assert Students(request=StudentsRequest()).work.endswith("on ten digits each, the teacher's on twenty")
    assert Students(request=StudentsRequest(guidance=1.0)).work.endswith("on ten digits each")
