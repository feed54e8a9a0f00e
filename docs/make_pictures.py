"""Make the pictures of README:  .venv/bin/python -m docs.make_pictures [NAME ...]

Each shows the app as it opens, in headless Chromium, which must be on the PATH; "five-styles" is a run of its own.
"""

import io
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

import app
from core.pictures.images import enlarge, grid, to_pil
from core.runs.enlarging import Larger
from core.runs.plan import Plan
from core.runs.recording import Recording
from core.runs.sampling import PLANS, PictureRequest
from tabs.ui.theme import look

FOLDER = Path(__file__).parent
SIZE = {"width": 1280, "height": 800}
QUALITY = 84
STEP, HOLD = 90, 2500  # milliseconds that a frame of the animation is seen, and the last one


@dataclass(frozen=True)
class Shot:
    """What one picture shows.

    Args:
        tabs: the names of the tabs to press, one inside the other.
        preset: the preset that is pressed then; its run is waited for.
        below: a selector of what stands at the upper edge; "" for the top of the page.
    """

    tabs: Sequence[str]
    preset: str = ""
    below: str = ""


SHOTS = {
    "score-field": Shot(["Score field"]),
    "denoise": Shot(["Forward & denoise"]),
    "sampling": Shot(["Sampling & guidance"], "A frog in five styles"),
    "guides": Shot(["Other guides"]),
    "interpolation": Shot(["Interpolation"]),
    "sdedit": Shot(["SDEdit"]),
    "inpainting": Shot(["Inpainting"]),
    "anagrams": Shot(["Visual anagrams"]),
    "hybrids": Shot(["Hybrids"]),
    "words": Shot(["Words in the picture"]),
    "network": Shot(["Words in the picture", "The network from inside"]),
    "roads": Shot(["Fewer steps"]),
    "generate": Shot(["MNIST"]),
    "train": Shot(["MNIST", "Train it live"]),
    "learned": Shot(["MNIST", "How it learned"], "With and without a scheduler"),
    "denoiser": Shot(["MNIST", "Single-step denoiser"]),
}


def taken(browser: Browser, url: str, shot: Shot) -> Image.Image:
    """The page at one place."""
    context = browser.new_context(viewport=SIZE, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(url)
    page.locator("canvas:visible, button.do-run:visible").first.wait_for()
    for name in shot.tabs:
        page.get_by_role("tab", name=name, exact=True).click()
    page.wait_for_timeout(2500)
    if shot.preset:
        page.get_by_role("button", name=shot.preset, exact=True).click()
        done = page.locator(".fv-text:visible", has_text=re.compile("^done in"))
        if page.locator(".do-run:visible").count():
            expect(done.first).to_be_visible(timeout=120_000)
        page.wait_for_timeout(4000)  # the enlarged pictures come after the run
        page.mouse.move(0, 0)
    taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return taken


def result(plan: Plan) -> Recording:
    """A finished run."""
    recording = Recording(plan)
    for _ in recording.follow(plan.run("cpu")):
        pass
    return recording


def five_styles() -> list[Image.Image]:
    """One thing in five styles from one noise, step by step; the last frame is enlarged by pocket-up."""
    run = result(PLANS["five-styles"](PictureRequest("an emoji of a frog", n=1)))
    frames = [enlarge(grid(frame.x_t, 5, gap=4), 2) for frame in run.frames]
    large = [
        result(Larger(request=run.plan.request, of=run.plan, k=k, pixels=p, by="pocket-up")).result[0]
        for k, p in enumerate(run.result)
    ]
    half = [np.asarray(to_pil(p).resize((128, 128), Image.Resampling.LANCZOS)) for p in large]
    return [to_pil(f) for f in (*frames, grid(np.stack(half), 5, gap=8))]


def main(names: Sequence[str]) -> None:
    """Make the named pictures, or all."""
    wanted = names or ["five-styles", *SHOTS]
    if "five-styles" in wanted:
        first, *more = five_styles()
        first.save(
            FOLDER / "five-styles.webp", save_all=True, append_images=more, loop=0, quality=QUALITY - 24, method=6,
            duration=[STEP] * len(more) + [HOLD],
        )  # fmt: skip
    demo = app.create_app("cpu")
    demo.launch(prevent_thread_lock=True, quiet=True, _frontend=False, app_kwargs=app.around(), **look())
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name in (n for n in SHOTS if n in wanted):
            taken(browser, demo.local_url, SHOTS[name]).save(FOLDER / f"{name}.webp", quality=QUALITY, method=6)
        browser.close()
    demo.close()


if __name__ == "__main__":
    main(sys.argv[1:])
