"""The plane and the drawing sheet in headless Chromium, as a person uses them, and how fast they are."""

import io
import json
import re

import numpy as np
import plane_demo
import pytest
from PIL import Image
from playwright.sync_api import expect

from tabs.ui.theme import look

SHEET, RANGE, LABEL, TOLD = ("#field .plane-sheet", "#field .fv-range", "#field .fv-label", "#field .plane-told")
PROJECTOR = "document.querySelector('main.contain').firstElementChild.classList.toggle('projector')"
COUNT_FRAMES = """() => new Promise((done) => {
  const times = [], begin = performance.now();
  const frame = (now) => { times.push(now); now - begin < 2500 ? requestAnimationFrame(frame) : done(times); };
  requestAnimationFrame(frame);
})"""
FRAMES = 20
BARE = """(frames) => new Promise((done) => {
  const sheet = Object.assign(document.createElement('canvas'), { width: 700, height: 700 });
  sheet.style.cssText = 'position: fixed; inset: 0; z-index: 99';
  document.body.append(sheet);
  const pen = sheet.getContext('2d'), at = (k) => [(k * 37) % 700, (k * 91) % 700];
  const frame = () => {
    pen.clearRect(0, 0, 700, 700);
    for (let k = 0; k < 2000; k++) { pen.beginPath(); pen.arc(...at(k), 3, 0, 7); pen.fill(); }
    for (let k = 0; k < 400; k++) { pen.beginPath(); pen.moveTo(...at(k)); pen.lineTo(...at(k + 9)); pen.stroke(); }
    --frames ? requestAnimationFrame(frame) : (sheet.remove(), done());
  };
  requestAnimationFrame(frame);
})"""


class Work:
    """What the page's main thread computes, in seconds of its own clock: what others take of a core is not in it."""

    def __init__(self, page):
        self.page, self.session = page, page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def so_far(self) -> float:
        told = self.session.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in told if m["name"] == "TaskDuration")

    def a_frame(self) -> tuple[float, float]:
        """Seconds a frame, and frames per second, of what plays now."""
        before, times = self.so_far(), self.page.evaluate(COUNT_FRAMES)
        return (self.so_far() - before) / len(times), 1000 / np.diff(times).mean()

    def bare_frame(self) -> float:
        """Seconds that 2,000 points and 400 lines take on a bare canvas: the measure of this machine."""
        before = self.so_far()
        self.page.evaluate(BARE, FRAMES)
        return (self.so_far() - before) / FRAMES

    def longest(self, act) -> float:
        """Seconds of the longest task in the page while `act()` goes on."""
        browser = self.page.context.browser
        browser.start_tracing(page=self.page, categories=["toplevel"])
        act()
        events = json.loads(browser.stop_tracing())["traceEvents"]
        threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
        tasks = [e for e in events if "tdur" in e and threads.get((e["pid"], e["tid"])) == "CrRendererMain"]
        return max(e["tdur"] for e in tasks) / 1e6


@pytest.fixture(scope="module")
def address():
    """Where the demo answers."""
    demo = plane_demo.demo()
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, _frontend=False, **look())
    yield url
    demo.close()


@pytest.fixture
def plane(browser, address):
    """A fresh page; the test fails if a script breaks or anything outside is asked for."""
    context = browser.new_context(viewport={"width": 1000, "height": 900}, accept_downloads=True)
    page, bad = context.new_page(), []
    page.on("pageerror", lambda e: bad.append(str(e)))
    page.on("request", lambda r: bad.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None)
    page.goto(address)
    page.locator(SHEET).nth(1).wait_for()
    page.wait_for_timeout(300)
    yield page
    context.close()
    assert not bad


def pixels(page, k: int = 0, selector: str = SHEET) -> np.ndarray:
    """A canvas as it is on the screen, (H, W, 3)."""
    with Image.open(io.BytesIO(page.locator(selector).nth(k).screenshot())) as shot:
        return np.asarray(shot.convert("RGB"), int)


def place(page, selector: str, x: float, y: float) -> tuple[float, float]:
    """Where (x, y) of [-3, 3] x [-3, 3] stands on the screen."""
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    return box["x"] + box["width"] * (x + 3) / 6, box["y"] + box["height"] * (3 - y) / 6


def draw(page, *places: tuple[float, float]):
    """A stroke on the sheet."""
    spots = [place(page, ".draw-sheet", *p) for p in places]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot, steps=10)
    page.mouse.up()


def test_scrubbing_and_playing_move_the_points(plane):
    last = pixels(plane)
    plane.locator(RANGE).fill("3")
    expect(plane.locator(LABEL)).to_have_text("t = 841")
    early = pixels(plane)
    assert np.abs(early - last).max() > 100
    plane.locator("#field .fv-play").click()
    plane.wait_for_function("document.querySelector('#field .fv-range').value > 5")
    assert np.abs(pixels(plane) - early).max() > 100
    expect(plane.locator(LABEL)).to_have_text("t = 0")
    expect(plane.locator("#field .fv-play")).to_have_attribute("aria-label", "Play")


def test_keys_scrub_and_play(plane):
    plane.keyboard.press("ArrowLeft")
    expect(plane.locator(RANGE)).to_have_value("18")
    plane.mouse.click(*place(plane, SHEET, 0, 0))
    plane.keyboard.press("ArrowLeft")
    expect(plane.locator(RANGE)).to_have_value("17")
    plane.keyboard.press("Space")
    expect(plane.locator(RANGE)).to_have_value("19")


def test_a_new_figure_plays_unless_less_motion_is_wanted(plane):
    plane.locator("#play").click()
    plane.wait_for_function("+document.querySelector('#field .fv-range').value % 19 > 2")
    plane.emulate_media(reduced_motion="reduce")
    plane.locator("#three").click()
    expect(plane.locator(SHEET)).to_have_count(3)
    plane.locator("#play").click()
    expect(plane.locator(SHEET)).to_have_count(2)
    expect(plane.locator(RANGE)).to_have_value("0")
    plane.wait_for_timeout(500)
    expect(plane.locator(RANGE)).to_have_value("0")


def test_the_pointer_is_told_the_vector_and_the_density(plane):
    data, _ = plane_demo.moons(400)
    grid = plane_demo.lattice(16)
    score, _ = plane_demo.field(grid, data[:120], 0.25)
    k = int(np.abs(grid - [-2.4, 2.4]).sum(1).argmin())
    plane.mouse.move(*place(plane, SHEET, *grid[k]))
    found = re.search(r"vector \(([^,]+), ([^)]+)\), length", plane.locator(TOLD).first.inner_text().replace("−", "-"))
    assert np.allclose([float(found[1]), float(found[2])], score[k], atol=0.02)
    expect(plane.locator(TOLD).nth(1)).to_contain_text("density 0 % of its peak")
    plane.mouse.move(*place(plane, SHEET, *data[2]))
    expect(plane.locator(TOLD).first).to_contain_text("point (")
    assert 0 < int(re.search(r"density (\d+) % of", plane.locator(TOLD).nth(1).inner_text())[1]) <= 100


def test_a_click_sends_a_probe_and_shows_it(plane):
    before = pixels(plane)
    plane.mouse.click(*place(plane, SHEET, -2, 2))
    expect(plane.locator("#said textarea")).to_have_value(re.compile(r"probe \(-(2\.0|1\.9)\d*, (2\.0|1\.9)\d*\)"))
    plane.mouse.move(0, 0)
    assert np.abs(pixels(plane) - before).max() > 100
    expect(plane.locator(TOLD).first).to_contain_text("vector")


def test_the_wheel_zooms_dragging_pans_and_a_double_click_resets(plane):
    whole = pixels(plane)
    x, y = place(plane, SHEET, 1, 1)
    plane.mouse.move(x, y)
    for _ in range(4):
        plane.mouse.wheel(0, -200)
    plane.locator("#field .plane-zoomed").wait_for()
    plane.wait_for_timeout(100)
    zoomed = pixels(plane)
    plane.mouse.down()
    plane.mouse.move(x - 60, y + 60, steps=4)
    plane.mouse.up()
    plane.wait_for_timeout(100)
    assert np.abs(pixels(plane) - zoomed).mean() > 1
    plane.mouse.dblclick(x, y)
    expect(plane.locator("#field .plane-zoomed")).to_have_count(0)
    plane.mouse.move(0, 0)
    plane.wait_for_timeout(500)
    assert np.abs(pixels(plane) - whole).max() < 10
    expect(plane.locator("#said textarea")).to_have_value("")


def test_fingers_pinch_and_tap(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(address)
    x, y = place(page, SHEET, 0, 0)
    page.touchscreen.tap(x, y)
    expect(page.locator("#said textarea")).to_have_value(re.compile("probe"))
    touch = context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 40), ("touchMove", 60), ("touchMove", 80), ("touchEnd", 0)):
        spots = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}] if apart else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})
    page.locator("#field .plane-zoomed").wait_for()
    context.close()


def test_streamed_updates_keep_slider_boxes_and_zoom(plane):
    plane.locator("#live").click()
    expect(plane.locator("#field .fv-text")).to_have_text(re.compile("step [1-5] / 10"))
    plane.evaluate("document.querySelector('.plane-sheet').mine = true")
    places = plane.locator("#field .fv-controls").bounding_box()
    plane.locator(RANGE).fill("0")
    expect(plane.locator("#field .fv-text")).to_have_text("done")
    expect(plane.locator(RANGE)).to_have_value("0")
    expect(plane.locator(RANGE)).to_have_attribute("max", "11")
    assert plane.evaluate("document.querySelector('.plane-sheet').mine")
    assert plane.locator("#field .fv-controls").bounding_box() == places


def test_streamed_updates_never_block(plane):
    def stream():
        plane.locator("#live").click()
        expect(plane.locator("#field .fv-text")).to_have_text(re.compile("step [1-9] / 10"))
        expect(plane.locator("#field .fv-text")).to_have_text("done")

    work = Work(plane)
    bare, longest = work.bare_frame(), work.longest(stream)
    print(f"bare drawing {bare:.3f} s, longest task {longest:.3f} s")
    assert longest < 10 * bare  # four times; where drawing takes 11 ms, a pause from 0.2 s on would be felt


def test_a_slider_at_its_end_follows_a_figure_that_grows(plane):
    plane.locator("#live").click()
    expect(plane.locator("#field .fv-text")).to_have_text(re.compile("step [1-9] / 10"))
    expect(plane.locator("#field .fv-text")).to_have_text("done")
    expect(plane.locator(RANGE)).to_have_value("11")


def test_a_figure_that_returns_plays_to_its_end_and_back(plane):
    plane.evaluate("""() => {
      window.most = 0;
      document.querySelector('#field .plane-speed').value = '4';
      const range = document.querySelector('#field .fv-range');
      const watch = () => { most = Math.max(most, +range.value); requestAnimationFrame(watch); };
      watch();
    }""")
    plane.locator("#return").click()
    plane.wait_for_function("most > 0")
    expect(plane.locator("#field .fv-play")).to_have_attribute("aria-label", "Play")
    assert plane.evaluate("most") == int(plane.locator(RANGE).get_attribute("max"))
    expect(plane.locator(RANGE)).to_have_value("0")


def test_a_single_square_has_its_legend_and_caption_beside_it(plane):
    plane.locator("#one").click()
    expect(plane.locator(SHEET)).to_have_count(1)
    for width, beside in ((1280, True), (390, False)):
        plane.set_viewport_size({"width": width, "height": 900})
        plane.wait_for_timeout(300)
        square, caption = plane.locator(SHEET).bounding_box(), plane.locator("#field .fv-caption").bounding_box()
        assert (caption["x"] > square["x"] + square["width"]) == beside
        assert (caption["y"] > square["y"] + square["height"]) != beside


def test_2000_points_and_400_arrows_cost_little_more_than_their_drawing(plane):
    work = Work(plane)
    bare = work.bare_frame()
    plane.locator("#large").click()
    expect(plane.locator(RANGE)).to_have_attribute("max", "49")
    plane.locator("#field .plane-speed").select_option("0.5")
    plane.locator("#field .fv-play").click()
    frame, rate = work.a_frame()
    assert plane.locator(RANGE).input_value() not in ("0", "49"), "it plays to the end of the counts"
    print(f"{rate:.1f} frames per second, a frame {frame:.3f} s, bare drawing {bare:.3f} s")
    assert frame < 4 * bare  # twice; 25 a second wherever bare drawing takes up to 10 ms


def test_four_panels_in_a_row_or_in_two_and_in_two_on_a_phone(plane):
    plane.locator("#four").click()
    expect(plane.locator(SHEET)).to_have_count(4)
    expect(plane.locator("#field .plane-chart")).to_have_count(2)
    assert re.match("Loss, .* by step", plane.locator("#field .plane-chart").first.get_attribute("aria-label"))
    for width, columns in ((1280, 4), (800, 2), (390, 2)):
        plane.set_viewport_size({"width": width, "height": 900})
        plane.wait_for_timeout(300)
        boxes = [plane.locator(SHEET).nth(k).bounding_box() for k in range(4)]
        assert len({round(b["x"]) for b in boxes}) == columns
        assert all(abs(b["width"] - b["height"]) < 1 and b["x"] + b["width"] <= width for b in boxes)


def test_dark_and_projector_are_drawn_anew(plane):
    light = pixels(plane)
    assert light.mean() > 200
    plane.evaluate("document.body.classList.add('dark')")
    plane.wait_for_timeout(300)
    assert pixels(plane).mean() < 80
    plane.evaluate("document.body.classList.remove('dark')")
    plane.evaluate(PROJECTOR)
    plane.wait_for_timeout(300)
    ink = lambda p: (p.max(-1) < 120).mean()  # noqa: E731
    assert ink(pixels(plane)) > 1.3 * ink(light)


def test_a_picture_and_a_video_are_saved(plane):
    with plane.expect_download() as picture:
        plane.locator("#field .plane-png").click()
    with Image.open(picture.value.path()) as image:
        assert image.width > 1800 and np.asarray(image.convert("L")).std() > 20
    plane.locator("#field .plane-speed").select_option("4")
    with plane.expect_download() as video:
        plane.locator("#field .plane-webm").click()
    assert video.value.path().read_bytes()[:4] == b"\x1aE\xdf\xa3"  # EBML


def test_strokes_reach_the_server_once_each_with_their_class(plane):
    draw(plane, (-2, 1), (2, 1))
    expect(plane.locator("#count textarea")).to_have_value(re.compile(r"A [1-9]\d+, B 0"))
    expect(plane.get_by_label("changes")).to_have_value("1")
    first = plane.locator("#count textarea").input_value()
    plane.get_by_role("radio", name="class B").click()
    draw(plane, (-2, -1), (2, -1))
    expect(plane.locator("#count textarea")).to_have_value(re.compile(first.split(",")[0] + r", B [1-9]\d+"))
    expect(plane.get_by_label("changes")).to_have_value("2")
    plane.keyboard.press("Control+z")
    expect(plane.locator("#count textarea")).to_have_value(first)
    plane.get_by_role("button", name="Undo").click()
    expect(plane.locator("#count textarea")).to_have_value("A 0, B 0")


def test_the_eraser_takes_points_and_undo_brings_them_back(plane):
    plane.locator("#give").click()
    expect(plane.locator(".draw-count")).to_have_text("3 points")
    plane.get_by_role("radio", name="eraser").click()
    draw(plane, (1, 1.2), (1, 0.8))
    expect(plane.locator("#count textarea")).to_have_value("A 1, B 1")
    plane.get_by_role("button", name="Clear the sheet").click()
    expect(plane.locator("#count textarea")).to_have_value("A 0, B 0")
    for words in ("A 1, B 1", "A 1, B 2"):
        plane.get_by_role("button", name="Undo").click()
        expect(plane.locator("#count textarea")).to_have_value(words)


def test_the_tools_are_large_enough_for_a_finger(plane):
    for button in plane.locator(".draw-tools button").all():
        box = button.bounding_box()
        assert box["width"] >= 40 and box["height"] >= 40
