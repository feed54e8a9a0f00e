"""The text-to-image tabs in headless Chromium, as a person uses them."""

import re

import pytest
from drawing import stroke, there, type_in, until
from playwright.sync_api import expect

from core.models.registry import availability
from core.pictures.images import settings_of

pytestmark = pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")


TABS = ("Sampling & guidance", "SDEdit", "Inpainting", "Visual anagrams", "Hybrids")


def open_tab(page, name: str):
    page.get_by_role("tab", name=name).click()


def top(page, selector: str) -> float:
    """Where the first visible match begins, from the top of the page."""
    place = page.locator(selector).locator("visible=true").first
    return place.evaluate("e => e.getBoundingClientRect().top + scrollY")


def lanes(page, view: str) -> list[tuple[str, str]]:
    """(caption, source) of every picture in a viewer."""
    figures = page.locator(f"{view} figure")
    return figures.evaluate_all(
        "all => all.map(f => [f.querySelector('figcaption').textContent, f.querySelector('img').src])"
    )


def sample(page, button: str, steps: int = 4):
    """Press a button, for few steps, and wait for the files."""
    type_in(page, "Steps", str(steps))
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile("done in"))
    file = page.locator("#sampling-tab").get_by_role("button", name="PNG", exact=True)
    expect(file).to_be_enabled()  # the run is kept: nothing more comes and chooses the first picture


def look_inside(page, share: float, number: str):
    """Click that far to the right in the row of pictures, which chooses that one, and open the look inside."""
    image = page.locator("#sampling-view img").first
    box = image.bounding_box()
    image.click(position={"x": box["width"] * share, "y": box["height"] / 2})
    expect(page.locator("#sampling-pick input")).to_have_value(number)
    page.get_by_text("Inside one picture").click()
    expect(page.locator("#sampling-inside .fv-text")).to_have_text(f"picture {number}")


@pytest.mark.tabs("sampling", "denoise")
def test_sample_pick_look_inside_and_send(page):
    open_tab(page, "Sampling & guidance")
    sample(page, "Sample")
    look_inside(page, 0.6, "3")
    page.locator("#sampling-inside .fv-range").fill("2")
    assert page.locator("#sampling-inside img:visible").count() == 5
    page.get_by_role("button", name="→ Denoise").click()
    expect(page.get_by_role("button", name="Noise and denoise")).to_be_visible()


@pytest.mark.tabs("sampling")
def test_a_sweep_is_a_labelled_row(page):
    open_tab(page, "Sampling & guidance")
    sample(page, "Guidance sweep")
    expect(page.locator("#sampling-view .fv-across").first).to_have_text(re.compile("w = 0.*w = 20", re.S))


@pytest.mark.tabs("sampling")
def test_the_line_has_the_cost_of_this_run_and_each_experiment_s_button_its_own(page):
    line, steps = page.locator(".cost:visible").first, page.get_by_label("number input for Steps")
    button = page.get_by_role("button", name="Guidance sweep")
    expect(button).to_have_attribute("title", re.compile(r"^about [\d.]+ s$"))
    before = button.get_attribute("title")
    steps.fill("200")
    steps.blur()
    expect(line).to_have_text(re.compile(r"^\s*200 network calls on [^·]*, about [\d.]+ s\s*$"))
    assert before != button.get_attribute("title") != ""
    steps.fill("0")  # and stay in it: a number outside of the range goes back into it when it is left
    expect(line).to_have_text(re.compile("must be a whole number"))
    expect(button).to_have_attribute("title", "")
    steps.blur()
    expect(button).to_have_attribute("title", re.compile(r"^about [\d.]+ s$"))


@pytest.mark.tabs("sampling")
def test_unknown_words_are_named(page):
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-tab textarea:visible").first.fill("a campanile")
    remark = page.locator("#sampling-tab").get_by_text("does not know “campanile”")
    expect(remark.first).to_have_text(re.compile("lighthouse"))


@pytest.mark.tabs("denoise")
def test_denoising_fills_its_places(page):
    page.get_by_role("button", name="Noise and denoise").click()
    expect(page.locator("#denoise-tab .cost", has_text="done in").first).to_be_visible()
    assert page.locator(".tiles img").count() >= 9 + 18
    assert page.locator(".tiles .place").count() == 0


@pytest.mark.tabs("denoise")
def test_the_comparison_of_the_example_can_be_saved_and_sent_without_a_run(page):
    file = page.locator("#denoise-tab").get_by_role("button", name="PNG", exact=True)
    expect(file).to_be_enabled()
    with page.expect_download() as saved:
        file.click()
    assert settings_of(saved.value.path())["levels"] == [250, 500, 750]
    expect(page.get_by_label("Picture to send")).to_have_value("iterative, t = 750")


@pytest.mark.tabs("sampling")
def test_an_example_plays_once_unless_less_motion_is_asked_for_and_can_be_saved(page):
    page.add_init_script(
        "seen = new Set(); setInterval(() => seen.add(document.querySelector('.fv-label')?.textContent), 20)"
    )
    page.emulate_media(reduced_motion="no-preference")
    page.reload()
    page.wait_for_function("[...seen].filter(Boolean).length >= 5 && /result/.test([...seen].at(-1))")
    page.emulate_media(reduced_motion="reduce")
    page.reload()
    file = page.get_by_role("button", name="PNG", exact=True).first
    expect(file).to_be_enabled()
    page.wait_for_timeout(1000)
    assert page.evaluate("[...seen].filter(Boolean).length") == 1
    with page.expect_download() as saved:
        file.click()
    assert settings_of(saved.value.path())["seed"] == 180


@pytest.mark.tabs("sampling")
def test_a_new_run_chooses_its_first_picture(page):
    open_tab(page, "Sampling & guidance")
    sample(page, "Sample")
    look_inside(page, 0.9, "4")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator("#sampling-pick input")).to_have_value("1")
    expect(page.locator("#sampling-inside .fv-text")).to_have_text("picture 1")
    expect(page.locator("#sampling-view .fv-chosen:visible")).to_have_count(0)


@pytest.mark.tabs("sampling")
def test_a_picture_chosen_while_the_run_goes_on_stays_chosen(page):
    open_tab(page, "Sampling & guidance")
    type_in(page, "Steps", "10")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator("#sampling-view .fv-running")).to_be_visible()
    size = "(() => { const i = document.querySelector('#sampling-view img'); return i?.width > 50 && [i.width, i.height]; })()"
    width, height = page.wait_for_function(size).json_value()
    page.locator("#sampling-view img").first.click(position={"x": width * 0.6, "y": height / 2})
    expect(page.locator("#sampling-pick input")).to_have_value("3")
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile("done in"))
    expect(page.locator("#sampling-tab").get_by_role("button", name="PNG", exact=True)).to_be_enabled()
    page.get_by_text("Inside one picture").click()
    expect(page.locator("#sampling-inside .fv-text")).to_have_text("picture 3")
    expect(page.locator("#sampling-pick input")).to_have_value("3")
    expect(page.locator("#sampling-view .fv-chosen:visible")).to_have_count(2)  # in either lane


@pytest.mark.tabs("sampling")
def test_what_goes_wrong_in_a_quick_handler_is_told(page, tmp_path):
    """A file that is no picture, dropped where the settings go."""
    (tmp_path / "no-picture.png").write_bytes(b"no picture")
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-tab").get_by_role("button", name="More settings").click()
    page.locator("#sampling-tab input[type=file]").first.set_input_files(tmp_path / "no-picture.png")
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("not a picture with settings")


@pytest.mark.tabs("sampling", "denoise")
def test_the_example_is_as_alive_as_a_run(page):
    open_tab(page, "Sampling & guidance")
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile("example"))
    look_inside(page, 0.6, "3")
    page.get_by_role("button", name="→ Denoise").locator("visible=true").click()
    expect(page.get_by_role("button", name="Noise and denoise")).to_be_visible()
    expect(page.locator("[data-testid=toast-body]")).to_have_count(0)


@pytest.mark.tabs("sampling")
def test_a_panel_that_is_opened_is_not_empty(page):
    open_tab(page, "Sampling & guidance")
    page.get_by_text("Inside one picture").click()
    expect(page.locator("#sampling-inside .fv-text")).to_have_text("picture 1")


def test_no_viewer_is_empty_at_first(page):
    for name in (*TABS, "MNIST"):
        open_tab(page, name)
        expect(page.locator(".fv img, .far canvas").locator("visible=true").first).to_be_visible()
        expect(page.locator(".fv-empty:not(.plane), .far-empty").locator("visible=true")).to_have_count(0)
        assert all(t.strip(" ▼\n") for t in page.locator("button.label-wrap").all_text_contents()), (
            "a panel without a name"
        )


@pytest.mark.tabs("sampling")
def test_the_result_stands_above_the_noise_it_came_from_and_nothing_jumps(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-view img").first.wait_for()
    (_, result), (said, noise) = lanes(page, "#sampling-view")
    assert said == "The noise that this came from" and noise != result
    controls = top(page, "#sampling-view .fv-controls")
    assert controls < 770, "the scrubber is in sight"
    page.locator("#sampling-view .fv-range").fill("0")
    (_, first), (said, state) = lanes(page, "#sampling-view")
    assert said.startswith("x_t") and state == noise and first != result
    assert top(page, "#sampling-view .fv-controls") == controls
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile(r"step \d+ / 30"))
    assert top(page, "#sampling-view .fv-controls") == controls
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile("done in"))
    assert top(page, "#sampling-view .fv-controls") == controls
    assert lanes(page, "#sampling-view")[1][0] == "The noise that this came from"


WATCH = """([parts, number]) => {
  places = {};  // where the parts stand in the last picture of a step, and at the end: a short run is over in a moment
  const look = () => {
    const state = /step \\d+ \\/ \\d+|done/.exec(document.querySelector('#sampling-view .fv-text')?.textContent);
    const cells = document.querySelectorAll('#sampling-view figure:first-of-type .fv-cells i').length;
    if (state && cells === number) {
      const tops = parts.map((part) => Math.round(document.querySelector(part).getBoundingClientRect().top + scrollY));
      places[state[0].slice(0, 4)] = tops;
    }
    if (!places.done) requestAnimationFrame(look);
  };
  look();
}"""


@pytest.mark.tabs("sampling")
@pytest.mark.parametrize(("number", "steps"), [(2, 40), (8, 12)])  # long enough for a step to be painted
def test_nothing_jumps_while_another_number_of_pictures_is_made(page, number, steps):
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-view img").first.wait_for()
    type_in(page, "Pictures", str(number))
    type_in(page, "Steps", str(steps))
    parts = [*(f"#sampling-view .fv-{part}" for part in ("lanes", "controls", "caption")), "#sampling-tab .slim"]
    page.evaluate(WATCH, [parts, number])
    page.get_by_role("button", name="Sample", exact=True).click()
    page.wait_for_function("places.done")
    places = page.evaluate("places")
    assert places["step"] == places["done"]


@pytest.mark.tabs("sampling")
def test_guidance_off_and_on_fills_the_width_and_keeps_w_together(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    open_tab(page, "Sampling & guidance")
    sample(page, "Guidance off / on")
    image = page.locator("#sampling-view img").first.bounding_box()
    assert image["width"] / 4 > 120, "a picture was 75 pixels wide while the lanes stood side by side"
    whole = page.locator("#sampling-view figure").first.locator(".fv-down .fv-whole")
    expect(whole).to_have_text(["w = 1", "w = 2"])
    assert all(box < 25 for box in whole.evaluate_all("all => all.map(e => e.getBoundingClientRect().height)"))


@pytest.mark.tabs("sampling")
def test_every_noise_stands_under_its_picture_with_a_gap_between(page):
    page.set_viewport_size({"width": 1280, "height": 640})
    open_tab(page, "Sampling & guidance")
    sheets = page.locator("#sampling-view canvas")
    expect(sheets).to_have_count(2)
    page.wait_for_function("() => document.querySelector('#sampling-view canvas').width === 4 * 64 + 3 * 2")
    above, below = sheets.evaluate_all("all => all.map(e => [e.getBoundingClientRect().x, e.clientWidth])")
    assert above == below
    gap = sheets.first.evaluate("e => [...e.getContext('2d').getImageData(64, 0, 2, 64).data]")
    assert not any(gap), "the page shows through"


def test_the_sends_stand_in_one_line(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    for name in TABS:
        open_tab(page, name)
        row = page.locator(".sends").locator("visible=true")
        row.wait_for()
        boxes = row.locator("button").evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())")
        assert len(boxes) >= 3 and len({round(b["top"]) for b in boxes}) == 1, name
        assert max(b["height"] for b in boxes) < 36, name


def test_projector_mode_is_for_a_lecture(page):
    page.set_viewport_size({"width": 1280, "height": 800})
    button = page.get_by_role("button", name="Projector mode")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    for name in ("Forward & denoise", *TABS, "MNIST"):
        open_tab(page, name)
        run = page.locator("button.do-run").locator("visible=true")
        run.wait_for()
        box = run.bounding_box()
        assert box["y"] + box["height"] < 800, name
        assert page.locator(".info-text, footer").locator("visible=true").count() == 0, name
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, name
    open_tab(page, "SDEdit")
    words = page.locator("#sdedit-view .fv-across .fv-whole")
    words.first.wait_for()
    assert all(box < 30 for box in words.evaluate_all("all => all.map(e => e.getBoundingClientRect().height)"))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".info-text").locator("visible=true").first).to_be_visible()


@pytest.mark.tabs("denoise")
def test_projector_mode_outlives_a_reload_and_says_how_to_leave_it(page):
    page.get_by_role("button", name="Projector mode").click()
    page.reload()
    leave = page.get_by_role("button", name="Leave projector mode")
    expect(leave).to_have_attribute("aria-pressed", "true")
    leave.click()
    expect(page.get_by_role("button", name="Projector mode", exact=True)).to_have_attribute("aria-pressed", "false")


@pytest.mark.tabs("sampling")
def test_a_phone_shows_the_picture_then_the_button_then_the_rest(page):
    open_tab(page, "Sampling & guidance")
    page.locator("#sampling-view img").first.wait_for()
    page.set_viewport_size({"width": 390, "height": 844})
    picture, run, prompt = (
        top(page, s) for s in ("#sampling-view img", "#sampling-tab .do-run", "#sampling-tab textarea")
    )
    assert picture < run < prompt and picture < 480
    presets = page.locator("#sampling-tab .presets button").evaluate_all(
        "all => all.map(e => e.scrollWidth - e.clientWidth)"
    )
    assert max(presets) <= 2, f"no label runs out of its button: {presets}"
    smooth = page.locator("#sampling-view .fv-smooth").bounding_box()
    assert smooth["x"] + smooth["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.tabs("denoise")
def test_on_a_phone_the_button_stays_in_sight_and_a_run_shows_the_pictures(page):
    page.set_viewport_size({"width": 390, "height": 844})
    run = page.get_by_role("button", name="Noise and denoise")
    expect(run).to_be_in_viewport(ratio=1)
    assert top(page, "#denoise-tab .do-run") < top(page, "#denoise-picture"), "over the figures, which are long"
    page.locator("#denoise-tab").get_by_text("The formula").scroll_into_view_if_needed()
    expect(run).to_be_in_viewport(ratio=1)
    figures = page.locator("#denoise-tab .tiles").first
    expect(figures).not_to_be_in_viewport()
    page.locator("#denoise-tab").get_by_label("Timesteps t to compare at").fill("100")
    run.click()
    expect(figures).to_be_in_viewport()


def denoise(page, levels: str = "", done: str = "done in"):
    if levels:
        page.locator("#denoise-tab").get_by_label("Timesteps t to compare at").fill(levels)
    page.get_by_role("button", name="Noise and denoise").click()
    expect(page.locator("#denoise-tab .cost", has_text=done).first).to_be_visible()


@pytest.mark.tabs("denoise", "sdedit")
def test_denoising_can_be_stopped_saved_and_sent(page):
    tab = page.locator("#denoise-tab")
    tab.get_by_text("More settings").click()
    type_in(page, "Stride", "5")
    denoise(page, "990, 500", "s left")
    page.keyboard.press("Escape")
    expect(tab.locator(".cost", has_text=re.compile(r"stopped at step \d+ / 199")).first).to_be_visible()
    expect(tab.locator("a[download]").or_(tab.get_by_role("button", name="PNG", exact=True)).first).to_be_enabled()
    expect(tab.get_by_label("Picture to send")).to_have_value("iterative, t = 500")
    tab.get_by_role("button", name=re.compile("→ SDEdit")).click()
    expect(page.get_by_role("button", name="Run the ladder")).to_be_visible()


@pytest.mark.tabs("denoise")
def test_the_longest_run_is_looked_into_with_the_arrows(page):
    page.get_by_role("button", name=re.compile("Inside the longest run")).click()
    label = page.locator("#denoise-inside .fv-label")
    expect(label).to_have_text(re.compile(r"^result · 26 steps · x_0 at \d+\.\d dB$"))
    denoise(page, "300")  # the button that was pressed has the focus
    expect(label).to_have_text(re.compile(r"^result · 11 steps · x_0 at \d+\.\d dB$"))
    page.keyboard.press("ArrowLeft")
    expect(label).to_have_text(re.compile(r"^step 11 / 11 · t = 0 · x_0 at \d+\.\d dB$"))
    expect(page.locator("#denoise-inside img").nth(2)).to_be_visible()


@pytest.mark.tabs("denoise")
def test_opening_the_look_inside_does_not_make_an_old_figure_new(page):
    denoise(page, "300")
    page.locator("#denoise-tab").get_by_label("Timesteps t to compare at").fill("200")
    stale = page.locator("#denoise-figures[data-stale='changed']")
    expect(stale).to_be_visible()
    page.get_by_role("button", name=re.compile("Inside the longest run")).click()
    expect(page.locator("#denoise-inside img").first).to_be_attached()
    expect(stale).to_be_visible()


@pytest.mark.tabs("sampling")
def test_the_arrows_scrub_the_viewer_that_has_the_focus(page):
    open_tab(page, "Sampling & guidance")
    page.get_by_role("button", name=re.compile("Inside one picture")).click()
    grid, inside = (page.locator(f"#sampling-{name} .fv-label") for name in ("view", "inside"))
    expect(inside).to_have_text(re.compile("^result"))
    page.locator("#sampling-inside .fv-play").click()  # plays from the start
    expect(inside).to_have_text(re.compile("^result"))
    for keys, moved in (("Alt+ArrowLeft", False), ("ArrowLeft", True)):
        page.keyboard.press(keys)
        expect(inside).to_have_text(re.compile("^step" if moved else "^result"))
    expect(grid).to_have_text(re.compile("^result"))


@pytest.mark.tabs("denoise")
def test_the_strip_keeps_its_height_while_it_fills(page):
    page.locator("#denoise-tab .figure-box").nth(2).wait_for()
    page.evaluate(HEIGHTS)
    denoise(page, "690")
    heights = page.evaluate("() => window.heights")
    assert len(heights) == 1, heights


HEIGHTS = """() => {
  window.heights = [];
  const watch = () => {
    const strip = document.querySelectorAll('#denoise-tab .figure-box')[2];
    const tiles = strip.querySelectorAll('.tiles > div');
    const now = Math.round(strip.getBoundingClientRect().height);
    if (tiles.length === 6 && !window.heights.includes(now)) window.heights.push(now);
    requestAnimationFrame(watch);
  };
  watch();
}"""


@pytest.mark.tabs("denoise")
def test_a_file_that_is_no_picture_is_told_and_leaves_the_tab_in_order(page, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    box = page.locator("#denoise-picture")
    box.get_by_role("button", name="Clear").or_(box.get_by_label("Remove Image")).first.click()
    box.locator("input[type=file]").first.set_input_files(tmp_path / "bad.png")
    expect(page.get_by_test_id("toast-body").first).to_contain_text("not a picture that can be read")
    expect(box.locator("img")).to_have_count(0)


def test_a_phone_shows_every_tab_and_every_method(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("Forward & denoise", *TABS, "MNIST"):
        expect(page.get_by_role("tab", name=name)).to_be_visible()
    boxes = page.locator("#denoise-tab .tiles div:has(span) img, #denoise-tab .legend span").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(b => [b.left, b.right])"
    )
    assert all(left >= 0 and right <= 390 for left, right in boxes)


@pytest.mark.tabs("denoise")
def test_tiles_stay_readable_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    tile = page.locator("#denoise-tab .tiles img").first
    assert tile.bounding_box()["width"] >= 64
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


@pytest.mark.tabs("denoise")
def test_a_preset_lets_the_model_draw_the_picture_first(page):
    box = page.locator("#denoise-picture img")
    before = box.first.get_attribute("src")
    page.get_by_role("button", name="An emoji that the model drew").click()
    expect(box.first).not_to_have_attribute("src", before)
    assert box.first.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 512
    expect(page.locator("#denoise-tab textarea:visible").nth(1)).to_have_value("an emoji of a penguin")


def before(page, selector: str) -> str:
    """The words that the style sheet puts before what stands there."""
    return page.locator(selector).evaluate("e => getComputedStyle(e, '::before').content")


@pytest.mark.tabs("sampling")
@pytest.mark.usefixtures("presets_only_fill")
def test_a_figure_of_other_settings_is_marked_and_its_files_wait_for_the_new_run(page):
    open_tab(page, "Sampling & guidance")
    tab = page.locator("#sampling-tab")
    png = tab.get_by_role("button", name="PNG", exact=True)
    sample(page, "Sample")
    assert before(page, "#sampling-view .fv-status") == "none"
    tab.get_by_role("button", name="A volcano").click()
    expect(page.locator("#sampling-view[data-stale='changed']")).to_be_visible()
    asks = re.compile(r"filled in; it takes about [\d.]+ s here: press “Sample”")
    until(page, lambda: asks.search(before(page, "#sampling-view .fv-status")), "the preset asks for the press")
    type_in(page, "Steps", "12")
    assert "settings have changed" in before(page, "#sampling-view .fv-status")
    tab.get_by_role("button", name="Sample", exact=True).click()
    expect(png).to_be_disabled()
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile(r"step \d+ / 12"))
    expect(page.locator("#sampling-view[data-stale]")).to_have_count(0)
    expect(png).to_be_enabled()
    expect(page.locator("#sampling-view .fv-caption")).to_have_text(re.compile("volcano"))


def outlined(page, tab: str) -> list[str]:
    """The buttons of a tab with an outline."""
    found = "all => all.filter((b) => getComputedStyle(b).outlineStyle === 'solid').map((b) => b.textContent.trim())"
    return page.locator(f"#{tab} button:visible").evaluate_all(found)


@pytest.mark.tabs("sampling")
@pytest.mark.usefixtures("presets_only_fill")
def test_a_preset_asks_for_its_own_button_until_any_input_is_changed(page):
    open_tab(page, "Sampling & guidance")
    tab, status = page.locator("#sampling-tab"), "#sampling-view .fv-status"
    tab.get_by_text("More settings").click()
    asks = re.compile(r"filled in; it takes about [\d.]+ s here: press “Five styles”")

    def ask():
        tab.get_by_role("button", name="A frog in five styles").click()
        until(page, lambda: asks.search(before(page, status)), "the preset asks for the press")
        page.wait_for_timeout(500)
        assert asks.search(before(page, status)) and outlined(page, "sampling-tab") == ["Five styles"]

    def unasked():
        until(page, lambda: "settings have changed" in before(page, status), "the question is gone")
        assert outlined(page, "sampling-tab") == ["Sample"]

    ask()
    tab.get_by_label("DDPM", exact=True).check()
    unasked()
    ask()
    tab.get_by_label("Timesteps", exact=True).click()
    page.locator("[role=option][aria-selected=false]").last.click()
    unasked()
    ask()
    type_in(page, "Steps", "12")
    unasked()


@pytest.mark.tabs("hybrids")
@pytest.mark.usefixtures("presets_only_fill")
def test_inputs_that_follow_a_preset_late_leave_its_question(page):
    open_tab(page, "Hybrids")
    page.get_by_role("button", name="Three-way").click()
    until(page, lambda: "filled in" in before(page, "#hybrids-view .fv-status"), "the preset asks for the press")
    page.wait_for_timeout(2000)
    assert "filled in" in before(page, "#hybrids-view .fv-status")


@pytest.mark.tabs("sdedit", "inpainting")
@pytest.mark.usefixtures("presets_only_fill")
@pytest.mark.parametrize("name", ["SDEdit", "Inpainting"])
def test_a_canvas_that_a_preset_fills_leaves_its_question_and_a_stroke_does_not(page, name):
    open_tab(page, name)
    tab = name.lower()
    there(page, f"#{tab}-canvas")
    page.wait_for_timeout(1500)
    page.locator(f"#{tab}-tab .named button").nth(1).click()
    until(page, lambda: "filled in" in before(page, f"#{tab}-view .fv-status"), "the preset asks for the press")
    page.wait_for_timeout(2000)  # a canvas takes its picture late
    assert "filled in" in before(page, f"#{tab}-view .fv-status")
    stroke(page, f"#{tab}-canvas", (-30, 40), (30, 40))
    until(page, lambda: "settings have changed" in before(page, f"#{tab}-view .fv-status"), "the question is gone")


@pytest.mark.tabs("denoise")
def test_a_run_that_is_refused_leaves_the_files_of_the_one_before(page):
    tab = page.locator("#denoise-tab")
    png, levels = tab.get_by_role("button", name="PNG", exact=True), tab.get_by_label("Timesteps t to compare at")
    denoise(page, "300")
    expect(png).to_be_enabled()
    levels.fill("no number")
    expect(page.locator("#denoise-figures[data-stale='changed']")).to_be_visible()
    page.get_by_role("button", name="Noise and denoise").click()
    expect(page.get_by_test_id("toast-body").first).to_be_visible()
    expect(png).to_be_enabled()
    expect(tab.get_by_label("Picture to send")).to_have_value("iterative, t = 300")
    expect(page.locator("#denoise-figures[data-stale='pressed']")).to_be_visible()
    levels.fill("200")
    page.get_by_role("button", name="Noise and denoise").click()
    expect(png).to_be_disabled()
    expect(page.locator("#denoise-figures[data-stale]")).to_have_count(0)
    expect(tab.get_by_label("Picture to send")).to_have_value("iterative, t = 200")
    expect(png).to_be_enabled()


@pytest.mark.tabs("sampling")
def test_the_files_of_a_run_wait_for_the_one_that_was_asked_for_meanwhile(page):
    open_tab(page, "Sampling & guidance")
    status, png = page.locator("#sampling-view .fv-text"), page.get_by_role("button", name="PNG", exact=True)
    type_in(page, "Steps", "8")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(status).to_have_text(re.compile("step"))
    page.get_by_role("button", name="Guidance sweep", exact=True).click()
    # from here on, whatever the page does is noted: the files may not be had before the sweep is done
    page.evaluate("""() => {
      window.early = 0;
      const state = () => document.querySelector('#sampling-view .fv-text').textContent;
      const free = () => [...document.querySelectorAll('#sampling-tab button, [role=tabpanel] button')]
        .some((b) => b.offsetParent && b.textContent.trim() === 'PNG' && !b.disabled);
      window.swept = false;
      new MutationObserver(() => {
        if (document.querySelectorAll('#sampling-view .fv-across span, #sampling-view').length
            && document.querySelector('#sampling-view').textContent.includes('w = 20')) window.swept = true;
        if (free() && !(window.swept && state().startsWith('done'))) window.early += 1;
      }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
    }""")
    expect(page.locator("#sampling-view")).to_contain_text("w = 20")
    expect(status).to_have_text(re.compile("done in"))
    expect(png).to_be_enabled()
    assert page.evaluate("window.swept") and page.evaluate("window.early") == 0
    with page.expect_download() as download:
        png.click()
    assert download.value.suggested_filename.startswith("guidance-sweep")


@pytest.mark.tabs("sampling")
def test_stop_keeps_the_run_under_way_though_another_was_asked_for(page):
    open_tab(page, "Sampling & guidance")
    steps = page.get_by_label("number input for Steps").locator("visible=true")
    steps.fill("200")
    steps.press("Tab")
    status = page.locator("#sampling-view .fv-text")
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(status).to_have_text(re.compile(r"step [2-9]"))
    page.get_by_role("button", name="Guidance sweep", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    expect(status).to_have_text(re.compile("stopped at step"))
    expect(page.get_by_role("button", name="PNG", exact=True)).to_be_enabled()


@pytest.mark.tabs("sampling")
def test_the_dice_gives_another_seed_and_marks_the_figure(page):
    seed = page.locator("#sampling-tab").get_by_label("Seed", exact=True)
    before = seed.input_value()
    page.locator("#sampling-tab button.dice").click()
    expect(seed).not_to_have_value(before)
    expect(page.locator("#sampling-view")).to_have_attribute("data-stale", "changed")
    assert 0 <= int(seed.input_value()) < 2**31
    page.get_by_role("button", name="Sample", exact=True).click()
    expect(page.locator("#sampling-view .fv-text")).to_have_text(re.compile("step"))
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#sampling-view .fv-caption")).to_contain_text(f"seed {seed.input_value()} ")
