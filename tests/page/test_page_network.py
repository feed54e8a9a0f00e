"""The network from inside in headless Chromium: the example, a block, its parts, a run, another t."""

import re

import pytest
from drawing import until
from playwright.sync_api import expect
from stopping import stopped, with_steps

from core.models.registry import availability

pytestmark = [
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
    pytest.mark.tabs("words"),
]
VIEW = "#network-view"
DRAWN = "(canvas) => canvas.toDataURL()"


@pytest.fixture
def page(page):
    """The page with the sub-tab open, and its example and diagram there."""
    page.get_by_role("tab", name="Words in the picture").click()
    page.get_by_role("tab", name="The network from inside").click()
    expect(page.locator(f"{VIEW} .nv-diagram .nd-module")).to_have_count(13)
    expect(page.locator(f"{VIEW} .nv-maps canvas")).to_have_count(3)
    return page


def block(page, name: str):
    return page.locator(f"{VIEW} .nv-diagram [data-node='{name}']")


def heat(page, name: str) -> float:
    return float(block(page, name).locator(".nd-heat").evaluate("e => e.style.opacity"))


def press(page, name: str):
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
    expect(page.locator(f"{VIEW} .fv-text")).to_have_text(re.compile("done in"), timeout=60_000)


def filled(page):
    """Fill in pocket's preset, and show the number of steps."""
    page.get_by_role("button", name="Pocket: red or green").click()
    expect(page.get_by_label("Prompt, or a digit").locator("visible=true")).to_have_value("an emoji of a red apple")
    page.get_by_text("More settings").locator("visible=true").click()


def test_the_example_shows_where_the_class_enters(page):
    assert heat(page, "enter") == heat(page, "down2") == heat(page, "t1") == 0
    assert heat(page, "c1") > 0.5 and heat(page, "up1") > 0.1
    expect(block(page, "leave.0")).to_have_class(re.compile("nd-chosen"))
    expect(page.locator(f"{VIEW} .nv-title")).to_have_text("ConvBlock · 64 × 28 × 28")


def test_a_block_is_pressed_scrubbed_and_opened(page):
    canvas = page.locator(f"{VIEW} .nv-maps canvas").first
    before = canvas.evaluate(DRAWN)
    block(page, "up1").click()
    expect(page.locator(f"{VIEW} .nv-title")).to_have_text("UpBlock · 64 × 14 × 14")
    middle = canvas.evaluate(DRAWN)
    assert middle != before
    page.locator(f"{VIEW} .fv-range").fill("0")
    expect(page.locator(f"{VIEW} .fv-label")).to_have_text(re.compile("step 1 / 15"))
    assert canvas.evaluate(DRAWN) != middle
    parts = page.locator(f"{VIEW} .nv-part")
    expect(parts).to_have_count(1)
    parts.locator("[data-node='3']").click()
    expect(parts).to_have_count(2)
    expect(parts.last.locator("figcaption")).to_have_text("inside up1.3")
    block(page, "c1").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"{VIEW} .nv-title")).to_have_text("FCBlock · 128 × 1 × 1")
    expect(parts).to_have_count(1)
    expect(parts.locator(".nd-title")).to_contain_text(
        ["x", "Linear 10 → 128", "GELU", "Linear 128 → 128", "Unflatten"]
    )


@pytest.mark.usefixtures("presets_only_fill")
def test_a_run_of_pocket_has_its_own_diagram_and_files(page):
    filled(page)
    with_steps(page, 4)
    press(page, "Look inside")
    expect(page.locator(f"{VIEW} .nv-diagram .nd-module")).to_have_count(24)
    expect(page.locator(f"{VIEW} .nv-title")).to_have_text("Stage · 48 × 32 × 32")
    assert heat(page, "enter") == heat(page, "time") == 0 < heat(page, "down.0")
    expect(page.locator(f"{VIEW} .nv-sheet figcaption").nth(1)).to_have_text("told “an emoji of a green apple”")
    shown = page.locator(f"{VIEW} .nv-maps canvas").evaluate_all("all => all.map((c) => c.toDataURL())")
    assert len({*shown}) == 3
    expect(page.get_by_role("button", name="All as zip").locator("visible=true")).to_be_enabled(timeout=20_000)


@pytest.mark.usefixtures("presets_only_fill")
def test_stop_keeps_the_blocks_so_far_and_the_next_run_is_whole(page):
    filled(page)
    kept = stopped(page, VIEW, "Look inside", 60)
    assert 1 <= kept < 61
    expect(page.locator(f"{VIEW} .nv-diagram .nd-module")).to_have_count(24)
    block(page, "up.0").click()
    expect(page.locator(f"{VIEW} .nv-title")).to_have_text(re.compile("^Stage · "))
    canvas = page.locator(f"{VIEW} .nv-maps canvas").first
    last = canvas.evaluate(DRAWN)
    if kept > 1:
        page.locator(f"{VIEW} .fv-range").fill("0")
        until(page, lambda: canvas.evaluate(DRAWN) != last, "another map")
    expect(page.get_by_role("button", name="All as zip").locator("visible=true")).to_be_enabled(timeout=20_000)
    with_steps(page, 3)
    press(page, "Look inside")
    expect(page.locator(f"{VIEW} .fv-range")).to_have_attribute("max", "3")


def test_another_t_changes_the_blocks_of_time(page):
    press(page, "Tell it another t")
    expect(page.locator(f"{VIEW} .nv-what")).to_have_text(re.compile(r"told t \+ 300 instead of the right t"))
    assert heat(page, "c1") == 0 < heat(page, "t1")


def test_words_for_a_digit_model_are_refused_in_one_sentence_and_nothing_is_lost(page):
    page.get_by_label("Prompt, or a digit").locator("visible=true").fill("a cat")
    page.get_by_role("button", name="Look inside", exact=True).locator("visible=true").click()
    expect(page.get_by_test_id("toast-body").last).to_contain_text("draws one digit")
    expect(page.locator(f"{VIEW} .nv-diagram .nd-module")).to_have_count(13)


@pytest.mark.tabs("words", "mnist")
def test_the_digits_networks_and_algorithms_stand_beside_their_code(page):
    page.get_by_role("tab", name="MNIST").click()
    page.get_by_role("tab", name="Networks and algorithms").click()
    expect(page.locator("#mnist-networks svg")).to_have_count(11)
    line = page.locator("#mnist-algorithms .algo", has_text="B.1").locator("li").nth(4)
    expect(line.locator("pre")).to_be_hidden()
    line.locator("summary").click()
    expect(line.locator("mark")).to_have_text(re.compile(r"return a \* x_0 \+ s \* eps"))
    expect(line.locator("summary")).to_have_text(re.compile(r"core/diffusion/schedule\.py:\d+"))
