"""The address of the page names its tab and preset."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.tabs("score_field", "sampling", "sdedit", "hybrids", "mnist")


def tab(page, name: str):
    """The button of a tab."""
    return page.get_by_role("tab", name=name, exact=True)


def plain(page) -> str:
    """The address without what it names."""
    return page.url.partition("?")[0]


def test_the_address_follows_the_tabs_and_back_goes_to_the_one_before(page):
    tab(page, "Hybrids").click()
    expect(page).to_have_url(re.compile(r"\?tab=hybrids$"))
    tab(page, "SDEdit").click()
    expect(page).to_have_url(re.compile(r"\?tab=sdedit$"))
    page.go_back()
    expect(tab(page, "Hybrids")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile(r"\?tab=hybrids$"))
    page.reload()
    expect(tab(page, "Hybrids")).to_have_attribute("aria-selected", "true")
    tab(page, "Score field").click()
    expect(page).to_have_url(re.compile(r"\?tab=score_field$"))


@pytest.mark.usefixtures("presets_only_fill")
def test_an_address_opens_a_tab_and_presses_a_preset(page):
    page.goto(f"{plain(page)}?__theme=dark&tab=sampling&preset=A+volcano")
    expect(tab(page, "Sampling & guidance")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#sampling-tab textarea").first).to_have_value("an emoji of a volcano")
    page.locator("#sampling-tab").get_by_role("button", name="A panda").click()
    expect(page).to_have_url(re.compile(r"\?__theme=dark&tab=sampling&preset=A\+panda$"))


def test_an_address_that_names_nothing_opens_the_page(page):
    page.goto(f"{plain(page)}?tab=%3Cb%3E&preset=nothing")
    expect(tab(page, "Score field")).to_have_attribute("aria-selected", "true")
    tab(page, "MNIST").click()
    expect(page).to_have_url(re.compile(r"tab=mnist$"))


def test_an_experiment_leaves_no_trace_in_the_address_that_a_reload_would_start(page):
    tab(page, "Sampling & guidance").click()
    page.locator("#sampling-tab").get_by_role("button", name="Guidance off / on", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?tab=sampling$"))
    page.keyboard.press("Escape")
