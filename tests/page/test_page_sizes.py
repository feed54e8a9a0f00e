"""How large things are on a phone, on a touch screen and on a wide one."""

import re

import pytest
from playwright.sync_api import expect

TARGETS = "button:not(footer *), a.sm, [role='tab'], input:not([type='range'], label input), textarea, select, summary, label:has(> input)"
SMALL = """all => all.filter(e => e.checkVisibility({visibilityProperty: true}) && e.offsetWidth).map((e) => {
  const {width, height} = e.getBoundingClientRect();
  return [e.textContent.trim() || e.ariaLabel || e.className, Math.round(width), Math.round(height)];
}).filter(([, width, height]) => Math.min(width, height) < 40)"""


@pytest.fixture
def touched(browser, sites):
    """Opens a page of some tabs on a phone that is touched."""
    contexts = []

    def opened(*names: str):
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(sites(*names))
        page.locator("button.do-run:visible").first.wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()


def test_a_finger_meets_every_button_and_field(touched):
    page = touched("denoise", "sdedit")
    for name in ("Forward & denoise", "SDEdit"):
        page.get_by_role("tab", name=name).tap()
        page.locator(".sends button").locator("visible=true").first.wait_for()
        for panel in page.locator("button.label-wrap:visible", has_text=re.compile("More settings|formula")).all():
            panel.tap()
        expect(page.locator("button.label-wrap.open:visible")).to_have_count(2)
        assert page.locator(TARGETS).evaluate_all(SMALL) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


@pytest.mark.tabs("denoise", "sdedit")
def test_on_a_phone_a_strip_is_one_row_under_its_labels_that_scrolls(page):
    page.set_viewport_size({"width": 390, "height": 844})
    strip = page.locator("#denoise-tab .figure-box").first
    expect(strip.locator(".tiles > div")).to_have_count(9)
    left, top = "e => e.getBoundingClientRect().left", "all => all.map(e => Math.round(e.getBoundingClientRect().top))"
    assert len(set(strip.locator(".tiles > div").evaluate_all(top))) == 1
    assert len(set(strip.locator(".head:visible").evaluate_all(top))) == 1
    last = strip.locator("img").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    assert strip.locator(".head").last.evaluate(left) == last.evaluate(left)
    assert strip.locator(".row").evaluate(left) == strip.evaluate(left), "the row's label stays"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.tabs("sampling", "denoise")
@pytest.mark.parametrize("projector", [False, True])
def test_a_wide_page_has_wider_pictures(page, projector):
    page.set_viewport_size({"width": 1920, "height": 1080})
    if projector:
        page.get_by_role("button", name="Projector mode").click()
    page.get_by_role("tab", name="Sampling & guidance").click()
    pictures = page.locator("#sampling-view .fv-lanes")
    pictures.locator("img").first.wait_for()
    inputs = page.locator("#sampling-tab .column:has(> .row > .do-run)").bounding_box()
    assert pictures.bounding_box()["width"] > 1200 and inputs["width"] <= 400
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920
