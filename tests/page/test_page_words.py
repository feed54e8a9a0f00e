"""Words in the picture in headless Chromium: run, scrub, point at a word, choose a layer, weigh, swap."""

import re

import pytest
from drawing import type_in
from playwright.sync_api import expect
from stopping import stopped, with_steps

from core.models.registry import availability

pytestmark = [
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
    pytest.mark.tabs("words"),
]
DONE = re.compile("done in")
DRAWN = "(canvas) => canvas.toDataURL()"


@pytest.fixture
def page(page):
    """The page with the tab open, and short runs."""
    page.get_by_role("tab", name="Words in the picture").click()
    page.locator("#words-view .wv-map").first.wait_for()
    page.locator("#words-tab").get_by_text("More settings").locator("visible=true").click()
    expect(page.locator("#words-tab .cost:visible").first).to_have_text(re.compile(r"\b30 network calls"))
    type_in(page, "Steps", "5")
    expect(page.locator("#words-tab .cost:visible").first).to_have_text(re.compile(r"\b5 network calls"))
    return page


def press(page, name: str):
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
    expect(page.locator("#words-view .fv-text")).to_have_text(DONE)
    expect(page.locator("#words-tab").get_by_role("button", name="PNG", exact=True)).to_be_enabled()


def map_of(page, k: int):
    return page.locator("#words-view .wv-map[data-word]").nth(k)


def test_the_example_has_a_map_for_every_word(page):
    assert page.locator("#words-view .wv-word").all_text_contents() == [
        "start",
        "an",
        "emoji",
        "of",
        "a",
        "red",
        "apple",
        "padding",
    ]
    expect(page.locator("#words-view .wv-share").first).to_have_text(re.compile(r"\d %"))


def test_beside_the_sliders_it_is_said_which_button_draws_with_them(page):
    expect(map_of(page, 5).locator(".wv-weigh")).to_contain_text("× 3")
    note = page.locator("#words-view .wv-note")
    expect(note).to_have_text("The sliders fill in “Weigh words”; “Weigh” draws with them, “Draw and watch” does not.")
    expect(note).to_be_visible()


def test_run_scrub_point_and_choose_a_layer(page):
    press(page, "Draw and watch")
    big, red = page.locator("#words-view .wv-picture canvas"), map_of(page, 5).locator("canvas")
    plain, late = big.evaluate(DRAWN), red.evaluate(DRAWN)
    map_of(page, 5).locator(".wv-face").hover()
    expect(page.locator("#words-view .wv-lit")).to_have_text("“red” over the picture")
    assert big.evaluate(DRAWN) == red.evaluate(DRAWN) != plain
    page.get_by_role("heading", name="Fun with Diffusion Models").hover()
    expect(page.locator("#words-view .wv-lit")).to_have_text(re.compile("point at a word"))
    assert big.evaluate(DRAWN) == plain

    page.locator("#words-view .fv-range").fill("0")
    expect(page.locator("#words-view .fv-label")).to_have_text(re.compile("step 1 / 5"))
    page.wait_for_function(
        "(late) => document.querySelectorAll('#words-view .wv-map[data-word] canvas')[5].toDataURL() !== late", arg=late
    )
    before = red.evaluate(DRAWN)
    layer, head = page.locator("#words-view .wv-layer"), page.locator("#words-view .wv-head")
    expect(head).to_be_disabled()
    layer.select_option("up 16×16, 2")
    assert red.evaluate(DRAWN) != before
    expect(head.locator("option")).to_have_text(["average", "1 of 3", "2 of 3", "3 of 3"])
    mean = red.evaluate(DRAWN)
    head.select_option("1")
    page.wait_for_function(
        "(mean) => document.querySelectorAll('#words-view .wv-map[data-word] canvas')[5].toDataURL() !== mean", arg=mean
    )
    page.locator("#words-view .wv-scale").select_option("same")
    expect(page.locator("#words-view .wv-ends")).to_have_text(re.compile("the same for all words"))


def test_weigh_a_word_with_its_slider(page):
    press(page, "Draw and watch")
    slider = map_of(page, 6).locator(".wv-weigh input")
    slider.fill("-1")
    expect(page.locator("#words-weights textarea, #words-weights input")).to_have_value("red 3, apple -1")
    press(page, "Weigh")
    expect(page.locator("#words-view figcaption")).to_have_text(
        ["as it is", "weighed in the attention", "weighed in the caption's sum", "weighed in both"]
    )
    pictures = page.locator("#words-view .wv-picture canvas").evaluate_all("all => all.map((c) => c.toDataURL())")
    assert len(set(pictures)) == 4
    page.locator("#words-view .wv-picture canvas").nth(2).click()
    expect(page.locator("#words-pick input")).to_have_value("3")
    expect(page.locator("#words-view .wv-chosen figcaption")).to_have_text("weighed in the caption's sum")


def test_swap_shows_the_words_of_the_chosen_picture(page):
    press(page, "Swap")
    page.locator("#words-view .wv-picture canvas").nth(1).click()
    expect(map_of(page, 5).locator(".wv-word")).to_have_text("green")
    assert page.locator("#words-view .wv-weigh").count() == 0
    map_of(page, 5).locator(".wv-face").hover()
    shown = page.locator("#words-view .wv-picture canvas").evaluate_all("all => all.map((c) => c.toDataURL())")
    assert shown[1] == map_of(page, 5).locator("canvas").evaluate(DRAWN) != shown[0]


def test_unknown_words_are_struck_out(page):
    page.get_by_role("button", name="A word it does not know").click()
    expect(page.locator("#words-tab textarea").first).to_have_value("an emoji of a melancholic panda")
    press(page, "Draw and watch")
    expect(page.locator("#words-view .wv-map").nth(5)).to_have_text("not readmelancholic")
    assert page.locator("#words-view .wv-map[data-word]").count() == 7


def test_stop_keeps_the_maps_so_far(page):
    assert 1 <= stopped(page, "#words-view", "Draw and watch", 250) < 61
    page.locator("#words-view .wv-layer").select_option("down 8×8")
    mean = map_of(page, 5).locator("canvas").evaluate(DRAWN)
    page.locator("#words-view .wv-head").select_option("0")
    page.wait_for_function(  # it is asked for
        "(mean) => document.querySelectorAll('#words-view .wv-map[data-word] canvas')[5].toDataURL() !== mean", arg=mean
    )
    with_steps(page, 5)
    press(page, "Draw and watch")
    expect(page.locator("#words-view .fv-range")).to_have_attribute("max", "5")
