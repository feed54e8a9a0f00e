"""The canvas in headless Chromium without WebGL: files, strokes, undo, the square, the mask, and what is kept."""

import base64
import io
import json
import re
import struct
import zlib

import numpy as np
import pytest
from conftest import CHROMIUM, FLAGS
from drawing import stroke, there, until
from PIL import Image
from playwright.sync_api import expect

from core.models.registry import availability
from core.pictures import masks
from core.pictures.images import TOO_LARGE
from tabs.inpainting.mask import pictures_of
from tabs.ui.canvas import UNREADABLE, canvas, white

pytestmark = [
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
    pytest.mark.tabs("sdedit", "inpainting"),
]
ON = "#sdedit-canvas"
SHEET = "(s) => document.querySelector(`${s} .paint-sheet`).toDataURL()"
GIVEN = """([s, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), all = new DataTransfer();
  all.items.add(new File([bytes], name, { type }));
  const to = document.querySelector(`${s} .paint-sheet`), how = { bubbles: true, cancelable: true };
  if (name === 'dropped.png') to.dispatchEvent(new DragEvent('drop', { ...how, dataTransfer: all }));
  else document.body.dispatchEvent(new ClipboardEvent('paste', { ...how, clipboardData: all }));
}"""
WATCH_BUSY = """() => {
  window.busy = [];
  new PerformanceObserver((list) => { for (const e of list.getEntries()) busy.push([e.startTime, e.duration]); })
    .observe({ entryTypes: ['longtask'] });
}"""
"""Notes when each task of the page that takes 50 ms or more begins, and how long it takes."""


def opened(page, tab: str = "SDEdit", on: str = ON):
    """The tab, open, its canvas there."""
    page.get_by_role("tab", name=tab, exact=True).click()
    there(page, on)


def tool(page, name: str, on: str = ON):
    """A button of the canvas."""
    return page.locator(on).get_by_role("button", name=name, exact=True).or_(
        page.locator(on).get_by_role("radio", name=name, exact=True)
    )  # fmt: skip


def upload(page, path, on: str = ON):
    """Choose a file and wait until it was read."""
    page.locator(f"{on} input[type=file]").set_input_files(path)
    expect(page.locator(f"{on} .paint-hint")).not_to_contain_text("Reading")


def decoded(uri: str) -> np.ndarray:
    """A data URI's picture, (H, W, 3)."""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        return np.asarray(picture.convert("RGB"), dtype=int)


class Posted:
    """What the page sends to the server from now on."""

    def __init__(self, page):
        self.requests = []
        page.on("request", lambda r: self.requests.append(r) if r.method == "POST" else None)

    def pictures(self) -> list[dict]:
        """The canvas's values in it."""
        bodies = [json.loads(r.post_data).get("data", []) for r in self.requests if "queue/join" in r.url]
        return [v for values in bodies for v in values if isinstance(v, dict) and "picture" in v]


def value_of(page, button: str, stop: bool = True) -> dict:
    """What a run is given of the canvas: the picture and the mask."""
    posted = Posted(page)
    page.get_by_role("button", name=button, exact=True).click()
    until(page, posted.pictures, "a run")
    if stop:
        page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
        expect(page.locator(".fv-running").locator("visible=true")).to_have_count(0)
        page.wait_for_timeout(500)  # a click that comes before the run has ended is none
    (value,) = posted.pictures()
    return value


def bomb(side: int = 50_000) -> bytes:
    """The beginning of a PNG of that many pixels a side."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9000))) + chunk(b"IEND", b"")
    )


UNREAD = {
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400), UNREADABLE),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>', UNREADABLE),
    "words.png": (b"no picture at all", UNREADABLE),
    "bomb.png": (bomb(), TOO_LARGE),
}  # fmt: skip


def test_there_is_no_webgl_here(page):
    assert page.evaluate("() => document.createElement('canvas').getContext('webgl')") is None


def test_a_file_that_cannot_be_read_is_refused_and_the_canvas_stays_as_it_was(page, tmp_path):
    opened(page)
    before, posted = page.evaluate(SHEET, ON), Posted(page)
    for name, (data, sentence) in UNREAD.items():
        (tmp_path / name).write_bytes(data)
        upload(page, tmp_path / name)
        expect(page.locator(f"{ON} .paint-said")).to_have_text(sentence)
        assert page.evaluate(SHEET, ON) == before and tool(page, "Undo").is_disabled(), name
        tool(page, "1 of 64 pixels wide").click()
        page.mouse.move(5, 5)
    assert page.locator("[data-stale]").count() == 0 and not posted.requests


def test_a_stroke_sends_nothing_and_a_run_sends_the_picture_once(page):
    opened(page)
    posted = Posted(page)
    stroke(page, ON, (-60, -60), (60, 60))
    page.wait_for_timeout(1500)
    assert not posted.requests
    page.get_by_role("button", name="Run the ladder", exact=True).click()
    expect(page.locator("#sdedit-view .fv-text")).to_contain_text("done in")
    (value,) = posted.pictures()
    middle = decoded(value["picture"])[124:132, 124:132]
    assert (np.abs(middle - [0xD6, 0x2F, 0x2F]).max(-1) < 4).all()


def test_the_page_is_idle_soon_after_a_stroke(page):
    """From 300 ms after a stroke the page has next to nothing to do; beside other work it is measured up to three times."""
    opened(page)
    page.evaluate(WATCH_BUSY)
    busy = []
    for k in range(3):
        stroke(page, ON, (-60, 20 * k), (60, -20 * k))
        ended = page.evaluate("performance.now()")
        page.wait_for_timeout(1300)
        tasks = page.evaluate("(from) => busy.filter(([start]) => start > from).map(([, ms]) => ms)", ended + 300)
        busy.append(sum(tasks))
        if busy[-1] < 150:
            break
    assert busy[-1] < 150, busy


def test_undo_and_redo_lead_through_what_was_drawn(page):
    opened(page)
    seen = [page.evaluate(SHEET, ON)]
    for places in (((-60, -60), (60, 60)), ((-60, 60), (60, -60))):
        stroke(page, ON, *places)
        page.mouse.move(5, 5)
        until(page, lambda: page.evaluate(SHEET, ON) not in seen, "the stroke")
        seen.append(page.evaluate(SHEET, ON))
    tool(page, "Clear").click()
    until(page, lambda: decoded(page.evaluate(SHEET, ON)).min() > 250, "a white sheet")
    for press, expected in (
        ("Control+z", 2),
        ("Control+z", 1),
        ("Control+z", 0),
        ("Control+Shift+z", 1),
        ("Control+y", 2),
    ):
        page.locator(f"{ON} .paint-sheet").focus()
        page.keyboard.press(press)
        until(page, lambda k=expected: page.evaluate(SHEET, ON) == seen[k], f"{press} to {expected}")
    tool(page, "Undo").click()
    until(page, lambda: page.evaluate(SHEET, ON) == seen[1], "one stroke")
    tool(page, "Redo").click()
    until(page, lambda: page.evaluate(SHEET, ON) == seen[2], "two strokes")


def test_eraser_fill_and_colours(page):
    opened(page)
    page.get_by_role("button", name="White", exact=True).locator("visible=true").click()
    until(page, lambda: decoded(page.evaluate(SHEET, ON)).min() > 250, "a white sheet")
    tool(page, "#2760c8").click()
    tool(page, "Fill").click()
    stroke(page, ON, (0, 0))
    tool(page, "Brush").click()
    tool(page, "#f6d743").click()
    page.keyboard.press("ArrowRight")
    expect(tool(page, "#3f9b46")).to_have_attribute("aria-checked", "true")
    tool(page, "14 of 64 pixels wide").click()
    stroke(page, ON, (-80, 0), (80, 0))
    tool(page, "Eraser").click()
    tool(page, "4 of 64 pixels wide").click()
    stroke(page, ON, (0, -80), (0, 80))
    picture = decoded(value_of(page, "Run the ladder")["picture"])
    at = lambda x, y: tuple(picture[y, x])  # noqa: E731
    assert at(5, 5) == at(250, 250) == (0x27, 0x60, 0xC8)
    assert at(90, 128) == at(166, 128) == (0x3F, 0x9B, 0x46)
    assert at(128, 128) == at(128, 90) == (255, 255, 255), "the eraser takes the fill too"


def test_of_a_tall_photo_the_square_is_seen_and_moved(page, tmp_path):
    bands = np.zeros((800, 400, 3), np.uint8)
    for k in range(4):
        bands[200 * k : 200 * k + 200] = 60 * k + 20
    Image.fromarray(bands).save(tmp_path / "tall.png")
    opened(page)
    upload(page, tmp_path / "tall.png")
    expect(tool(page, "Crop")).to_have_attribute("aria-checked", "true")
    expect(page.locator(f"{ON} .paint-hint")).to_have_text("drag the square")
    first = decoded(value_of(page, "Run the ladder")["picture"])
    assert abs(first[20, 128] - 80).max() <= 2 and abs(first[236, 128] - 140).max() <= 2
    stroke(page, ON, (0, 0), (0, 300))
    last = decoded(value_of(page, "Run the ladder")["picture"])
    assert abs(last[20, 128] - 140).max() <= 2 and abs(last[236, 128] - 200).max() <= 2
    page.locator(f"{ON} input[type=range]").fill("50")
    closer = decoded(value_of(page, "Run the ladder")["picture"])
    assert np.ptp(closer[20:236]) > 50 and abs(closer[20, 128] - 140).max() <= 2


@pytest.mark.parametrize(("tab", "on", "tip"), [("SDEdit", ON, "Brush"), ("Inpainting", "#inpainting-canvas", "Paint")])
def test_paint_and_mask_stay_on_their_part_of_the_picture_when_the_square_moves(page, tmp_path, tab, on, tip):
    Image.new("RGB", (800, 400), (200, 200, 200)).save(tmp_path / "wide.png")
    opened(page, tab, on)
    upload(page, tmp_path / "wide.png", on)

    def centre() -> float:
        """How far right the paint is in the square, 0 - 1."""
        tool(page, tip, on).click()
        page.mouse.move(5, 5)  # the ring around the pointer is no paint
        page.wait_for_timeout(200)
        painted = abs(decoded(page.evaluate(SHEET, on)) - 200).max(-1) > 60
        return np.argwhere(painted)[:, 1].mean() / painted.shape[1] if painted.any() else -1

    if tab == "Inpainting":
        tool(page, "Clear", on).click()
    tool(page, tip, on).click()
    stroke(page, on, (0, 0), (0, 0))
    until(page, lambda: abs(centre() - 0.5) < 0.03, "the paint in the middle")
    tool(page, "Crop", on).click()
    stroke(page, on, (0, 0), (20, 0))  # the whole picture takes the sheet's width
    moved = 20 / page.locator(f"{on} .paint-sheet").bounding_box()["width"]
    until(page, lambda: abs(centre() - (0.5 - 2 * moved)) < 0.03, "the paint where its part of the picture is now")
    tool(page, "Crop", on).click()
    page.locator(f"{on} input[type=range]").fill("50")
    until(page, lambda: abs(centre() - (0.5 - 4 * moved)) < 0.05, "the same, closer")
    tool(page, "Undo", on).click()
    tool(page, "Undo", on).click()
    until(page, lambda: abs(centre() - 0.5) < 0.03, "all as it was")


def test_a_sheet_that_may_be_empty_gives_no_picture_and_paste_goes_to_the_one_that_was_touched(page):
    opened(page)
    page.get_by_role("button", name="Two more pictures").click()
    second, third = "#sdedit-original-2", "#sdedit-original-3"
    there(page, third)
    first = page.evaluate(SHEET, ON)
    tool(page, "Clear", third).click()
    page.locator(f"{second} .paint-sheet").click()
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (1, 99, 200)).save(out, "PNG")
    page.evaluate(GIVEN, [second, "pasted.png", "image/png", base64.b64encode(out.getvalue()).decode()])
    until(page, lambda: (decoded(page.evaluate(SHEET, second))[200, 200] == [1, 99, 200]).all(), "the picture")
    assert page.evaluate(SHEET, ON) == first
    page.get_by_label("Starts i").locator("visible=true").fill("25")
    page.get_by_role("button", name="Several pictures", exact=True).click()
    expect(page.locator("#sdedit-view .fv-text")).to_have_text(re.compile("done in"))
    expect(page.locator("#sdedit-view")).to_contain_text("picture 2")
    expect(page.locator("#sdedit-view")).not_to_contain_text("picture 3")


def test_a_picture_comes_upright_its_first_frame_and_every_pixel_of_a_small_one(page, tmp_path):
    opened(page)
    turned = Image.new("RGB", (1200, 600), "red")
    turned.paste((0, 0, 255), (0, 0, 600, 600))
    exif = turned.getexif()
    exif[0x112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=100)
    upload(page, tmp_path / "turned.jpg")
    upright = decoded(value_of(page, "Run the ladder")["picture"])
    assert upright[60, 128].argmax() == 2 and upright[200, 128].argmax() == 0
    frames = [Image.new("RGB", (90, 90), colour) for colour in ("lime", "red", "blue")]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:], duration=50)
    upload(page, tmp_path / "moves.gif")
    assert (decoded(value_of(page, "Run the ladder")["picture"]) == [0, 255, 0]).all()
    small = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(small).save(tmp_path / "small.png")
    upload(page, tmp_path / "small.png")
    value = value_of(page, "Run the ladder")
    assert np.array_equal(decoded(value["picture"])[2::4, 2::4], small)
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    upload(page, tmp_path / "clear.png")
    assert (decoded(value_of(page, "Run the ladder")["picture"]) == 255).all(), "transparent is white"


@pytest.mark.parametrize("name", ["dropped.png", "pasted.png"])
def test_a_picture_is_dropped_and_pasted(page, name):
    opened(page)
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (1, 99, 200)).save(out, "PNG")
    page.evaluate(GIVEN, [ON, name, "image/png", base64.b64encode(out.getvalue()).decode()])
    until(page, lambda: (decoded(page.evaluate(SHEET, ON)) == [1, 99, 200]).all(), "the picture")


def test_one_finger_paints_and_two_zoom(page):
    on = "#inpainting-canvas"
    opened(page, "Inpainting", on)
    tool(page, "Clear", on).click()
    page.locator(on).scroll_into_view_if_needed()
    box, cdp = page.locator(f"{on} .paint-sheet").bounding_box(), page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]):
        at = lambda x, y: {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}  # noqa: E731
        fingers = [at(*place) | {"id": k} for k, place in enumerate(places)]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    painted = lambda: int((decoded(page.evaluate(PREVIEW)[1]) > 127).sum()) // 3  # noqa: E731
    touch("touchStart", (0.2, 0.8))
    touch("touchMove", (0.8, 0.8))
    touch("touchEnd")
    until(page, lambda: painted() > 150, "the finger's paint")
    before = painted()
    touch("touchStart", (0.4, 0.4))
    touch("touchStart", (0.4, 0.4), (0.6, 0.4))
    touch("touchMove", (0.3, 0.4), (0.7, 0.4))
    touch("touchEnd")
    until(page, lambda: page.locator(f"{on} .paint-zoom").text_content() != "100 %", "a closer view")
    assert painted() == before, "what the first of two fingers painted is taken back"


def test_the_camera_is_offered_only_where_there_is_one(page):
    opened(page)
    expect(page.locator(f"{ON} [data-do=camera]")).to_be_hidden()


FILMING = """(s) => {
  const video = document.querySelector(`${s} video`);
  return video.offsetParent && video.readyState >= 2 && video.videoWidth > 0;
}"""


def test_a_picture_is_taken_with_the_camera(browser, sites):
    films = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    filming = browser.browser_type.launch(executable_path=CHROMIUM, args=[*FLAGS, *films])
    try:
        page = filming.new_page(permissions=["camera"])
        page.goto(sites("sdedit", "inpainting"))
        opened(page)
        first = page.evaluate(SHEET, ON)
        tool(page, "Camera").click()
        page.wait_for_function(FILMING, arg=ON)
        tool(page, "Cancel").click()
        expect(page.locator(f"{ON} .paint-camera")).to_be_hidden()
        assert page.evaluate(SHEET, ON) == first, "nothing was taken"
        tool(page, "Camera").click()
        page.wait_for_function(FILMING, arg=ON)
        tool(page, "Take the picture").click()
        until(page, lambda: page.evaluate(SHEET, ON) != first, "the camera's picture")
        assert page.evaluate("(s) => document.querySelector(`${s} video`).srcObject.active", ON) is False
        tool(page, "Brush").click()
        assert decoded(value_of(page, "Run the ladder")["picture"]).std() > 10
    finally:
        filming.close()


def test_the_paste_button_takes_a_picture_and_says_when_there_is_none(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page)
    page.evaluate("navigator.clipboard.writeText('no picture')")
    tool(page, "Paste").click()
    expect(page.locator(f"{ON} .paint-said")).to_have_text("There is no picture on the clipboard.")
    page.evaluate(
        """async () => {
          const sheet = Object.assign(document.createElement('canvas'), { width: 64, height: 64 }), pen = sheet.getContext('2d');
          pen.fillStyle = 'rgb(1, 99, 200)';
          pen.fillRect(0, 0, 64, 64);
          const file = await new Promise((go) => sheet.toBlob(go));
          await navigator.clipboard.write([new ClipboardItem({ 'image/png': file })]);
        }"""
    )
    tool(page, "Paste").click()
    until(page, lambda: (decoded(page.evaluate(SHEET, ON)) == [1, 99, 200]).all(), "the picture")
    expect(page.locator(f"{ON} .paint-said")).to_have_text("")


def test_what_was_drawn_is_there_after_other_tabs_and_after_a_reload(page):
    opened(page)
    page.get_by_role("button", name="Mountains become a volcano", exact=True).click()
    until(page, lambda: tool(page, "Undo").is_enabled(), "the preset's picture")
    stroke(page, ON, (-60, -60), (60, 60))
    page.mouse.move(5, 5)
    page.wait_for_timeout(500)
    before = page.evaluate(SHEET, ON)
    opened(page, "Inpainting", "#inpainting-canvas")
    opened(page)
    assert page.evaluate(SHEET, ON) == before
    page.reload()
    until(
        page, lambda: page.locator(f"{ON} .paint-sheet").count() and page.evaluate(SHEET, ON) == before, "the drawing"
    )
    page.wait_for_timeout(3000)
    assert page.evaluate(SHEET, ON) == before, "the preset in the address comes before what was drawn upon it"
    page.get_by_role("button", name="Mountains become a volcano", exact=True).click()
    until(page, lambda: page.evaluate(SHEET, ON) != before, "the preset itself, pressed by a person")


PREVIEW = """() => [...document.querySelectorAll('#mask-used canvas')].map((canvas) => canvas.toDataURL())"""


def test_the_mask_is_seen_as_it_is_used_pixel_for_pixel(page):
    on = "#inpainting-canvas"
    opened(page, "Inpainting", on)
    tool(page, "Clear", on).click()
    stroke(page, on, (-70, -40), (30, 50), (60, -20))
    tool(page, "Grow", on).click()
    tool(page, "Erase", on).click()
    stroke(page, on, (-20, -60), (-20, 60))
    field = page.locator("#inpainting-tab").get_by_label("number input for Feather")
    for feather in (0, 1, 3, 5, 8):
        field.fill(str(feather))
        field.press("Enter")
        page.wait_for_timeout(400)
        original, shown, hole = map(decoded, page.evaluate(PREVIEW))
        made = canvas("canvas", "", None, "mask")
        given = pictures_of(made.preprocess(made.data_model.model_validate(value_of(page, "Fill the hole"))))
        used = np.asarray(white(masks.soft(masks.mask_of(given["mask"]), feather)), dtype=int)
        assert np.array_equal(shown[..., 0], used) and 200 < (used > 0).sum() < 4000
        assert np.abs(original - given["original"]).max() <= 1
        assert np.abs(hole - masks.hole_of(given["original"], used[..., None])).max() <= 2


def test_the_mask_s_buttons_do_what_core_does(page):
    on = "#inpainting-canvas"
    opened(page, "Inpainting", on)
    shown = lambda: decoded(page.evaluate(PREVIEW)[1])[..., 0]  # noqa: E731
    is_now = lambda mask, what: until(page, lambda: np.array_equal(shown(), np.asarray(white(mask))), what)  # noqa: E731
    holes = masks.random_holes()
    tool(page, "Random holes", on).click()
    is_now(holes, "the preset")
    for name, expected in {
        "Grow": masks.grow(holes, 2),
        "Invert": masks.invert(masks.grow(holes, 2)),
        "Shrink": masks.grow(masks.invert(masks.grow(holes, 2)), -2),
    }.items():
        tool(page, name, on).click()
        is_now(expected, name)
    tool(page, "Centre square", on).click()
    is_now(masks.centre_square(), "another preset")
    tool(page, "Clear", on).click()
    expect(page.locator("#mask-used .caption")).to_have_text(masks.EMPTY)
    tool(page, "Invert", on).click()
    expect(page.locator("#mask-used .caption")).to_have_text(masks.FULL)
    tool(page, "Undo", on).click()
    tool(page, "Undo", on).click()
    is_now(masks.centre_square(), "the mask before")
    expect(page.locator("#mask-used .caption")).to_have_text("")


def test_an_uploaded_mask_leaves_the_picture_and_its_square(page, tmp_path):
    on = "#inpainting-canvas"
    opened(page, "Inpainting", on)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (900, 600, 3), np.uint8)).save(tmp_path / "tall.png")
    half = Image.new("L", (64, 64))
    half.paste(255, (0, 0, 32, 64))
    half.save(tmp_path / "mask.png")
    upload(page, tmp_path / "tall.png", on)
    stroke(page, on, (0, 0), (0, 60))
    before = decoded(page.evaluate(PREVIEW)[0])
    page.locator(f"{on} .paint-sheet").focus()
    page.keyboard.press("ArrowUp")
    until(page, lambda: not np.array_equal(decoded(page.evaluate(PREVIEW)[0]), before), "the square moved by a key")
    page.keyboard.press("Control+z")
    until(page, lambda: np.array_equal(decoded(page.evaluate(PREVIEW)[0]), before), "the square as it was")
    page.locator("#inpainting-tab input[type=file]:not(.paint-file)").first.set_input_files(tmp_path / "mask.png")
    until(page, lambda: np.array_equal(decoded(page.evaluate(PREVIEW)[1])[..., 0], np.asarray(half)), "the mask")
    assert np.array_equal(decoded(page.evaluate(PREVIEW)[0]), before)
    tool(page, "Crop", on).click()
    stroke(page, on, (0, 0), (0, -200))
    until(page, lambda: not np.array_equal(decoded(page.evaluate(PREVIEW)[0]), before), "another square of the photo")
