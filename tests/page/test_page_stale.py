"""What dims a figure: every input of every tab, and nothing else."""

import re

import gradio as gr
import numpy as np
import pytest
from drawing import stroke, there, type_in
from PIL import Image
from playwright.sync_api import expect

from core.models.registry import availability
from tabs.ui.canvas import Canvas
from tabs.ui.layout import Layout

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
MARKED = "() => [...document.querySelectorAll('[data-stale]')].map((e) => e.id)"
FIGURE = {"denoise": "denoise-figures", "denoiser": "denoiser-figures"}
"""Tab -> id of its figure; `NAME-view` for the others."""
PLACE = {
    "denoise": ("Forward & denoise",), "sampling": ("Sampling & guidance",), "interpolation": ("Interpolation",),
    "sdedit": ("SDEdit",), "inpainting": ("Inpainting",), "anagrams": ("Visual anagrams",), "hybrids": ("Hybrids",),
    "digits": ("MNIST", "Generate"), "compare": ("MNIST", "Same noise, two models"),
    "families": ("MNIST", "Three families"),
    "denoiser": ("MNIST", "Single-step denoiser"), "roads": ("Fewer steps", "One noise, many roads"),
    "inversion": ("Fewer steps", "Inversion"), "students": ("Fewer steps", "Students"),
    "words": ("Words in the picture", "Maps of words"), "network": ("Words in the picture", "The network from inside"), "guides": ("Other guides", "Classifier guidance"),
    "thresholds": ("Other guides", "Thresholding"),
}  # fmt: skip
"""Tab -> the names of the tabs to press."""
WITHIN = {"Other guides": "guides", "Fewer steps": "fewer_steps", "MNIST": "mnist", "Words in the picture": "words"}
"""Tab with views -> its name."""


def each(tabs) -> list:
    """The tabs as parameters of a test, whose page has no others."""
    return [pytest.param(tab, marks=pytest.mark.tabs(WITHIN.get(PLACE[tab][0], tab))) for tab in tabs]


CHOICES = lambda c: isinstance(c, gr.Radio | gr.Dropdown)  # noqa: E731
"""Inputs that may hide or disable others."""
CANVASES = {"sdedit": "#sdedit-canvas", "inpainting": "#inpainting-canvas", "denoiser": "#digit-canvas"}


def figure(tab: str) -> str:
    """The id of a tab's figure."""
    return FIGURE.get(tab, f"{tab}-view")


def opened(page, tab: str):
    """The tab, open, with its canvas drawn."""
    for name in PLACE[tab]:
        page.get_by_role("tab", name=name, exact=True).click()
    if tab in CANVASES:
        there(page, CANVASES[tab])


@pytest.fixture(scope="module")
def inputs() -> dict[str, list[gr.components.Component]]:
    """Tab -> its inputs."""
    made, init = [], Layout.__init__

    def noted(self, *args, **how):
        init(self, *args, **how)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layout, "__init__", noted)
        import app

        app.create_app("cpu")
    return {layout.job.tab: layout.inputs for layout in made}


def test_an_opened_tab_says_of_nothing_that_it_has_changed(page):
    for tab in PLACE:
        opened(page, tab)
        page.wait_for_timeout(300)
        assert page.evaluate(MARKED) == [], tab
    page.wait_for_timeout(3000)  # a mark that comes late stays
    assert page.evaluate(MARKED) == []


def box_of(page, component: gr.components.Component):
    """The block of a component in the open tab."""
    if component.elem_id:
        return page.locator(f"#{component.elem_id}")
    name = re.sub(r"^(Prompt \d): .*", r"\1", component.label)  # the rest follows from other inputs
    label = re.compile(rf"^\s*{re.escape(name)}(\W|$)")
    inside = page.locator("input[type=radio]" if isinstance(component, gr.Radio) else "*")
    return page.locator(".block:visible", has=inside).filter(has=page.locator("[data-testid=block-info], [data-testid=block-label]", has_text=label)).last  # fmt: skip


def change(page, component: gr.components.Component, picture: str):
    """Give a component of the page another value, as a person does."""
    box = box_of(page, component)
    if isinstance(component, Canvas | gr.Image):
        box.locator("input[type=file]").first.set_input_files(picture)
    elif isinstance(component, gr.Radio):
        box.locator("input[type=radio]:not(:checked)").last.check()
    elif isinstance(component, gr.Dropdown):
        box.locator("input").first.click()
        page.locator("[role=option][aria-selected=false]").last.click()
    elif isinstance(component, gr.Textbox):
        box.locator("textarea, input").first.fill("3" if component.value != "3" else "5")
    else:
        field, low = box.locator("input[type=number]").first, component.minimum or 0
        field.fill(f"{low if float(field.input_value()) != low else component.maximum or 1:g}")
        field.press("Tab")


@pytest.mark.parametrize("tab", each(PLACE))
def test_every_input_dims_the_figure_of_its_tab(page, tab, inputs, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 60, 3), np.uint8)).save(tmp_path / "a.png")
    opened(page, tab)
    page.wait_for_timeout(1500)
    page.evaluate("() => document.querySelectorAll('button.label-wrap:not(.open)').forEach((b) => b.click())")
    page.wait_for_timeout(500)
    page.set_default_timeout(30_000)
    assert inputs.keys() == PLACE.keys()
    for component in sorted(inputs[tab], key=CHOICES):
        if not component.visible or component.interactive is False:
            continue
        page.evaluate("() => document.querySelectorAll('[data-stale]').forEach((e) => delete e.dataset.stale)")
        change(page, component, str(tmp_path / "a.png"))
        mine = page.locator(f"#{figure(tab)}")
        expect(mine, f"{component.label} of {tab}").to_have_attribute("data-stale", "changed", timeout=20_000)


@pytest.mark.parametrize("tab", each(CANVASES))
def test_the_first_stroke_dims_the_figure(page, tab):
    opened(page, tab)
    page.wait_for_timeout(1500)
    stroke(page, CANVASES[tab], (-30, 40), (30, 40))
    expect(page.locator(f"#{figure(tab)}")).to_have_attribute("data-stale", "changed", timeout=10_000)


@pytest.mark.parametrize(
    "name, tab",
    [
        pytest.param("Sailboat", "sdedit", marks=pytest.mark.tabs("sdedit")),
        pytest.param("Grow", "inpainting", marks=pytest.mark.tabs("inpainting")),
        pytest.param("Let the model draw it", "denoiser", marks=pytest.mark.tabs("mnist")),
    ],
)
def test_a_button_that_fills_a_canvas_dims_the_figure(page, tab, name):
    opened(page, tab)
    page.wait_for_timeout(1500)
    page.get_by_role("button", name=name, exact=True).locator("visible=true").click()
    expect(page.locator(f"#{figure(tab)}")).to_have_attribute("data-stale", "changed", timeout=20_000)


@pytest.mark.tabs("denoise")
def test_a_preset_that_is_pressed_during_a_run_dims_the_figure_at_its_end(page):
    opened(page, "denoise")
    page.get_by_role("button", name="Noise and denoise").click()
    figures, tiles = page.locator("#denoise-figures"), page.locator("#denoise-figures .tiles").first
    expect(figures).to_have_attribute("data-live", "")
    page.get_by_role("button", name="Every fifth step from t = 690").click()
    expect(figures).to_have_attribute("data-stale", "changed")
    if figures.get_attribute("data-live") is not None:
        assert tiles.evaluate("e => getComputedStyle(e).opacity") == "1"
    expect(page.locator("#denoise-figures .prose.status")).to_contain_text("done in")
    expect(tiles).to_have_css("opacity", "0.4")


@pytest.mark.tabs("sampling")
def test_a_preset_that_is_pressed_during_a_run_leaves_the_running_figure_in_colour(page):
    opened(page, "sampling")
    type_in(page, "Steps", "20")
    page.get_by_role("button", name="Sample", exact=True).click()
    view, lanes = page.locator("#sampling-view"), page.locator("#sampling-view .fv-lanes")
    expect(view.locator(".fv-text")).to_have_text(re.compile(r"step \d+ / 20"))
    page.get_by_role("button", name="A volcano").click()
    expect(view).to_have_attribute("data-stale", "changed")
    if view.get_attribute("data-live") is not None:
        assert lanes.evaluate("e => getComputedStyle(e).opacity") == "1"
    expect(view.locator(".fv-text")).to_have_text(re.compile("done in"))
    expect(view.locator(".fv-caption")).to_contain_text("panda")
    expect(lanes).to_have_css("opacity", "0.4")
