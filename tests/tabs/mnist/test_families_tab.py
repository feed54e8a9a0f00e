"""The sub-tab Three families: what its table, its curves and its sentences take from the cards."""

import re

import numpy as np
import pytest

from core.models.registry import availability
from core.pictures import images
from core.runs.families import FAMILIES, FamiliesRequest
from tabs.mnist import families
from tabs.mnist.families import JOB, PRESETS

HERE = all(availability(name)[0] for name in FAMILIES)
pytestmark = pytest.mark.skipif(not HERE, reason="a family is not in checkpoints/")


def cells(table: str) -> list[list[str]]:
    """The cells of a table, row by row."""
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]


def test_the_table_has_every_measure_of_every_card_and_of_real_digits():
    cards = families.found()
    head, *rows = cells(families.table(cards))
    assert head == ["", "GAN", "VAE", "Diffusion", "Real digits"] and len(rows) == len(families.ROWS) + 2
    found = {row[0]: row[1:] for row in rows}
    for k, c in enumerate(cards.values()):
        assert found["weights"][k] == f"{c['architecture']['parameters']:,}"
        assert found["digits read as asked"][k] == f"{c['metrics']['accuracy']:.1%}"
        assert found["milliseconds a digit"][k] == f"{c['metrics']['milliseconds_a_digit']:.3g}"
    assert found["Fréchet distance"][3] == f"{cards['gan']['metrics']['real_digits']['frechet']:.2f}"
    assert found["milliseconds a digit"][3] == "" == found["weights"][3]


def test_the_curves_are_those_of_the_cards_and_few_points_each():
    cards = families.found()
    charts = families.curves(cards)["charts"]
    assert [len(c["series"]) for c in charts] == [2, 1, 1]
    for c, (name, facts) in zip(charts, cards.items(), strict=True):
        for line in c["series"]:
            assert len(line["x"]) == len(line["y"]) <= families.POINTS
            assert line["x"] == sorted(line["x"]) and line["x"][-1] == pytest.approx(
                facts["cpu_seconds"] / 60, rel=0.05
            )
        mean = sum(row[1] for row in facts["curve"]) / len(facts["curve"])
        assert sum(c["series"][0]["y"]) / len(c["series"][0]["y"]) == pytest.approx(mean, rel=0.1), name


def test_the_sentences_say_what_was_measured_and_what_they_compare_is_so():
    cards = families.found()
    said = families.sentences(cards).splitlines()
    gan, vae, flow = (c["metrics"] for c in cards.values())
    assert len(said) == 3 and all(f"{m['frechet']:.2f}" in line for m, line in zip((gan, vae, flow), said, strict=True))
    assert (
        gan["frechet"] < flow["frechet"] < vae["frechet"] / 3 and gan["accuracy"] > flow["accuracy"] > vae["accuracy"]
    )
    assert families.quarter(cards["gan"]["curve"], 2) == pytest.approx(
        families.quarter(cards["gan"]["curve"], 4), rel=0.02
    )
    assert vae["coverage"] < min(gan["coverage"], flow["coverage"]) and vae["milliseconds_a_digit"] < 2
    assert flow["copies"] < gan["real_digits"]["copies"] / 2 and vae["copies"] > 1.5 * gan["real_digits"]["copies"]
    for name in ("vae", "flow-small"):
        losses = [averaged for _, _, averaged in cards[name]["validation"]]
        assert losses == sorted(losses, reverse=True), "held out, it falls in every epoch"


def test_a_quarter_of_a_curve_is_its_mean():
    curve = [[k, float(k)] for k in range(8)]
    assert [families.quarter(curve, k) for k in (1, 2, 3, 4)] == [0.5, 2.5, 4.5, 6.5]


def test_without_a_family_the_page_has_no_table(monkeypatch):
    monkeypatch.setattr(families, "FAMILIES", {"no-such-model": "x"})
    assert families.found() == {}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_passes_the_check_and_a_saved_picture_brings_it_back(name, tmp_path):
    request = PRESETS[name].request
    assert FamiliesRequest.restored(request.settings()) == request
    settings = JOB.planned("between", request, {}).settings()
    file = tmp_path / "f.png"
    file.write_bytes(images.png(np.zeros((28, 28, 1), np.uint8), settings))
    assert JOB.restore(str(file)) == list(request.parameters().values())
