"""SDEdit and inpainting in headless Chromium: drawing and painting with the mouse."""

import base64
import io
import re

import numpy as np
import pytest
from drawing import seen, stroke, there, type_in, until
from PIL import Image
from playwright.sync_api import expect

from core.models.registry import availability
from core.pictures import masks
from core.pictures.images import settings_of
from core.runs.inpainting import InpaintRequest

pytestmark = [
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
    pytest.mark.tabs("sdedit", "inpainting"),
]


def button(page, name: str):
    """The visible button of that name."""
    return page.get_by_role("button", name=name, exact=True).locator("visible=true")


def ready(page, tab: str, editor: str):
    """The tab, open, its canvas there with its picture."""
    page.get_by_role("tab", name=tab, exact=True).click()
    there(page, editor)


def run(page, name: str, view: str):
    """Press a button and wait for the end of the run."""
    button(page, name).click()
    expect(page.locator(f"{view} .fv-text")).to_have_text(re.compile("done in"))


def pixels(image) -> np.ndarray:
    """The picture in an <img>, (H, W, 3)."""
    return decoded(image.get_attribute("src"))


def decoded(source: str) -> np.ndarray:
    """A data URI's picture, (H, W, 3)."""
    data = base64.b64decode(source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)


def cells(page, view: str, columns: int) -> np.ndarray:
    """The first row of the viewer's first picture, as (columns, 64, 64, 3)."""
    return pixels(page.locator(f"{view} img").first)[:64].reshape(64, columns, 64, 3).swapaxes(0, 1)


MASK = "() => document.querySelectorAll('#mask-used canvas')[1]?.toDataURL()"


def masked(page) -> int:
    """How many of the 64x64 pixels the mask covers, as it is shown."""
    source = page.evaluate(MASK)
    return int((decoded(source).mean(-1) > 128).sum()) if source else 0


def mask_is(page, settled):
    """Wait for the mask's number of pixels to be as it should."""
    until(page, lambda: settled(masked(page)), "the mask that was waited for")


def painted(page) -> int:
    """How many pixels in the middle of the canvas are painted pink, the picture seen through."""
    red, green, blue = seen(page, "#inpainting-canvas").transpose(2, 0, 1)
    return int(((red > 200) & (blue > green + 40)).sum())


def test_paint_a_mask_and_see_the_hole_filled(page):
    ready(page, "Inpainting", "#inpainting-canvas")
    mask_is(page, lambda n: n == 64 * 32)
    button(page, "Clear").click()
    mask_is(page, lambda n: n == 0)
    button(page, "Fill the hole").click()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("The mask is empty")
    until(page, lambda: painted(page) == 0, "a canvas without paint")
    stroke(page, "#inpainting-canvas", (-60, 0), (60, 0))
    mask_is(page, lambda n: n > 100)
    narrow, ink = masked(page), painted(page)
    button(page, "Grow").click()
    mask_is(page, lambda n: n > 1.2 * narrow)
    until(page, lambda: painted(page) > 1.2 * ink, "the larger mask on the canvas")
    type_in(page, "Resampling n", "1")
    expect(page.locator(".cost:visible").first).to_have_text(
        re.compile(r"30 network calls on 2 images each \(with and without the prompt\), about")
    )
    run(page, "Fill the hole", "#inpainting-view")
    original, mask, hole, _, result = cells(page, "#inpainting-view", 5)
    inside, gap = mask.mean(-1) > 128, np.abs(result - original).mean(-1)
    assert gap[~inside].mean() < 5 < gap[inside].mean()
    assert np.ptp(hole[inside].mean(-1)) < 60, "the hole is shown empty"


def test_the_path_of_timesteps_is_that_of_the_settings(page):
    page.get_by_role("tab", name="Inpainting", exact=True).click()
    drawn = page.locator("#inpainting-path .plane-chart")
    passes = page.locator("#inpainting-tab").get_by_label("number input for Resampling n")
    for n in (3, 1, 5):
        passes.fill(str(n))
        passes.press("Enter")
        transitions = len(InpaintRequest(jump_n=n).visits()) - 1
        expect(drawn).to_have_attribute("aria-label", re.compile(rf"−1 at transition {transitions}$"))
        expect(page.get_by_text(f"{transitions:,} transitions")).to_be_visible()


def test_draw_on_white_run_the_ladder_keep_it_choose_a_strength_and_send_it(page, tmp_path):
    ready(page, "SDEdit", "#sdedit-canvas")
    button(page, "White").click()
    until(page, lambda: seen(page, "#sdedit-canvas").min() > 250, "a white canvas")
    stroke(page, "#sdedit-canvas", (-60, -60), (60, 60))
    until(page, lambda: (seen(page, "#sdedit-canvas").min(-1) < 110).sum() > 500, "the stroke on the canvas")
    page.get_by_label("Starts i").locator("visible=true").fill("5, 20")
    run(page, "Run the ladder", "#sdedit-view")
    drawn = cells(page, "#sdedit-view", 3)[-1]
    red = (drawn[..., 0] > 150) & (drawn[..., 1] < 110)
    assert red[31:33, 31:33].all() and 60 < red.sum() < 900 and (drawn.min(-1) > 235).mean() > 0.6
    expect(page.locator("#sdedit-view .fv-across").first).to_have_text(re.compile("i = 5 · t = 840.*original", re.S))

    expect(button(page, "PNG")).to_be_enabled()
    with page.expect_download() as download:
        page.locator("a:visible", has_text="PNG").or_(button(page, "PNG")).first.click()
    download.value.save_as(tmp_path / "saved.png")
    settings = settings_of(tmp_path / "saved.png")
    assert settings["starts"] == "5, 20" and settings["original"].startswith("data:image/png")

    image = page.locator("#sdedit-view img").first
    box = image.bounding_box()
    image.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    expect(page.locator("#sdedit-pick input")).to_have_value("2")
    expect(page.locator("#sdedit-inside .fv-text")).to_have_text("picture 2")
    expect(page.locator("#sdedit-inside img").first).to_be_visible()
    chosen = pixels(page.locator("#sdedit-inside img").nth(2))
    assert np.abs(chosen - cells(page, "#sdedit-view", 3)[1]).mean() < 6

    button(page, "→ Inpainting").click()
    page.locator("#inpainting-canvas canvas").first.wait_for()
    page.locator("#mask-used canvas[width='64']").first.wait_for()
    shown = "() => document.querySelector('#mask-used canvas').toDataURL()"
    arrived = lambda: np.abs(decoded(page.evaluate(shown)) - chosen).mean() < 6  # noqa: E731
    until(page, arrived, "the very pixels")
    expect(page.locator("#mask-used .caption")).to_have_text(masks.EMPTY)
