"""A drawing canvas in the browser: what it shows, waiting for it, and strokes with the mouse."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image


def seen(page, editor: str) -> np.ndarray:
    """The middle of a canvas as it is on the screen, (H, W, 3), without the tools at its edges."""
    with Image.open(io.BytesIO(page.locator(f"{editor} canvas").first.screenshot())) as shot:
        pixels = np.asarray(shot.convert("RGB"), dtype=int)
    h, w = pixels.shape[0] // 4, pixels.shape[1] // 4
    return pixels[h:-h, w:-w]


def until(page, settled: Callable[[], bool], what: str, seconds: float = 120):
    """Wait until `settled()`; fail with `what` was waited for."""
    for _ in range(int(seconds * 5)):
        if settled():
            return
        page.wait_for_timeout(200)
    pytest.fail(f"In {seconds:g} s there was not {what}.")


def dark(page, editor: str) -> int:
    """How many pixels in the middle of a canvas are dark."""
    return int((seen(page, editor).max(-1) < 100).sum())


def there(page, editor: str):
    """Wait until a canvas shows a picture."""
    page.locator(f"{editor} canvas").first.wait_for()
    until(page, lambda: seen(page, editor).std() > 10, f"a picture on {editor}")


def type_in(page, label: str, value: str):
    """Type into the number field of a slider that is seen, until it has taken it.

    Gradio gives a component its first value once more some frames after it was made.
    """
    field = page.get_by_label(f"number input for {label}").locator("visible=true")
    shown = page.get_by_label(f"range slider for {label}").locator("visible=true")

    def taken() -> bool:
        field.fill(value)
        field.press("Tab")
        page.evaluate("settled()")
        return shown.input_value() == value

    until(page, taken, f"{value} as {label}")
    until(page, taken, f"{value} as {label}, still")


def stroke(page, editor: str, *places: tuple[int, int]):
    """A stroke on a canvas through places counted from its middle."""
    box = page.locator(f"{editor} canvas").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    first, *others = places
    page.mouse.move(x + first[0], y + first[1])
    page.mouse.down()
    for dx, dy in others:
        page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()
