"""Pocket's student against its teacher: the targets follow the teacher's row; impossible requests are refused."""

import json

import numpy as np
import pytest
import torch
from toys import data

from benchmarks import fewer_steps_pocket
from benchmarks.fewer_steps_pocket import CASES, STUDENT, TEACHER, parse, save, targets
from core.models.pocket_students import COUNTS


def row(model: str, steps: int, right: float, frechet: float = 10.0, one: float = 80.0, four: float = 250.0) -> dict:
    times = {"ms_for_one": one, "ms_for_four": four}
    return {"model": model, "steps": steps, "drawings_right": right, "frechet": frechet} | times


def test_the_teacher_comes_first_and_the_student_in_all_that_it_learned():
    assert CASES[0] == (TEACHER, 30) and {n for model, n in CASES if model == STUDENT} == set(COUNTS)


def test_the_targets_are_relative_to_the_teacher_of_the_same_run():
    rows = [row(TEACHER, 30, 0.99), row(STUDENT, 4, 0.97, 13.1), row(STUDENT, 1, 0.92)]
    assert [(t["what"], t["target"], t["ok"]) for t in targets(rows)] == [
        ("drawings right in 4", ">= 0.97", True),
        ("drawings right in 1", ">= 0.93", False),
        ("Frechet in 4, of the teacher's", "<= 1.3", False),
        ("ms for one picture in 4", "<= 100", True),
        ("ms for four pictures in 4", "<= 300", True),
    ]


@pytest.mark.slow
def test_as_many_photos_are_drawn_as_drawings_and_each_is_judged_by_its_own_kind(tmp_path, monkeypatch):
    """The card has fewer kinds than pictures are drawn, in another order than the classifier's."""
    monkeypatch.setenv("DIFFUSION_DATA", str(data(tmp_path / "data")))
    about = {"drawings": ["rose", "elf"], "photos": ["school bus", "goldfish"]}
    for name, stub in {
        "card": lambda name: about, "load": lambda name, device: name, "trained_on": lambda kinds: None,
        "is_student": lambda model: model == STUDENT, "to_training": lambda features, train: 9.0,
        "right_drawings": lambda pixels, names: [True] * len(names),
        "judged": lambda pixels: (torch.zeros(7, 4), 9 * torch.eye(9)[[2, 0, 2, 0, 2, 0, 8]] + torch.arange(9) / 10),
    }.items():  # fmt: skip
        monkeypatch.setattr(fewer_steps_pocket, name, stub)
    bench, asked = fewer_steps_pocket.Bench(parse(["--pictures", "7", "--no-times"])), []
    monkeypatch.setattr(bench, "draw", lambda model, steps, prompts: asked.append(prompts) or np.zeros(len(prompts)))
    found = bench.row(STUDENT, 4)
    assert asked[-1] == [f"a photo of a {about['photos'][k % 2]}" for k in range(7)]
    assert found["photos_among_five"] == round(6 / 7, 4) and found["network_calls"] == 4


def test_the_table_stands_on_the_card(tmp_path, monkeypatch):
    monkeypatch.setattr(fewer_steps_pocket, "CHECKPOINTS", tmp_path)
    (tmp_path / STUDENT).mkdir()
    (tmp_path / STUDENT / "card.json").write_text(json.dumps({"name": STUDENT, "metrics": {"before": 1}}))
    save([row(TEACHER, 30, 1.0), row(STUDENT, 4, 1.0)], "cpu", 200)
    metrics = json.loads((tmp_path / STUDENT / "card.json").read_text())["metrics"]
    assert metrics["before"] == 1 and metrics["by_steps"]["pictures"] == 200 and len(metrics["by_steps"]["rows"]) == 2


@pytest.mark.parametrize("bad", [["--pictures", "1"], ["--pictures", "201"], ["--batch", "0"]])
def test_impossible_requests_are_refused(bad, capsys):
    with pytest.raises(SystemExit):
        parse(bad)
    assert "must be" in capsys.readouterr().err
