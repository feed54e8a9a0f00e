"""The tabs of anagrams and hybrids in headless Chromium, as a person uses them."""

import re

import pytest
from playwright.sync_api import expect

from core.models.registry import availability

pytestmark = [
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
    pytest.mark.tabs("anagrams", "hybrids"),
]


def make(page, tab: str, name: str):
    """Open a tab, ask for two pictures in few steps, and wait for the files."""
    page.get_by_role("tab", name=tab).click()
    for label, number in (("Pictures", "2"), ("Steps", "5")):
        field = page.get_by_label(f"number input for {label}").locator("visible=true")
        field.fill(number)
        field.press("Tab")
    page.locator("button.do-run").locator("visible=true").click()
    expect(page.locator(f"#{name}-view .fv-text")).to_have_text(re.compile("done in"))
    expect(page.get_by_role("button", name="All as zip").locator("visible=true")).to_be_enabled()


@pytest.mark.parametrize(
    ("tab", "chosen"), [("Visual anagrams", "#anagrams-motion .fv-lanes"), ("Hybrids", "#hybrids-distance")]
)
def test_a_chosen_picture_of_the_run_before_is_dimmed_while_another_is_made(page, tab, chosen):
    page.get_by_role("tab", name=tab).click()
    expect(page.locator(chosen)).to_have_css("opacity", "1")
    page.locator("button.do-run").locator("visible=true").click()
    expect(page.locator(chosen)).to_have_css("opacity", "0.4")
    page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    expect(page.locator(chosen)).to_have_css("opacity", "1")


def test_an_anagram_turns_to_and_fro(page):
    page.get_by_role("tab", name="Visual anagrams").click()
    motion = page.locator("#anagrams-motion")
    moving = motion.locator("img").last
    expect(moving).to_have_attribute("src", re.compile("data:"))
    example = moving.get_attribute("src")
    make(page, "Visual anagrams", "anagrams")
    assert page.locator("#anagrams-view img").count() == 2
    expect(moving).not_to_have_attribute("src", example)
    expect(motion.locator("figcaption").last).to_have_text("in motion: upside down")
    first = moving.get_attribute("src")
    motion.locator(".fv-play").click()
    expect(motion.locator(".fv-label")).to_have_text("in the other view")
    assert moving.get_attribute("src") != first
    page.wait_for_function(  # label and picture at once, as it goes on turning
        """(first) => {
          const motion = document.querySelector('#anagrams-motion');
          return motion.querySelector('.fv-label').textContent === 'as it is'
            && [...motion.querySelectorAll('img')].at(-1).getAttribute('src') === first;
        }""",
        arg=first,
    )
    image = page.locator("#anagrams-view img").first
    box = image.bounding_box()
    image.click(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    expect(motion.locator(".fv-text")).to_have_text("picture 2 · seed 181")
    page.get_by_role("button", name="Keep only this one").locator("visible=true").click()
    expect(page.get_by_label("number input for Pictures").locator("visible=true")).to_have_value("1")
    expect(motion.locator(".fv-text")).to_have_text("picture 1 · seed 181")
    with page.expect_download() as download:
        page.get_by_role("button", name="GIF").locator("visible=true").click()
    assert download.value.suggested_filename == "anagram-pocket-seed-181.gif"
    page.get_by_text("Is this view legal?").click()
    expect(page.locator(".legal")).to_have_text(re.compile("invertibility.*Legal: still noise", re.S))
    page.get_by_role("button", name="→ Hybrids").locator("visible=true").click()
    expect(page.get_by_role("button", name="Make hybrids")).to_be_visible()
    expect(page.get_by_label("Take from the photo").locator("visible=true")).to_have_value("its low part")


def test_a_hybrid_steps_back(page):
    make(page, "Hybrids", "hybrids")
    far = page.locator("#hybrids-distance")
    expect(far.locator(".far-label")).to_have_text("8.0 times as far")
    far.locator(".far-range").fill("0")
    expect(far.locator(".far-label")).to_have_text("1.0 times as far")
    far.locator(".far-range").fill("100")
    expect(far.locator(".far-label")).to_have_text("8.0 times as far")
    assert far.locator(".far-small canvas").evaluate("c => c.getBoundingClientRect().width") < 60
    assert "blur" in far.locator(".far-left canvas").evaluate("c => c.style.filter")
    far.locator(".fv-play").click()
    expect(far.locator(".far-label")).not_to_have_text("8.0 times as far")
    page.get_by_text("Inside the chosen picture").locator("visible=true").click()
    expect(page.locator("#hybrids-inside figcaption").last).to_have_text("noise estimate: high")
    page.get_by_role("button", name="Three-way").click()
    expect(page.get_by_label("Prompt 3: seen from near (high)")).to_be_visible()
