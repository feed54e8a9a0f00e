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


def test_a_new_run_chooses_its_first_picture(page):
    open_tab(page, "Sampling & guidance")
    sample(page, "Sample")
    image = page.locator("#sampling-view img").first
    box = image.bounding_box()
    image.click(position={"x": box["width"] * 0.9, "y": box["height"] / 2})
    expect(page.locator("#sampling-pick input")).to_have_value("4")
    page.get_by_text("Inside one picture").click()
    expect(page.locator("#sampling-inside .fv-text")).to_have_text("picture 4")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator("#sampling-pick input")).to_have_value("1", timeout=60_000)
    expect(page.locator("#sampling-inside .fv-text")).to_have_text("picture 1", timeout=60_000)
    expect(page.locator("#sampling-view .fv-chosen:visible")).to_have_count(0)


def test_what_goes_wrong_in_a_quick_handler_is_told(page, tmp_path):
    """A file that is no picture, dropped where the settings go."""
    (tmp_path / "no-picture.png").write_bytes(b"no picture")
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-tab").get_by_role("button", name="More settings").click()
    page.locator("#sampling-tab input[type=file]").first.set_input_files(tmp_path / "no-picture.png")
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("not a picture with settings", timeout=30_000)
