"""The table of thresholds by guidance scale, and its chart."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import thresholds
from benchmarks.pocket_judges import judged
from benchmarks.pocket_kinds import of_all_kinds
from benchmarks.thresholds import put
from core.diffusion.noise import generator
from core.models.registry import availability, card
from core.models.scores import Statistics
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


def names(folder: Path, kinds: list[str]) -> Path:
    """A folder of data that has the names of kinds of photo, and no pictures."""
    (folder / "photos64").mkdir()
    (folder / "photos64" / "classes.tsv").write_text("".join(f"n{k}\t{kind}\n" for k, kind in enumerate(kinds)))
    return folder


def test_a_photo_is_right_if_its_own_kind_is_named(tmp_path, monkeypatch):
    """The card has fewer kinds than the classifier, in another order."""
    monkeypatch.setenv("DIFFUSION_DATA", str(names(tmp_path, ["goldfish", "beacon", "school bus"])))
    photos = of_all_kinds(["school bus", "goldfish"], 5)
    monkeypatch.setattr(thresholds, "draw", lambda model, prompts, *how: np.zeros((len(prompts), 64, 64, 3), np.uint8))
    monkeypatch.setattr(thresholds, "judged", lambda pixels: (torch.zeros(5, 4), torch.eye(7)[[2, 0, 2, 0, 1]]))
    monkeypatch.setattr(thresholds, "trained_on", lambda kinds: None)
    monkeypatch.setattr(thresholds, "to_training", lambda features, train: 9.0)
    found = thresholds.measure(None, photos, "none", 7.0, thresholds.parse(["--photos", "5", "--device", "cpu"]))
    assert (found["top_1"], found["photos"], found["frechet"]) == (0.8, 5, 9.0), "all but the last"


@pytest.mark.skipif(not HERE, reason="pocket or the photo classifier is not in checkpoints/")
def test_data_that_are_not_here_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFUSION_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"^photos64 was not found under .*\.$"):
        thresholds.main(["--photos", "2", "--device", "cpu", "--out", str(tmp_path / "table.json")])


@pytest.mark.slow
@pytest.mark.skipif(not HERE, reason="pocket or the photo classifier is not in checkpoints/")
def test_a_run_writes_the_table_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(thresholds, "STEPS", 2)
    monkeypatch.setattr(thresholds, "SCALES", (1.0, 20.0))
    arguments = ["--photos", "2", "--device", "cpu", "--out", str(tmp_path / "table.json")]
    monkeypatch.setenv("DIFFUSION_DATA", str(names(tmp_path, card("photo-classifier")["photos"])))
    width = judged(np.zeros((1, 64, 64, 3), np.uint8))[0].shape[1]
    monkeypatch.setattr(
        thresholds, "trained_on", lambda kinds: Statistics.of(torch.randn(2 * width, width, generator=generator(0)))
    )
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
