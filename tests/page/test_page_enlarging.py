"""Enlarging the chosen picture in headless Chromium, in every tab with pictures of 64 pixels."""

import re

import pytest
from drawing import type_in
from playwright.sync_api import expect

from core.models.registry import availability

pytestmark = pytest.mark.skipif(
    not all(availability(name)[0] for name in ("pocket", "pocket-up")), reason="pocket or pocket-up is not here"
)
TABS = {
    "sampling": "Sampling & guidance", "interpolation": "Interpolation", "sdedit": "SDEdit", "inpainting": "Inpainting",
    "anagrams": "Visual anagrams", "hybrids": "Hybrids",
}  # fmt: skip


@pytest.mark.parametrize("tab", [pytest.param(tab, marks=pytest.mark.tabs(tab)) for tab in TABS])
def test_the_chosen_picture_is_enlarged_with_the_noise_that_is_asked_for(page, tab):
    page.get_by_role("tab", name=TABS[tab], exact=True).click()
    page.get_by_text("Enlarge the chosen picture").locator("visible=true").click()
    type_in(page, "Noise on the small picture", "0.2")
    page.get_by_role("button", name="Enlarge it").locator("visible=true").click()
    big = page.locator(f"#{tab}-big")
    expect(big.locator(".fv-text")).to_have_text(re.compile("done in"))
    expect(big.locator(".fv-caption")).to_have_text(re.compile(r"enlarged by pocket-up with noise 0\.2"))
    expect(big.locator("figcaption")).to_have_count(2)
    expect(page.get_by_role("button", name="PNG, enlarged").locator("visible=true")).to_be_enabled()
    size = "img => img.decode().then(() => [img.naturalWidth, img.naturalHeight])"
    assert big.locator("img").first.evaluate(size) == [256, 256]
