"""The files of a tab's example on the page: those of a run take their place, even if they come late."""

import re
import threading

import pytest
from playwright.sync_api import expect

from core.models.registry import availability
from core.pictures.images import settings_of
from core.runs.thresholds import ThresholdsRequest
from tabs.denoise.job import Comparing
from tabs.ui.layout import Layout

DONE = re.compile("done in")
PNG = re.compile("^PNG")


@pytest.fixture
def held_back(monkeypatch):
    """The files of examples are held back until the event that it gives is set; then they come."""
    let_go = threading.Event()

    def holding(method):
        def held(self, view):
            if view["run"].startswith("example-"):
                assert let_go.wait(300)
            return method(self, view)

        return held

    monkeypatch.setattr(Layout, "kept_of", holding(Layout.kept_of))
    monkeypatch.setattr(Comparing, "offer", holding(Comparing.offer))
    yield let_go
    let_go.set()


def release(page, held_back, figure: str):
    """Let the files of the example come, and wait until the page has found them late."""
    page.evaluate(
        "(id) => document.getElementById(id).addEventListener('late', () => setTimeout(() => { window.late = true; }, 300))",
        figure,
    )
    held_back.set()
    page.wait_for_function("window.late")


def saved_settings(page, button, folder) -> dict:
    """The settings in the PNG behind a button."""
    expect(button).to_be_enabled()
    with page.expect_download() as download:
        button.click()
    download.value.save_as(folder / "saved.png")
    return settings_of(folder / "saved.png")


@pytest.mark.tabs("mnist")
def test_the_files_of_an_example_that_come_after_a_run_do_not_take_its_place(held_back, page, tmp_path):
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("42")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#digits-view .fv-text")).to_have_text(DONE)
    png = page.locator("#mnist-tab").get_by_role("button", name=PNG).locator("visible=true").first
    expect(png).to_be_enabled()
    release(page, held_back, "digits-view")
    assert saved_settings(page, png, tmp_path)["digits"] == "42"


@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.tabs("denoise")
def test_neither_do_those_of_forward_and_denoise(held_back, page, tmp_path):
    seed = page.get_by_label("Seed", exact=True).locator("visible=true").first
    seed.fill("7")
    seed.press("Tab")
    page.get_by_role("button", name="Noise and denoise", exact=True).click()
    png = page.get_by_role("button", name=PNG).locator("visible=true").first
    expect(png).to_be_enabled()
    release(page, held_back, "denoise-figures")
    assert saved_settings(page, png, tmp_path)["seed"] == 7


@pytest.mark.tabs("mnist")
def test_the_files_of_an_example_come_without_a_run(page, tmp_path):
    png = page.locator("#mnist-tab").get_by_role("button", name=PNG).locator("visible=true").first
    assert saved_settings(page, png, tmp_path)["digits"]


@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.tabs("guides", "sdedit")
def test_a_picture_of_a_tab_inside_a_tab_can_be_sent_with_its_prompt(page):
    page.get_by_role("tab", name="Other guides").click()
    page.get_by_role("tab", name="Thresholding").click()
    page.locator("#thresholds-view img").first.wait_for()
    page.get_by_role("button", name="→ SDEdit").locator("visible=true").click()
    expect(page.get_by_role("tab", name="SDEdit")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#sdedit-tab textarea:visible").first).to_have_value(ThresholdsRequest().prompt)
