"""The page in headless Chromium, as a person uses it, with every request outside this machine forbidden."""

import io
import re
import urllib.request
import zipfile

import numpy as np
import pytest
from drawing import dark, seen, stroke, there, until
from PIL import Image
from playwright.sync_api import expect

from core.models.registry import MODELS
from core.pictures.images import settings_of
from tabs.mnist.learned import lines
from tabs.ui.layout import QUICK

DONE = re.compile("done in")
CANVAS = "#digit-canvas"


@pytest.fixture
def page(page):
    """The page with the MNIST tab open."""
    page.get_by_role("tab", name="MNIST").click()
    page.locator("#digits-view").wait_for()
    return page


def shown(page) -> str:
    """The source of the first picture in the viewer."""
    return page.locator("#digits-view img").first.get_attribute("src") or ""


def generate(page):
    """Press the button and wait for the result."""
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#digits-view .fv-text")).to_have_text(DONE)


def test_the_page_answers_and_nothing_leaves_this_machine(page, server):
    assert server.seconds < 60, "of computing"
    assert not server.outside.exists(), server.outside.read_text()
    expect(page.get_by_role("heading", name="Fun with Diffusion Models")).to_be_visible()
    expect(page.locator(".cost:visible").first).to_have_text(re.compile(r"\d+ network calls on \d+ images each, about"))


def test_every_answer_tells_the_browser_what_it_may_do_with_it(server):
    for path in ("", "config"):
        with urllib.request.urlopen(server.url + path, timeout=60) as answer:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "object-src 'none'" in answer.headers["content-security-policy"]


def test_the_page_says_that_it_is_in_english_whatever_the_browser_speaks(browser, sites):
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    page.goto(sites("mnist"))
    page.get_by_role("tab", name="MNIST").wait_for()
    page.wait_for_timeout(500)  # Gradio writes the browser's language when its words are there
    assert page.evaluate("document.documentElement.lang") == "en"
    context.close()


@pytest.mark.tabs("mnist")
def test_a_run_that_a_full_queue_refused_asks_again_by_itself_and_says_so(page):
    asked = []

    def refuse_once(route):
        asked.append(route.request.post_data)
        if len(asked) == 1:
            words = "200 runs are waiting, some 12 min of work. Try again then; your settings stay."
            return route.fulfill(status=400, json={"detail": words})
        return route.continue_()

    page.get_by_role("button", name="Generate", exact=True).wait_for()
    page.wait_for_timeout(1000)  # what the tab asks for when it opens
    page.route("**/queue/join*", refuse_once)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#digits-view .fv-text")).to_have_text(
        "200 runs are waiting, some 12 min of work; yours asks again by itself"
    )
    expect(page.locator("#digits-view .fv-text")).to_have_text(DONE)
    assert asked.count(asked[0]) == 2


@pytest.mark.tabs("mnist")
def test_press_watch_scrub_and_download(page, tmp_path):
    page.locator("#mnist-tab").get_by_label("Steps").nth(0).wait_for()
    page.evaluate(
        """() => {
          const view = document.querySelector('#digits-view');
          window.framesSeen = new Set();
          new MutationObserver(() => {
            const running = /^step/.test(view.querySelector('.fv-text')?.textContent ?? '');
            if (running) framesSeen.add(view.querySelector('img')?.src);
          }).observe(view, {subtree: true, childList: true, attributes: true, characterData: true});
        }"""
    )
    generate(page)
    assert page.evaluate("framesSeen.size") >= 2, "the picture changes while it is made"

    result = shown(page)
    page.locator("#digits-view .fv-range").fill("0")
    expect(page.locator("#digits-view .fv-label")).to_have_text(re.compile("step 1 / 20"))
    assert shown(page) != result
    page.locator("#digits-view .fv-play").click()
    expect(page.locator("#digits-view .fv-label")).to_have_text(re.compile("result"))
    assert shown(page) == result

    files = {}
    for name in ("GIF", "PNG", "All as zip"):
        tab = page.locator("#mnist-tab")
        button = tab.locator("a", has=page.get_by_role("button", name=name, exact=True)).or_(
            tab.get_by_role("button", name=name, exact=True)
        )
        with page.expect_download() as download:
            button.first.click()
        files[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[name])
    with Image.open(files["GIF"]) as gif:
        assert gif.n_frames == 21 and gif.info["loop"] == 0
        gif.seek(gif.n_frames - 1)
        assert gif.info["duration"] > 1000, "the last frame is held"
        assert np.asarray(gif.convert("L")).std() > 20
    assert settings_of(files["PNG"])["digits"] == "0123456789"
    with zipfile.ZipFile(files["All as zip"]) as archive:
        assert len(archive.namelist()) == 22
        assert Image.open(io.BytesIO(archive.read("grid.png"))).size == (289, 57)


@pytest.mark.tabs("mnist")
def test_stop_keeps_what_exists(page):
    page.get_by_role("button", name="Ten digits, DDPM").click()
    expect(page.locator(".cost:visible").first).to_have_text(re.compile("300 network calls"))
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#digits-view .fv-text")).to_have_text(re.compile(r"step ([5-9]|\d\d+) / 300 · t = \d+"))
    page.keyboard.press("Escape")
    expect(page.locator("#digits-view .fv-text")).to_have_text(re.compile(r"stopped at step \d+ / 300"))
    assert shown(page).startswith("data:image/png")


@pytest.mark.tabs("mnist")
def test_keyboard_runs_and_scrubs(page):
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("7")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#digits-view .fv-text")).to_have_text(DONE)
    page.locator("h1").click()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#digits-view .fv-label")).to_have_text(re.compile("step 20 / 20"))


@pytest.mark.tabs("mnist")
def test_letters_in_the_digit_box_are_refused_in_one_sentence(page):
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("hello")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("Type digits from 0 to 9")
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("5")
    generate(page)


@pytest.mark.tabs("mnist")
def test_a_saved_png_restores_the_settings(page, tmp_path):
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("42")
    generate(page)
    with page.expect_download() as download:
        page.locator("#mnist-tab").get_by_role("button", name="PNG", exact=True).or_(
            page.locator("#mnist-tab a", has_text="PNG")
        ).first.click()
    download.value.save_as(tmp_path / "saved.png")
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("9")
    page.get_by_text("Settings from a saved picture").locator("visible=true").click()
    page.locator("#mnist-tab input[type=file]").first.set_input_files(tmp_path / "saved.png")
    expect(page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first).to_have_value("42")


@pytest.mark.tabs("mnist")
def test_send_a_digit_to_the_denoiser_and_denoise_it(page):
    page.get_by_role("tab", name="Single-step denoiser").click()
    there(page, CANVAS)
    first = seen(page, CANVAS)
    page.get_by_role("tab", name="Generate").click()
    page.locator("#mnist-tab :is(textarea, input[type=text]):visible").first.fill("3")
    generate(page)
    page.get_by_role("button", name="Send this picture to the denoiser").click()
    expect(page.get_by_role("tab", name="Single-step denoiser")).to_have_attribute("aria-selected", "true")
    until(page, lambda: not np.array_equal(seen(page, CANVAS), first), "another digit on the canvas")
    denoised_anew(page)


@pytest.mark.tabs("mnist")
def test_draw_a_digit_with_the_mouse(page):
    page.get_by_role("tab", name="Single-step denoiser").click()
    there(page, CANVAS)
    expect(page.locator("#denoiser-figure")).to_contain_text("An example")
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(page.locator("#denoiser-figure")).not_to_contain_text("An example")
    before = dark(page, CANVAS)
    stroke(page, CANVAS, (-60, -70), (60, -70), (-20, 90))
    until(page, lambda: dark(page, CANVAS) > before + 500, "the stroke on the canvas")
    denoised_anew(page)


@pytest.mark.tabs("mnist")
def test_the_figure_of_the_denoiser_says_when_its_settings_changed(page):
    page.get_by_role("tab", name="Single-step denoiser").click()
    there(page, CANVAS)
    figures, dim = page.locator("#denoiser-figures"), page.locator("#denoiser-figures .seven")
    expect(figures).not_to_have_attribute("data-stale", re.compile("."))
    page.get_by_label("Noise levels").fill("0.5, 1")
    expect(figures).to_have_attribute("data-stale", "changed")
    expect(dim).to_have_css("opacity", "0.4")
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(page.locator("#denoiser-figure img")).to_have_count(4)
    expect(figures).not_to_have_attribute("data-stale", re.compile("."))
    expect(dim).to_have_css("opacity", "1")
    page.get_by_label("Noise levels").fill("9")
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("Every noise level")
    expect(figures).to_have_attribute("data-stale", "pressed")
    page.get_by_label("Noise levels").fill("0.5, 1")
    expect(figures).to_have_attribute("data-stale", "changed")
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(figures).not_to_have_attribute("data-stale", re.compile("."))
    stroke(page, CANVAS, (-60, -70), (60, -70), (-20, 90))  # the first one
    expect(figures).to_have_attribute("data-stale", "changed")
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(figures).not_to_have_attribute("data-stale", re.compile("."))
    page.get_by_role("button", name="Let the model draw it").click()
    expect(figures).to_have_attribute("data-stale", "changed")


@pytest.mark.tabs("mnist")
def test_the_figure_of_the_denoiser_is_saved_and_gives_its_settings_and_its_digit_back(page, tmp_path):
    page.get_by_role("tab", name="Single-step denoiser").click()
    there(page, CANVAS)
    ink = dark(page, CANVAS)
    levels, png = page.get_by_label("Noise levels"), page.locator("#denoiser-figures .slim button", has_text="PNG")
    levels.fill("0, 0.5")
    page.get_by_role("button", name="Denoise", exact=True).click()
    with page.expect_download() as download:
        png.locator("visible=true").click()
    download.value.save_as(tmp_path / "saved.png")
    levels.fill("1")
    stroke(page, CANVAS, (-60, -70), (60, -70), (-20, 90))
    until(page, lambda: dark(page, CANVAS) > ink + 500, "the stroke on the canvas")
    page.get_by_text("Settings from a saved picture").locator("visible=true").click()
    page.locator(".saved-png:visible input[type=file]").set_input_files(tmp_path / "saved.png")
    expect(levels).to_have_value("0, 0.5")
    until(page, lambda: abs(dark(page, CANVAS) - ink) < 100, "the digit that was saved")
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(page.locator("#denoiser-figures")).not_to_have_attribute("data-stale", re.compile("."))
    page.wait_for_timeout(1000)  # the files follow the figure
    with page.expect_download() as download:
        expect(png.locator("visible=true")).to_be_enabled()
        png.locator("visible=true").click()
    download.value.save_as(tmp_path / "again.png")
    assert settings_of(tmp_path / "again.png") == settings_of(tmp_path / "saved.png")


def denoised_anew(page):
    """Denoise, and wait until the figure is of another digit."""
    images = page.locator("#denoiser-figure img")
    before = [images.nth(k).get_attribute("src") for k in (0, 7)]
    page.get_by_role("button", name="Denoise", exact=True).click()
    for k, source in zip((0, 7), before, strict=True):
        expect(images.nth(k)).not_to_have_attribute("src", source)
    expect(images).to_have_count(14)


@pytest.mark.tabs("mnist")
def test_every_sub_tab_opens(page):
    for name, sign in (
        ("Same noise, two models", "Run both"),
        ("How it learned", "Samples by epoch"),
        ("Scoreboard", "Fréchet distance"),
    ):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(sign).first).to_be_visible()
    page.get_by_role("tab", name="Same noise, two models").click()
    page.get_by_role("button", name="Run both").click()
    expect(page.locator("#compare-view .fv-text")).to_have_text(DONE)
    expect(page.locator("#compare-view img")).to_have_count(4)


@pytest.mark.tabs("mnist")
def test_digits_of_two_models_are_saved_and_give_their_settings_back(page, tmp_path):
    page.get_by_role("tab", name="Same noise, two models").click()
    digits = page.locator("#mnist-tab textarea:visible").first
    digits.fill("42")
    page.get_by_role("button", name="Run both").click()
    expect(page.locator("#compare-view .fv-text")).to_have_text(DONE)
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG", exact=True).locator("visible=true").click()
    download.value.save_as(tmp_path / "saved.png")
    digits.fill("9")
    page.get_by_text("Settings from a saved picture").locator("visible=true").click()
    page.locator(".saved-png:visible input[type=file]").set_input_files(tmp_path / "saved.png")
    expect(digits).to_have_value("42")


@pytest.mark.tabs("mnist")
def test_charts_that_stand_alone_are_saved(page, tmp_path):
    page.get_by_role("tab", name="Scoreboard").click()
    button = page.locator("#scoreboard-steps .plane-png")
    with page.expect_download() as download:
        button.click()
    download.value.save_as(tmp_path / "charts.png")
    with Image.open(tmp_path / "charts.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] > 1500 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50, "two charts with their curves"


def learned(page, title: str):
    """The chart of How it learned after another model was chosen."""
    page.get_by_role("tab", name="How it learned").click()
    page.locator("#mnist-tab").get_by_label("Model").locator("visible=true").click()
    page.get_by_role("option", name=title, exact=True).click()
    return page.locator("#learned-chart .plane-chart")


@pytest.mark.tabs("mnist")
def test_the_curve_is_that_of_the_chosen_model(page):
    for name in ("flow-class", "ddpm-time", "flow-time"):
        chart, (*_, averaged) = learned(page, MODELS[name].title), lines(name)
        last = re.escape(f"averaged weights: {averaged['y'][-1]:.3g} at epoch {averaged['x'][-1]}")
        expect(chart).to_have_attribute("aria-label", re.compile(f"^{re.escape(MODELS[name].title)}.*{last}"))


@pytest.mark.tabs("mnist")
def test_both_players_of_the_gan_have_a_curve(page):
    chart = learned(page, MODELS["gan"].title)
    expect(chart).to_have_attribute("aria-label", re.compile("critic, running mean: .*generator, running mean: "))
    expect(chart).not_to_have_attribute("aria-label", re.compile("held out"))


@pytest.mark.tabs("mnist")
def test_the_axis_of_the_loss_is_logarithmic_or_not(page):
    chart = learned(page, MODELS["flow-class"].title)
    expect(chart).to_have_attribute("aria-label", re.compile("^" + re.escape(MODELS["flow-class"].title)))
    ink = "sheet => sheet.toDataURL()"
    until(page, lambda: chart.evaluate(ink) == (page.wait_for_timeout(300), chart.evaluate(ink))[1], "a chart at rest")
    before = chart.evaluate(ink)
    page.get_by_label("Logarithmic axis of the loss").uncheck()
    until(page, lambda: chart.evaluate(ink) != before, "another axis")
    page.get_by_label("Logarithmic axis of the loss").check()
    until(page, lambda: chart.evaluate(ink) == before, "the axis of before")


@pytest.mark.tabs("mnist")
def test_dark_is_a_switch_that_outlives_a_reload(page):
    page.get_by_role("button", name="Dark", exact=True).click()
    expect(page.get_by_role("button", name="Light", exact=True)).to_be_visible()
    assert page.evaluate("document.body.classList.contains('dark')")
    page.reload()
    expect(page.get_by_role("button", name="Light", exact=True)).to_be_visible()
    assert page.evaluate("document.body.classList.contains('dark')")
    page.get_by_role("button", name="Light", exact=True).click()
    assert not page.evaluate("document.body.classList.contains('dark')")


@pytest.mark.tabs("mnist")
def test_a_chart_in_sight_takes_the_colours_of_dark_and_of_light(page):
    chart = learned(page, MODELS["flow-class"].title)
    brightest = """sheet => {
      const { data } = sheet.getContext('2d').getImageData(0, 0, sheet.width, sheet.height), lights = [];
      for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 250) lights.push(data[i] + data[i + 1] + data[i + 2]);
      return Math.max(...lights.slice(0, 200));  // the title, on top
    }"""
    until(page, lambda: chart.evaluate(brightest) < 300, "dark words")
    page.get_by_role("button", name="Dark", exact=True).click()
    until(page, lambda: chart.evaluate(brightest) > 600, "words light on dark")
    page.get_by_role("button", name="Light", exact=True).click()
    until(page, lambda: chart.evaluate(brightest) < 300, "the chart as it was")


@pytest.mark.tabs("score_field", "hybrids", "mnist")
def test_arrows_move_between_tabs_and_go_round(page):
    row = page.locator("#tabs > .tab-wrapper")
    row.get_by_role("tab", name="MNIST").focus()
    for key, name in (
        ("ArrowLeft", "Hybrids"),
        ("ArrowRight", "MNIST"),
        ("ArrowRight", "Score field"),
        ("End", "MNIST"),
    ):
        page.keyboard.press(key)
        expect(row.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
        expect(row.get_by_role("tab", name=name)).to_be_focused()


@pytest.mark.tabs("mnist")
def test_projector_mode_makes_words_larger(page):
    size = page.locator("#mnist-tab .fv-status").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    page.get_by_role("button", name="Projector mode").click()
    grown = page.locator("#mnist-tab .fv-status").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    assert grown > 1.3 * size


@pytest.mark.tabs("mnist")
def test_projector_mode_makes_charts_larger_and_keeps_them_inside(page):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.get_by_role("tab", name="Scoreboard", exact=True).click()
    chart = page.locator("#scoreboard-steps .plane-chart").first
    before = chart.bounding_box()["height"]
    page.get_by_role("button", name="Projector mode").click()
    expect(page.get_by_role("button", name="Leave projector mode")).to_be_visible()
    until(page, lambda: chart.bounding_box()["height"] > 1.25 * before, "a larger chart")
    assert chart.bounding_box()["width"] <= page.locator("#scoreboard-steps").bounding_box()["width"]


@pytest.mark.tabs("denoise", "mnist")
def test_where_the_system_is_dark_the_page_is_light_on_dark(page):
    colour = "(e, name) => getComputedStyle(e)[name].match(/[0-9.]+/g).slice(0, 3).map(Number)"
    page.emulate_media(color_scheme="dark")
    page.reload()
    page.get_by_role("tab", name="Forward & denoise").click()
    page.locator("button.do-run:visible").first.wait_for()
    assert max(page.locator("gradio-app").evaluate(colour, "backgroundColor")) < 40
    for selector in (
        "h1",
        "button[role=tab][aria-selected=false] >> visible=true",
        ".cost >> visible=true",
        "footer button",
    ):
        assert min(page.locator(selector).first.evaluate(colour, "color")) > 110, selector


@pytest.mark.tabs("mnist")
def test_a_preset_runs_where_that_is_quick_and_is_filled_in_where_it_is_not(page):
    status = page.locator("#digits-view .fv-text")
    cost = page.locator("#mnist-tab .cost:visible").first
    page.get_by_role("button", name="Ten digits, DDPM").click()
    expect(cost).to_contain_text("300 network calls")
    page.wait_for_timeout(2000)
    ran = float(re.search(r"about ([\d.]+) s", cost.inner_text())[1]) < QUICK
    assert status.inner_text().startswith("an example") is not ran
    page.keyboard.press("Escape")
    expect(page.locator("#digits-view")).not_to_have_attribute("data-live", "")
    page.get_by_role("button", name="A phone number").click()
    expect(status).to_have_text(DONE)


@pytest.mark.tabs("mnist")
def test_presets_and_samplers_bring_their_settings_without_a_complaint(page):
    page.get_by_role("button", name="No guidance").click()
    expect(page.locator("#mnist-tab").get_by_label("DDIM", exact=True)).to_be_checked()
    expect(page.locator(".cost:visible").first).to_have_text(re.compile("50 network calls on 20 images"))
    page.locator("#mnist-tab").get_by_label("Heun", exact=True).check()
    expect(page.locator("#mnist-tab").get_by_label("Model").first).to_have_value("Flow matching, class-conditioned")
    expect(page.locator(".cost:visible").first).to_have_text(re.compile("19 network calls on 40 images"))
    expect(page.locator("[data-testid=toast-body]")).to_have_count(0)


@pytest.mark.tabs("mnist")
def test_the_start_can_be_set_only_where_it_changes_the_digits_and_another_model_resets_it(page):
    tab = page.locator("#mnist-tab")
    noise, mean = tab.get_by_label("pure noise", exact=True), tab.get_by_label("noise on the mean digit", exact=True)

    def choose(model: str):
        tab.get_by_label("Model").first.click()
        page.get_by_role("option", name=model, exact=True).click()

    expect(mean).to_be_disabled()
    choose(MODELS["ddpm-time"].title)
    expect(mean).to_be_enabled()
    for model, counts in (("ddpm-class", True), ("flow-class", False)):
        mean.check()
        choose(MODELS[model].title)
        expect(noise).to_be_checked()
        expect(mean).to_be_enabled(enabled=counts)
        choose(MODELS["ddpm-time"].title)
    mean.check()
    tab.get_by_label("Euler", exact=True).check()
    expect(noise).to_be_checked()
    expect(mean).to_be_disabled()
