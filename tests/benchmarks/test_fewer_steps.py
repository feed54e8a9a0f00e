"""The table of quality by network calls: its rows, its targets, and a whole run on few digits."""

import hashlib
import json

import pytest
from safetensors.torch import save_file

from benchmarks import fewer_steps
from benchmarks.fewer_steps import COUNTS, put, targets
from core.diffusion.sampler_table import SAMPLERS
from core.models.mnist_students import StudentUNet
from core.models.registry import spec


def row(model: str, sampler: str, steps: int, accuracy: float = 1.0, frechet: float = 0.1, ms: float = 20.0) -> dict:
    scores = {"accuracy": accuracy, "frechet": frechet, "ms_for_ten": ms}
    return {"model": model, "sampler": sampler, "steps": steps} | scores


def test_every_row_can_be_asked_for():
    for (model, sampler), counts in COUNTS.items():
        known = SAMPLERS[sampler].counts
        assert spec(model).path == "flow" and (not known or set(counts) <= set(known))


def test_the_targets_are_those_of_the_students_and_one_call_has_a_limit_in_time():
    found = targets([row("flow-class", "euler", 1, 0.1, 50), row("flow-class-fast", "few-steps", 1, 0.99, 1.3, 51)])
    assert [(t["what"], t["ok"]) for t in found] == [
        ("flow-class-fast, few-steps 1: accuracy", True),
        ("flow-class-fast, few-steps 1: Frechet", False),
        ("flow-class-fast, few-steps 1: ms for ten digits", False),
    ]


def test_a_new_row_replaces_the_old_one_and_the_order_stays():
    rows = [row("flow-class-fast", "few-steps", 2), row("flow-class", "euler", 4)]
    rows = put(rows, row("flow-class-fast", "few-steps", 2, frechet=9))
    assert [(r["model"], r["frechet"]) for r in rows] == [("flow-class", 0.1), ("flow-class-fast", 9)]


@pytest.mark.slow
def test_a_run_writes_the_table_and_the_scores_on_the_card(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fewer_steps, "ROUNDS", 1)
    out = tmp_path / "flow-class-fast"
    out.mkdir()
    save_file(StudentUNet(4, 5).state_dict(), out / "weights.safetensors")
    sums = {"weights.safetensors": hashlib.sha256((out / "weights.safetensors").read_bytes()).hexdigest()}
    architecture = {"objective": "fast", "hidden": 4, "levels": 5}
    (out / "card.json").write_text(json.dumps({"name": out.name, "architecture": architecture, "sha256": sums}))
    arguments = ["--digits", "4", "--device", "cpu", "--out", str(tmp_path / "table.json")]
    fewer_steps.main([*arguments, "--models", "flow-class-fast", "flow-class-consistency"], tmp_path)
    found = json.loads((tmp_path / "table.json").read_text())
    assert [r["steps"] for r in found["rows"]] == [16, 8, 4, 2, 1] and len(found["targets"]) == 7
    assert set(json.loads((out / "card.json").read_text())["scores"]) == {f"few-steps {n}" for n in (16, 8, 4, 2, 1)}
    assert "short  flow-class-fast, few-steps 4: accuracy" in capsys.readouterr().out
    monkeypatch.setattr(fewer_steps, "milliseconds", lambda judge, case: 1000.0 + case.steps)
    fewer_steps.main([*arguments, "--times", "--models", "flow-class-fast"], tmp_path)
    again = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert again == [r | {"ms_for_ten": 1000.0 + r["steps"]} for r in found["rows"]]


@pytest.mark.parametrize("bad", [["--digits", "1"], ["--models", "pocket"]])
def test_impossible_requests_are_refused(bad, capsys):
    with pytest.raises(SystemExit):
        fewer_steps.parse(bad)
    assert "error:" in capsys.readouterr().err
