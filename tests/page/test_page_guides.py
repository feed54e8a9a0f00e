"""Other guides in headless Chromium: run, scrub, look inside, the chart, another path; thresholds with their histograms."""

import re

import pytest
from drawing import type_in, until
from playwright.sync_api import expect

from core.models.registry import availability

pytestmark = pytest.mark.tabs("guides")

DONE = re.compile("done in")
HERE = all(availability(n)[0] for n in ("ddpm-time", "ddpm-class", "flow-time", "flow-class", "classifier-noisy"))


@pytest.fixture
def page(page):
    """The page with the tab open."""
    page.get_by_role("tab", name="Other guides").click()
    page.locator("#guides-tab").wait_for()
    return page


def few_steps(page, tab: str, line: str):
    """Five steps in the open sub-tab."""
    page.locator("#guides-tab").get_by_text("More settings").locator("visible=true").click()
    type_in(page, "Steps", "5")
    expect(page.locator("#guides-tab .cost:visible").first).to_have_text(re.compile(line))


def press(page, name: str, view: str):
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
    expect(page.locator(f"#{view} .fv-text")).to_have_text(DONE)
    expect(
        page.locator("#guides-tab").get_by_role("button", name="PNG", exact=True).locator("visible=true")
    ).to_be_enabled()


def under(page, view: str) -> list[str]:
    """What stands under the pictures."""
    return [cell.get_attribute("data-under") or "" for cell in page.locator(f"#{view} .fv-cells i").all()]


@pytest.mark.skipif(not HERE, reason="not all models are in checkpoints/")
def test_guide_scrub_and_look_inside(page):
    few_steps(page, "guides", r"\b5 network calls")
    press(page, "Guide", "guides-view")
    read = under(page, "guides-view")
    assert (
        len(read) == 40 and read[20:30] == [""] * 10 and all(re.fullmatch(r"\d [✓✗]", w) for w in read[:20] + read[30:])
    )
    assert sum("✓" in w for w in read[30:]) >= 8, "the conditional model with its own guidance"
    image = page.locator("#guides-view img")
    end = image.get_attribute("src")
    page.locator("#guides-view .fv-range").fill("1")
    assert image.get_attribute("src") != end and under(page, "guides-view") == [""] * 40
    box = image.bounding_box()
    page.get_by_text("Inside one picture").locator("visible=true").click()
    expect(page.locator("#guides-inside .fv-text")).to_have_text("picture 1")  # the opened panel is filled

    def chosen() -> bool:
        """A click on the gradient of the 3; the look that the opened panel asked for may come after its answer."""
        image.click(position={"x": box["width"] * 0.35, "y": box["height"] * 0.6})
        page.wait_for_timeout(500)
        return page.locator("#guides-inside .fv-text").inner_text() == "picture 24"

    until(page, chosen, "a look inside picture 24")
    expect(page.locator("#guides-inside figcaption").last).to_contain_text("red where more ink")


@pytest.mark.skipif(not HERE, reason="not all models are in checkpoints/")
def test_one_digit_at_seven_scales(page):
    few_steps(page, "guides", r"\b5 network calls")
    press(page, "By scale", "guides-view")
    assert len(under(page, "guides-view")) == 21
    expect(page.locator("#guides-view .fv-across").first).to_have_text(re.compile("^00.5124710$"))


@pytest.mark.skipif(not HERE, reason="not all models are in checkpoints/")
def test_away_from_a_weaker_network(page):
    few_steps(page, "guides", r"\b5 network calls")
    press(page, "A weaker guide", "guides-view")
    assert len(under(page, "guides-view")) == 50 and all(re.fullmatch(r"\d", w) for w in under(page, "guides-view"))
    expect(page.locator("#guides-view .fv-down").first).to_contain_text("flow-small alone")


def test_no_reading_stands_on_its_digit(page):
    cells = page.locator("#guides-view .fv-cells i")
    expect(cells).to_have_count(40)
    first, below = cells.nth(0).bounding_box(), cells.nth(10).bounding_box()
    assert abs(first["height"] - first["width"]) < 2, "a cell is its picture"
    assert below["y"] - first["y"] - first["height"] > 14, "there is room for a line between the rows"


def test_the_chart_says_what_was_measured(page):
    expect(page.locator("#guides-chart")).to_contain_text("python -m benchmarks.guides")
    page.get_by_role("tab", name="Thresholding", exact=True).click()
    expect(page.locator("#thresholds-chart")).to_contain_text("python -m benchmarks.thresholds")


@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
def test_thresholds_have_a_histogram_below_each_picture(page):
    page.get_by_role("tab", name="Thresholding", exact=True).click()
    few_steps(page, "thresholds", r"\b5 network calls")
    field = page.get_by_label("Guidance w, a column each").locator("visible=true")
    field.fill("1, 20")
    field.press("Tab")
    press(page, "Draw", "thresholds-view")
    assert all(re.fullmatch(r"\d+ %", w) for w in under(page, "thresholds-view"))
    box = page.locator("#thresholds-view img").bounding_box()
    assert box["height"] / box["width"] == pytest.approx(3 * 102 / (2 * 64), rel=0.05)
