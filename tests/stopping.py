"""Stop a run in the page."""

import re

from drawing import type_in
from playwright.sync_api import Page, expect


def with_steps(page: Page, steps: int) -> None:
    """Asks for that many steps."""
    type_in(page, "Steps", str(steps))
    expect(page.locator(".cost:visible").first).to_have_text(re.compile(rf"\b{steps} network call"))


def stopped(page: Page, view: str, begin: str, steps: int) -> int:
    """Begins a run of that many steps and stops it after its first picture; the number of steps that are kept."""
    with_steps(page, steps)
    status = page.locator(f"{view} .fv-text")
    page.get_by_role("button", name=begin, exact=True).locator("visible=true").click()
    expect(status).to_have_text(re.compile(rf"step \d+ / {steps}"))
    page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    expect(status).to_have_text(re.compile(rf"stopped at step \d+ / {steps}"))
    expect(page.locator(f"{view} .fv-caption")).to_have_text(re.compile(rf"Stopped at step \d+ of {steps}"))
    return int(page.locator(f"{view} .fv-range").get_attribute("max")) + 1
