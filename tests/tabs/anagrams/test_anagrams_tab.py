"""The anagrams' tab: the chosen picture in motion, the lessons, the panel of further readings, what a view makes of noise."""

import numpy as np
import pytest

from core.models.registry import availability
from core.pictures import images
from core.pictures.scenes import mountains
from core.runs.anagrams import AnagramRequest, Anagrams
from tabs.anagrams import page as anagrams
from tabs.anagrams.legal import ILLEGAL, check
from tabs.ui.viewer import RUNS, as_uri

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
PIXELS = np.asarray(images.square(mountains(), 64))


def test_the_chosen_picture_turns_from_as_it_is_to_every_other_view():
    r = AnagramRequest(prompts=("a", "b", "c"), views=("identity", "flip", "negate"), n=2, seed=9)
    plan = Anagrams(request=r)
    value = anagrams.JOB.seen(plan, PIXELS, 1)
    assert value["lanes"] == [*plan.lane_titles, "in motion: upside down", "in motion: negative"]
    assert (value["columns"], value["status"], value["back"]) == (3, "picture 2 · seed 10", True)
    labels = [frame["label"] for frame in value["frames"]]
    assert (labels[0], labels[12], labels[-1], len(labels)) == ("as it is", "50 % of the way", "in the other view", 25)
    ends = [images.enlarge(p, 4) for p in plan.seen(PIXELS)]
    assert value["frames"][0]["images"][3:] == [as_uri(ends[0])] * 2
    assert value["frames"][-1]["images"] == [*map(as_uri, plan.seen(PIXELS)), *map(as_uri, ends[1:])]


@pytest.mark.parametrize("view", ILLEGAL)
def test_a_lesson_takes_its_own_view_whatever_was_chosen(view):
    *_, value = anagrams.JOB.handler("anagrams", view_2=view)(n=1, steps=1, view_2="flip", device="cpu")
    assert RUNS.get(value).plan.request.views == ("identity", view)
    assert "a view that is not legal" in value["caption"]


def test_a_request_with_further_readings_opens_their_panel():
    three = AnagramRequest(prompts=("a", "b", "c"), views=("identity", "flip", "skew"))
    assert [panel.open for r in (AnagramRequest(), three) for panel in anagrams.JOB.extra(r)] == [False, True]


def test_both_views_that_are_not_legal_have_a_lesson_and_fail_the_check():
    assert ILLEGAL == ["blur", "white_balance"]
    assert all("The network never saw such noise" in check(view, 1) for view in ILLEGAL)
    assert "Legal: still noise" in check("jigsaw", 5)
