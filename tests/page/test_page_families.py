"""Three families in headless Chromium: the example, a run, a look inside, between two seeds, what was measured."""

import re

import pytest
from drawing import type_in
from playwright.sync_api import expect

from core.models.registry import availability
from core.runs.families import BETWEEN, FAMILIES

pytestmark = [
    pytest.mark.tabs("mnist"),
    pytest.mark.skipif(not all(availability(n)[0] for n in FAMILIES), reason="a family is not in checkpoints/"),
]
DONE = re.compile("done in")


@pytest.fixture
def page(page):
    """The page with the sub-tab open."""
    page.get_by_role("tab", name="Three families", exact=True).click()
    page.locator("#families-view img").first.wait_for()
    return page


def press(page, name: str):
    """Press a button, and wait for the run's files."""
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
    expect(page.locator("#families-view .fv-text")).to_have_text(DONE)
    expect(page.get_by_role("button", name="PNG", exact=True).locator("visible=true")).to_be_enabled()


def test_the_example_the_table_and_the_curves_are_there_before_a_run(page):
    expect(page.locator("#families-view .fv-text")).to_contain_text("an example")
    expect(page.locator("#families-view .fv-down").first).to_have_text(re.compile("GAN.*VAE.*Diffusion", re.S))
    expect(page.locator("table.board:visible tr")).to_have_count(9)
    expect(page.locator("#families-charts")).to_contain_text("minutes of one core")


def test_run_scrub_look_inside_and_the_second_figure(page):
    type_in(page, "Steps of diffusion", "4")
    press(page, "Draw with all three")
    expect(page.locator("#families-view .fv-cells i")).to_have_count(30)
    image = page.locator("#families-view img").first
    end = image.get_attribute("src")
    page.locator("#families-view .fv-range").fill("0")
    assert image.get_attribute("src") != end
    page.get_by_text("One of them, step by step").locator("visible=true").click()
    expect(page.locator("#families-inside .fv-text")).to_have_text("picture 1")
    press(page, "Between two seeds")
    expect(page.locator("#families-view .fv-cells i")).to_have_count(3 * BETWEEN)
    expect(page.locator("#families-view")).to_contain_text("on the sphere (slerp)")


def test_bad_digits_get_one_sentence_and_the_figure_stays(page):
    before = page.locator("#families-view img").first.get_attribute("src")
    field = page.get_by_label("Digits").locator("visible=true").first
    field.fill("ten")
    page.get_by_role("button", name="Draw with all three").click()
    expect(page.get_by_text("Type digits from 0 to 9, such as 5101234").first).to_be_visible()
    assert page.locator("#families-view img").first.get_attribute("src") == before
