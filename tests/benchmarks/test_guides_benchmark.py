"""The table of both guides by scale: its rows, its targets, and a whole run on few digits."""

import json

import pytest

from benchmarks import guides
from benchmarks.guides import SCALES, best, put, targets
from core.models.registry import availability

HERE = all(availability(name)[0] for name in ("ddpm-time", "ddpm-class", "classifier", "classifier-noisy"))


def row(way: str, scale: float, accuracy: float = 0.99, frechet: float = 1.0) -> dict:
    return {"way": way, "scale": scale, "accuracy": accuracy, "frechet": frechet}


def test_the_best_scale_is_the_nearest_of_those_that_are_accurate_enough():
    rows = [row("classifier", 0.0, 0.1, 5.0), row("classifier", 4.0, 0.985, 3.0), row("classifier", 7.0, 0.99, 4.0)]
    assert best(rows)["scale"] == 4.0
    assert best([row("classifier", 4.0, 0.5), row("classifier", 7.0, 0.9), row("cfg", 1.0)])["scale"] == 7.0


def test_the_targets_are_accuracy_and_twice_the_distance_of_no_guidance():
    rows = [row("classifier", 0.0, 0.1, 5.0), row("classifier", 4.0, 0.985, 11.0)]
    assert [(t["ok"], t["target"]) for t in targets(rows)] == [(True, ">= 0.98"), (False, "< 10.0")]
    assert targets(rows[1:]) == [] and targets([]) == []


def test_a_new_row_replaces_the_old_one_and_the_order_stays():
    rows = put([row("cfg", 1.0), row("classifier", 1.0)], row("cfg", 1.0, frechet=9))
    assert [(r["way"], r["frechet"]) for r in rows] == [("classifier", 1.0), ("cfg", 9)]


@pytest.mark.slow
@pytest.mark.skipif(not HERE, reason="the digit models are not in checkpoints/")
def test_a_run_writes_the_table_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(guides, "STEPS", 2)
    monkeypatch.setattr(guides, "SCALES", {way: scales[:2] for way, scales in SCALES.items()})
    arguments = ["--digits", "4", "--device", "cpu", "--out", str(tmp_path / "table.json")]
    guides.main([*arguments, "--only", "classifier"])
    guides.main(arguments)
    found = json.loads((tmp_path / "table.json").read_text())
    assert [(r["way"], r["scale"]) for r in found["rows"]] == [
        (w, s) for w, scales in guides.SCALES.items() for s in scales
    ]
    assert len(found["targets"]) == 2 and capsys.readouterr().out.count("classifier guidance, scale") == 4


@pytest.mark.parametrize("bad", [["--digits", "1"], ["--only", "pocket"]])
def test_impossible_requests_are_refused(bad, capsys):
    with pytest.raises(SystemExit):
        guides.parse(bad)
    assert "error:" in capsys.readouterr().err
