"""What pocket knows, as the page lists it."""

import pytest

from core.models.registry import availability, card
from tabs.sampling import known

FACTS = {
    "drawings": ["rose", "Bactrian camel"],
    "photos": ["pizza"],
    "limits": "small & square",
    "styles": {"flat": {"prompt": "a flat drawing of", "about": "<plain>", "things": 2}},
    "never_seen": {"flat": ["rose"], "glossy": []},
    "metrics": {
        "never-seen": {"n": 100, "style": 0.7, "thing": 0.54},
        "named_blind": {"guidance": 5.0, "photos": ["pizza"], "of": 4},
        "spread": {"seeds": 5, "flat": {"3": 0.44}, "glossy": {"3": 0.6}},
    },
}


@pytest.fixture
def told(monkeypatch) -> str:
    """The list of a small pocket."""
    monkeypatch.setattr(known, "availability", lambda name: (True, "Ready."))
    monkeypatch.setattr(known, "card", lambda name: FACTS)
    known.known_words.cache_clear()
    yield known.known_words()
    known.known_words.cache_clear()


def test_things_styles_and_kinds_of_photo_are_listed_and_escaped(told):
    assert "<b>2 things to draw</b>" in told and "Bactrian camel, rose." in told
    assert "<b>a flat drawing of …</b>: &lt;plain&gt;; 2 things" in told
    assert "<b>1 kinds of photo</b>" in told and "pizza" in told and "small &amp; square" in told


def test_pairs_that_were_never_seen_are_listed_with_what_was_measured(told):
    assert "a flat drawing of rose." in told and "a glossy drawing" not in told
    assert "Of 100 pairs that were held out, the style is right in 70% and the thing in 54%." in told
    assert "pictures of 5 seeds differ by 44% to 60%" in told
    assert "guidance 5, and no prompt named 1 of 4: pizza." in told


@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
def test_the_shipped_pocket_lists_everything_on_its_card():
    known.known_words.cache_clear()
    told, about = known.known_words(), card("pocket")
    assert all(style["prompt"] in told for style in about["styles"].values()) and len(about["styles"]) == 5
    assert f"<b>{len(about['drawings'])} things to draw</b>" in told and "<b>Never seen</b>" in told
