"""What a reload brings back: the last run with its inputs, while the server has it."""

import re

import pytest
from drawing import stroke, there, type_in, until
from playwright.sync_api import expect

from core.models.registry import availability
from tabs.ui.examples import STATUS
from tabs.ui.viewer import RUNS

DONE = re.compile("done in")
SHEET = "() => document.querySelector('#sdedit-canvas .paint-sheet').toDataURL()"


@pytest.mark.tabs("mnist")
def test_a_run_comes_back_with_its_inputs_until_it_is_forgotten(page):
    status, picture = page.locator("#digits-view .fv-text"), page.locator("#digits-view img").first
    digits = page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first
    digits.fill("42")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(status).to_have_text(DONE)
    expect(page.get_by_role("button", name="GIF", exact=True).first).to_be_enabled()
    before = picture.get_attribute("src")
    page.reload()
    expect(status).to_have_text(DONE)
    expect(digits).to_have_value("42")
    expect(picture).to_have_attribute("src", before)
    expect(page.get_by_role("button", name="GIF", exact=True).first).to_be_enabled()
    page.wait_for_timeout(1500)
    expect(page.locator("#digits-view")).not_to_have_attribute("data-stale", re.compile("."))
    RUNS._runs.clear()  # as a server that was started anew, or has had a class since
    page.reload()
    expect(status).to_have_text(STATUS)
    expect(digits).not_to_have_value("42")


@pytest.mark.tabs("sdedit")
@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.usefixtures("presets_only_fill")
def test_a_preset_in_the_address_does_not_replace_the_run_that_comes_back(page):
    there(page, "#sdedit-canvas")
    page.get_by_role("button", name="A boat becomes a tent", exact=True).click()
    prompt = page.locator("#sdedit-tab textarea").first
    expect(prompt).to_have_value("an emoji of a tent")
    stroke(page, "#sdedit-canvas", (-60, -60), (60, 60))
    page.mouse.move(5, 5)
    prompt.fill("an emoji of a castle")
    starts = page.locator("#sdedit-tab").get_by_label("Starts i")
    starts.fill("30")
    page.get_by_role("button", name="Run the ladder").click()
    status = page.locator("#sdedit-view .fv-text")
    expect(status).to_have_text(re.compile(r"done in|stopped"))
    page.wait_for_timeout(500)
    before = page.evaluate(SHEET)
    page.reload()
    expect(status).to_have_text(DONE)
    expect(prompt).to_have_value("an emoji of a castle")
    expect(starts).to_have_value("30")
    until(page, lambda: page.evaluate(SHEET) == before, "what was drawn")
    page.wait_for_timeout(2000)
    expect(prompt).to_have_value("an emoji of a castle")
    expect(page.locator("#sdedit-view")).not_to_have_attribute("data-stale", re.compile("."))
    stroke(page, "#sdedit-canvas", (60, -60), (-60, 60))
    page.mouse.move(5, 5)
    expect(page.locator("#sdedit-view")).to_have_attribute("data-stale", "changed")
    page.wait_for_timeout(500)  # a canvas keeps what is drawn a moment later
    changed = page.evaluate(SHEET)
    for _ in range(2):
        page.reload()
        expect(status).to_have_text(DONE)
        until(page, lambda: page.evaluate(SHEET) == changed, "what was drawn after the run")
        page.wait_for_timeout(1500)
        expect(page.locator("#sdedit-view")).to_have_attribute("data-stale", "changed")
    page.get_by_role("button", name="Two more pictures").click()
    there(page, "#sdedit-original-2")


@pytest.mark.tabs("denoise")
@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
def test_the_comparison_of_forward_and_denoise_comes_back(page):
    tab, status = page.locator("#denoise-tab"), page.locator("#denoise-tab .cost.status").first
    tab.get_by_label("Timesteps t to compare at").fill("300")
    page.get_by_role("button", name="Noise and denoise").click()
    expect(status).to_be_visible()
    expect(tab.get_by_label("Picture to send")).to_have_value("iterative, t = 300")
    figures = [tab.locator(".figure-box").nth(k) for k in range(3)]
    before = [[i.get_attribute("src") for i in figure.locator("img").all()] for figure in figures]
    page.reload()
    expect(status).to_be_visible()
    expect(tab.get_by_label("Timesteps t to compare at")).to_have_value("300")
    expect(tab.get_by_label("Picture to send")).to_have_value("iterative, t = 300")
    assert [[i.get_attribute("src") for i in figure.locator("img").all()] for figure in figures] == before
    page.wait_for_timeout(1500)
    expect(page.locator("#denoise-figures")).not_to_have_attribute("data-stale", re.compile("."))


@pytest.mark.tabs("score_field")
def test_the_score_field_comes_back_to_its_view_and_draws_it_again(page):
    figure, steps = page.locator("#score-field-view"), page.get_by_label("number input for Steps").first
    figure.locator("canvas").first.wait_for()
    page.get_by_role("tab", name="Sample", exact=True).click()
    type_in(page, "Steps", "7")
    page.locator("#score-field-sample").click()
    expect(figure.locator(".plane-note").nth(1)).to_contain_text("energy distance")
    page.wait_for_timeout(500)
    before = figure.locator(".plane-note").all_inner_texts()
    page.reload()
    expect(page.get_by_role("tab", name="Sample", exact=True)).to_have_attribute("aria-selected", "true")
    expect(figure.locator(".plane-note").nth(1)).to_contain_text("energy distance")
    expect(steps).to_have_value("7")
    until(page, lambda: figure.locator(".plane-note").all_inner_texts() == before, "the same numbers")
    expect(figure).not_to_have_attribute("data-stale", re.compile("."))
