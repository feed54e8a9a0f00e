"""Draw as I type, in headless Chromium: type, watch, stop typing, switch it off."""

import re

import pytest
from playwright.sync_api import expect

from core.models.registry import availability

pytestmark = [
    pytest.mark.skipif(not availability("pocket-fast")[0], reason="pocket-fast is not in checkpoints/"),
    pytest.mark.tabs("sampling"),
]
LATENCY = re.compile(r"^\d+ ms from the key to the picture · pocket-fast, 4 network calls, guidance ")


def opened(page):
    """The sampling tab with the switch on and its first picture; its prompt."""
    page.get_by_role("tab", name="Sampling & guidance").click()
    page.get_by_label("Draw as I type").check()
    expect(page.locator("#typed img")).to_have_attribute("src", re.compile("^data:image"))
    return page.locator("#sampling-tab textarea:visible").first


def source(page) -> str:
    return page.locator("#typed img").get_attribute("src")


def changes(page, before: str) -> str:
    """The picture, once it is another one."""
    expect(page.locator("#typed img")).not_to_have_attribute("src", before)
    return source(page)


def test_the_picture_follows_the_keys_grows_in_a_pause_and_goes_with_the_switch(page):
    prompt = opened(page)
    before, example = source(page), page.locator("#sampling-view img").first.get_attribute("src")
    prompt.fill("")
    prompt.press_sequentially("an emoji of a rose", delay=60)
    words = page.locator("#typed .typed-words")
    expect(words).to_have_text(LATENCY)
    changes(page, before)
    expect(words).to_have_text(re.compile(r"Enlarged to 256 pixels\.$"))
    large = page.locator("#typed img").evaluate("e => e.naturalWidth")
    assert large == 256
    page.get_by_label("Draw as I type").uncheck()
    expect(page.locator("#typed .typed")).to_be_hidden()
    expect(prompt).to_have_value("an emoji of a rose")
    assert page.locator("#sampling-view img").first.get_attribute("src") == example  # nothing else was touched


def test_it_follows_the_seed_and_guidance_and_names_what_is_wrong(page):
    opened(page)
    before = source(page)
    tab = page.locator("#sampling-tab")
    tab.get_by_role("spinbutton", name="Seed").fill("7")
    before = changes(page, before)
    guidance = tab.get_by_role("spinbutton", name="number input for Guidance w")
    guidance.fill("15")
    guidance.press("Enter")
    expect(page.locator("#typed .typed-words")).to_have_text(
        re.compile(r"guidance 8, the nearest to 15 that it learned, seed 7\.")
    )
    shown = source(page)
    tab.get_by_role("spinbutton", name="Seed").fill("-5")
    expect(page.locator("#typed .typed-words")).to_have_text(re.compile("seed must be", re.I))
    assert source(page)[:22] == shown[:22]  # a picture is still there
    page.get_by_label("Draw as I type").uncheck()


def test_a_tap_turns_it_on_where_there_is_no_mouse(page):
    page.get_by_role("tab", name="Sampling & guidance").click()
    page.get_by_label("Draw as I type").dispatch_event("click")
    expect(page.locator("#typed img")).to_be_visible()
    box, prompt = (page.locator(s).first.bounding_box() for s in ("#typed", "#sampling-tab textarea:visible"))
    assert box["width"] <= page.viewport_size["width"] and prompt
    page.get_by_label("Draw as I type").uncheck()
