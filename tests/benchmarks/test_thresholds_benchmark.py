"""The table of thresholds by guidance scale, and its chart."""

import json

import pytest

from benchmarks import thresholds
from benchmarks.thresholds import put
from core.models.registry import availability
from core.runs.thresholds import ROWS
from tabs.guides import thresholds as tab

HERE = all(availability(name)[0] for name in ("pocket", "photo-classifier"))


def row(threshold: str, scale: float, frechet: float = 9.0, **more) -> dict:
    return {"threshold": threshold, "scale": scale, "frechet": frechet, "photos": 4, "steps": 2, "top_5": 0.5} | more


def test_a_new_row_replaces_the_old_one_and_the_order_is_that_of_the_tab():
    rows = put([row("dynamic", 7.0), row("none", 7.0), row("none", 1.0)], row("none", 7.0, 3.0))
    assert [(r["threshold"], r["scale"], r["frechet"]) for r in rows] == [
        ("none", 1.0, 9.0), ("none", 7.0, 3.0), ("dynamic", 7.0, 9.0),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not HERE, reason="pocket or the photo classifier is not in checkpoints/")
def test_a_run_writes_the_table_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(thresholds, "STEPS", 2)
    monkeypatch.setattr(thresholds, "SCALES", (1.0, 20.0))
    arguments = ["--photos", "2", "--device", "cpu", "--out", str(tmp_path / "table.json")]
    thresholds.main(arguments)
    found = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert [(r["threshold"], r["scale"]) for r in found] == [(name, s) for name in ROWS for s in (1.0, 20.0)]
    none, clip, dynamic = (r["frechet"] for r in found if r["scale"] == 20)
    assert len({none, clip, dynamic}) == 3, "each threshold makes other photos"
    before = (tmp_path / "table.json").read_text()
    thresholds.main(arguments)
    assert (tmp_path / "table.json").read_text() == before and capsys.readouterr().out


@pytest.mark.parametrize("bad", [["--photos", "1"], ["--device", "abacus"]])
def test_impossible_requests_are_refused(bad, capsys):
    with pytest.raises(SystemExit):
        thresholds.parse(bad)
    assert "error:" in capsys.readouterr().err


def test_the_chart_has_a_curve_for_each_threshold(monkeypatch):
    monkeypatch.setattr(tab, "measured", lambda: [row(n, s, s, top_5=s / 10) for n in ROWS for s in (1.0, 7.0)])
    (chart,) = tab.curves()["charts"]
    assert [(c["name"], c["dashed"]) for c in chart["series"]] == [(label, n == "none") for n, label in ROWS.items()]
    assert chart["series"][1]["x"] == [10, 70] and chart["series"][1]["labels"] == ["1", "7"]
    monkeypatch.setattr(tab, "measured", list)
    assert tab.curves()["charts"] == [] and "Not measured" in tab.curves()["caption"]
