"""The text-to-image tabs in headless Chromium, as a person uses them."""

import re

import pytest
from playwright.sync_api import expect

from core.registry import availability

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


def open_tab(page, name: str):
    page.get_by_role("tab", name=name).click()


def sample(page, button: str):
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile("done in"), timeout=60_000)


def test_sample_pick_look_inside_and_send(page):
    open_tab(page, "Sampling & guidance")
    sample(page, "Sample")
    image = page.locator("#sampling-view img").first
    box = image.bounding_box()
    image.click(position={"x": box["width"] * 0.6, "y": box["height"] / 2})
    expect(page.locator("#sampling-pick input")).to_have_value("3")
    page.get_by_text("Inside one picture").click()
    expect(page.locator("#sampling-inside .fv-text")).to_have_text("picture 3")
    page.locator("#sampling-inside .fv-range").fill("10")
    assert page.locator("#sampling-inside img:visible").count() == 5
    page.get_by_role("button", name="→ Forward & denoise").click()
    expect(page.get_by_role("button", name="Noise and denoise")).to_be_visible()


def test_a_sweep_is_a_labelled_row(page):
    open_tab(page, "Sampling & guidance")
    sample(page, "Guidance sweep")
    expect(page.locator("#sampling-view .fv-across").first).to_have_text(re.compile("w = 0.*w = 15", re.S))


def test_unknown_words_are_named(page):
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-tab textarea:visible").first.fill("a campanile")
    remark = page.locator("#sampling-tab").get_by_text("does not know “campanile”")
    expect(remark.first).to_have_text(re.compile("lighthouse"))


def test_denoising_fills_its_places(page):
    page.get_by_role("button", name="Noise and denoise").click()
    expect(page.locator("#denoise-tab .cost", has_text="done in").first).to_be_visible(timeout=90_000)
    assert page.locator(".tiles img").count() >= 9 + 18
    assert page.locator(".tiles .place").count() == 0


def denoise(page, levels: str = "", done: str = "done in"):
    if levels:
        page.locator("#denoise-tab").get_by_label("Timesteps t to compare at").fill(levels)
    page.get_by_role("button", name="Noise and denoise").click()
    expect(page.locator("#denoise-tab .cost", has_text=done).first).to_be_visible(timeout=90_000)


def test_denoising_can_be_stopped_saved_and_sent(page):
    tab = page.locator("#denoise-tab")
    denoise(page, "990, 500", "iterating, step")
    page.keyboard.press("Escape")
    expect(tab.locator(".cost", has_text=re.compile(r"stopped at step \d+ / 34")).first).to_be_visible()
    expect(tab.locator("a[download]").or_(tab.get_by_role("button", name="PNG", exact=True)).first).to_be_enabled()
    expect(tab.get_by_label("Picture to send")).to_have_value("iterative, t = 500")
    tab.get_by_role("button", name=re.compile("→ SDEdit")).click()
    expect(page.get_by_role("button", name="Run the ladder")).to_be_visible()


def test_the_strip_keeps_its_height_while_it_fills(page):
    page.evaluate(HEIGHTS)
    denoise(page, "690")
    heights = page.evaluate("() => window.heights")
    assert len(heights) == 1, heights


HEIGHTS = """() => {
  window.heights = [];
  const watch = () => {
    const strip = document.querySelectorAll('#denoise-tab .figure-box')[2];
    const tiles = strip.querySelectorAll('.tiles > div');
    const now = Math.round(strip.getBoundingClientRect().height);
    if (tiles.length === 6 && !window.heights.includes(now)) window.heights.push(now);
    requestAnimationFrame(watch);
  };
  watch();
}"""


def test_a_file_that_is_no_picture_is_told_and_leaves_the_tab_in_order(page, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    box = page.locator("#denoise-picture")
    box.get_by_role("button", name="Clear").or_(box.get_by_label("Remove Image")).first.click()
    box.locator("input[type=file]").first.set_input_files(tmp_path / "bad.png")
    expect(page.get_by_test_id("toast-body").first).to_contain_text("not a picture that can be read")
    expect(box.locator("img")).to_have_count(0)


def test_tiles_stay_readable_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    tile = page.locator("#denoise-tab .tiles img").first
    assert tile.bounding_box()["width"] >= 64
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
