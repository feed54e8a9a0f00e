"""Train it live, in headless Chromium and as a program calls it: samples change, Pause, Step, Stop, Reset, curves, and leaving."""

import re
import threading
import time
import zipfile

import pytest
import torch
from calling import free_port
from drawing import until
from gradio_client.exceptions import AppError
from learners import bars
from PIL import Image
from playwright.sync_api import expect
from visits import visitors

from core.pictures.images import settings_of
from core.runs import digit_data, digit_training, live_digits
from core.runs.digit_training import TRAININGS
from tabs.mnist import live, train
from tabs.mnist.page import build
from tabs.ui.page import alone
from tabs.ui.theme import look

pytestmark = pytest.mark.page
VIEW = "#train-view"
STATUS, RANGE, PICTURE = f"{VIEW} .fv-text", f"{VIEW} .fv-range", f"{VIEW} .fv-lanes img"
SMALL = {"width": "8", "batch": 8}


@pytest.fixture(scope="module")
def address():
    """Where the tab alone answers, in this process, with bars instead of MNIST."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_digits, "mnist_is_here", lambda: True)
        patch.setattr(live, "mnist_is_here", lambda: True)
        patch.setattr(live_digits, "from_mnist", bars)
        page = alone("MNIST", build).queue()
        _, url, _ = page.launch(
            server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False, **look()
        )
        yield url
        page.close()


@pytest.fixture
def visit(browser, address):
    """Opens a page for each person, with a small network chosen."""
    with visitors(browser, address) as person:

        def opened():
            page = person()
            page.get_by_role("tab", name="Train it live", exact=True).click()
            page.locator("#train-start").wait_for()
            page.get_by_role("radio", name="8", exact=True).check()
            return page

        yield opened


@pytest.fixture(scope="module")
def here(address):
    """A client of it."""
    from gradio_client import Client

    return Client(address, verbose=False)


def press(page, name: str):
    page.locator(f"#train-{name}").click()


def updates(page) -> int:
    """The updates that the status tells; -1 before the first."""
    found = re.search(r"(?:update )?([\d,]+)(?: of| updates)", page.locator(STATUS).inner_text())
    return int(found[1].replace(",", "")) if found else -1


def trained(page, n: int):
    """Press Start and wait for n updates."""
    press(page, "start")
    until(page, lambda: updates(page) >= n, f"update {n}")


def rest(page):
    """Wait for the end of what was ended."""
    expect(page.locator(f"{VIEW} .fv-running")).to_have_count(0)


def learning() -> int:
    """The updates of all trainings together."""
    return sum(t.step for t in TRAININGS._kept.values())


def test_samples_change_while_it_trains_and_pause_shows_all_of_them(visit):
    page = visit()
    trained(page, 1)
    first = page.locator(PICTURE).get_attribute("src")
    until(page, lambda: page.locator(PICTURE).get_attribute("src") != first, "other samples")
    trained_for = updates(page)
    expect(page.locator(RANGE)).to_have_attribute("max", "0")
    press(page, "pause")
    rest(page)
    until(page, lambda: page.locator(RANGE).get_attribute("max") != "0", "a slider")
    assert updates(page) >= trained_for > 0 and "pictures" in page.locator(STATUS).inner_text()
    last = page.locator(PICTURE).get_attribute("src")
    page.locator(RANGE).fill("0")
    assert page.locator(PICTURE).get_attribute("src") not in (last, None)
    expect(page.locator("#train-charts .plane-chart")).to_have_count(2)
    before = learning()
    page.wait_for_timeout(1500)
    assert learning() == before, "it is paused"
    trained(page, updates(page) + 5)  # and goes on
    press(page, "pause")
    rest(page)
    expect(page.locator("[data-testid=toast-body]")).to_have_count(0)


def test_a_training_is_saved_and_gives_its_settings_back(visit, tmp_path):
    page = visit()
    files = page.locator("button:visible:not(.plane-png)")
    png = files.filter(has_text="PNG")
    expect(png).to_be_disabled()
    trained(page, 1)
    press(page, "pause")
    page.get_by_role("radio", name="16", exact=True).check()  # the files are of what was trained
    for name, file in (("PNG", "s.png"), ("GIF", "s.gif"), ("All as zip", "s.zip")):
        with page.expect_download() as download:
            files.filter(has_text=name).click()
        download.value.save_as(tmp_path / file)
    settings = settings_of(tmp_path / "s.png")
    assert (settings["kind"], settings["width"], settings["training"]) == ("train-digits", 8, "")
    with Image.open(tmp_path / "s.gif") as moving, zipfile.ZipFile(tmp_path / "s.zip") as archive:
        assert len([n for n in archive.namelist() if "update" in n]) == moving.n_frames
        assert archive.read("curves.csv").startswith(b"chart,line,x,y\n")
    page.get_by_text("Settings from a saved picture").locator("visible=true").click()
    page.locator(".saved-png:visible input[type=file]").set_input_files(tmp_path / "s.png")
    expect(page.get_by_role("radio", name="8", exact=True)).to_be_checked()
    press(page, "reset")
    expect(png).to_be_disabled()


def test_stop_and_pause_without_a_training_change_nothing(visit):
    page = visit()
    page.locator(PICTURE).first.wait_for()
    said, picture = page.locator(STATUS).inner_text(), page.locator(PICTURE).first.get_attribute("src")
    for name in ("stop", "pause"):
        press(page, name)
        page.wait_for_timeout(1000)
        assert page.locator(STATUS).inner_text() == said
        assert page.locator(PICTURE).first.get_attribute("src") == picture
    press(page, "step")
    until(page, lambda: updates(page) == 1, "one update")
    press(page, "stop")
    expect(page.locator(STATUS)).to_contain_text("Start begins anew")
    said = page.locator(STATUS).inner_text()
    press(page, "stop")
    page.wait_for_timeout(1000)
    assert page.locator(STATUS).inner_text() == said, "what was trained stays in sight"


def test_step_makes_one_update_stop_keeps_the_curve_and_reset_forgets(visit):
    page = visit()
    press(page, "step")
    until(page, lambda: updates(page) == 1, "one update")
    rest(page)
    press(page, "step")
    until(page, lambda: updates(page) == 2, "two updates")
    press(page, "stop")
    expect(page.locator(STATUS)).to_have_text(re.compile("^stopped: 2 updates .* Start begins anew$"))
    press(page, "step")
    until(page, lambda: updates(page) == 1, "a new network")
    boxes = page.locator("input[type=checkbox]:visible", has_not=page.locator(".fv-smooth"))
    curves = page.get_by_role("checkbox", name=re.compile("^[12]: flow by class, D 8"))
    expect(curves).to_have_count(2)
    assert all(curves.nth(k).is_checked() for k in range(2)) and boxes.count() >= 2
    legend = page.locator("#train-charts .plane-chart").first
    expect(legend).to_have_attribute("aria-label", re.compile("1: flow .*2: flow"))
    curves.first.uncheck()
    expect(legend).not_to_have_attribute("aria-label", re.compile("2: flow"))
    press(page, "reset")
    expect(curves).to_have_count(0)
    press(page, "step")
    until(page, lambda: updates(page) == 1, "a new network after Reset")


def test_another_width_asks_for_start_which_ends_the_first_and_begins_anew(visit):
    page = visit()
    trained(page, 2)
    page.get_by_role("radio", name="16", exact=True).check()
    expect(page.locator(VIEW)).to_have_attribute("data-stale", "changed")
    press(page, "start")
    expect(page.locator("#train-charts .fv-caption")).to_have_text(re.compile("D = 16"))
    expect(page.locator(VIEW)).not_to_have_attribute("data-stale", re.compile("."))
    ours = list(TRAININGS._kept.values())[-2:]
    first = min(ours, key=lambda t: t.recipe.width)
    step = first.step
    page.wait_for_timeout(1500)
    assert first.step == step, "the first goes on beside the second"
    press(page, "pause")
    rest(page)


def test_another_rate_takes_effect_without_a_button(visit):
    page = visit()
    trained(page, 2)
    page.get_by_label("Learning rate").click()
    page.get_by_role("option", name="0.01", exact=True).click()
    expect(page.locator("#train-charts .fv-caption")).to_have_text(re.compile("Adam at 0.01 "))
    press(page, "pause")
    rest(page)


def test_leaving_the_page_ends_the_training_and_leaves_no_thread(visit):
    page = visit()
    trained(page, 2)
    page.context.close()
    time.sleep(3)
    before = learning()
    time.sleep(2)
    assert learning() == before
    assert not [t for t in threading.enumerate() if t.name == "drawing digits"]


def test_at_most_two_train_at_once_and_the_third_is_told_its_place(visit):
    pages = [visit() for _ in range(3)]
    for page in pages[:2]:
        trained(page, 1)
    press(pages[2], "start")
    expect(pages[2].locator(STATUS)).to_have_text("waiting: two networks are being trained, yours is next")
    press(pages[0], "pause")
    until(pages[2], lambda: updates(pages[2]) >= 1, "its turn")
    for page in pages[1:]:
        press(page, "pause")
        rest(page)


def test_a_download_that_fails_is_one_sentence_and_the_drawn_digits_are_begun(browser, monkeypatch):
    begun = []
    monkeypatch.setattr(live, "mnist_is_here", lambda: False)
    monkeypatch.setattr(train, "mnist_is_here", lambda: False)
    monkeypatch.setattr(live.DRAWING, "begin", lambda: begun.append(1))
    monkeypatch.setattr(digit_data, "download", lambda: (_ for _ in ()).throw(RuntimeError("no network")))
    app = alone("MNIST", build).queue()
    _, url, _ = app.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False, **look())
    with visitors(browser, url) as person:
        page = person()
        assert not begun
        page.get_by_role("tab", name="Train it live", exact=True).click()
        expect(page.get_by_text("MNIST is not here: our own flow model draws 6,000 digits")).to_be_visible()
        assert begun
        page.get_by_role("button", name="Download MNIST").click()
        expect(page.locator("[data-testid=toast-body]")).to_contain_text("MNIST could not be downloaded")
        expect(page.get_by_text("MNIST is not here: our own flow model draws")).to_be_visible()
        expect(page.get_by_role("button", name="Download MNIST")).to_be_enabled()
    app.close()


def test_a_program_gets_a_stream_that_ends_with_all_samples(here):
    answers = list(here.submit(**SMALL, updates=100, api_name="/train_digits"))
    view, curves, training = answers[-1]
    assert answers[0][0]["running"] and not view["running"] and "100 updates · 800 pictures" in view["status"]
    assert {answer[2] for answer in answers} == {training} and view["run"] == training
    assert view["frames"][-1]["label"].startswith("update 100 ") and len(curves["charts"]) == 2
    again, _, same = here.predict(**SMALL, updates=100, training=training, api_name="/train_digits_once")
    assert same == training and again["status"].startswith("update 101 ")


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"rate": 1e9}, "learning rate must be a number from 0.0001 to 1"),
        ({"batch": 1}, "batch must be a whole number from 8 to 256"),
        ({"width": "1000"}, "width D must be one of 8, 16, 32, 64"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_bad_input_gets_one_sentence(here, values, sentence):
    for name in ("/train_digits", "/train_digits_once"):
        with pytest.raises(AppError, match=sentence) as error:
            here.predict(**values, api_name=name)
        assert "Traceback" not in str(error.value)


def test_a_training_that_breaks_says_so_and_nothing_is_lost(here, monkeypatch):
    made = digit_training.DigitTraining.loss
    monkeypatch.setattr(
        digit_training.DigitTraining, "loss", lambda self, k: made(self, k) * (torch.nan if k > 3 else 1)
    )
    job = here.submit(**SMALL, updates=100, api_name="/train_digits")
    with pytest.raises(AppError, match="lower the learning rate"):
        job.result()
    assert "The weights of update 0 are kept" in job.outputs()[-1][0]["status"]


def test_a_kept_network_is_offered_in_generate_and_the_scoreboard_of_this_page_alone(visit):
    page, other = visit(), visit()
    press(page, "keep")
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("Nothing is trained yet: press Start first.")
    press(page, "step")
    until(page, lambda: updates(page) == 1, "one update")
    press(page, "keep")
    expect(page.get_by_text("Kept for Generate and the scoreboard")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Weights and card").click()
    assert download.value.suggested_filename == "digits-flow-d8-1-updates.zip"
    for person, there in ((page, 1), (other, 0)):
        person.get_by_role("tab", name="Generate", exact=True).click()
        person.get_by_label("Model", exact=True).first.click()
        expect(
            person.get_by_role("option", name=re.compile("^Trained here: flow matching by class, D 8, 1 update"))
        ).to_have_count(there)
    page.get_by_role("option", name=re.compile("^Trained here")).click()
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#digits-view .fv-caption")).to_contain_text("Trained here: flow matching by class, D 8")
    page.get_by_role("tab", name="Scoreboard", exact=True).click()
    ask = page.get_by_role("button", name="Measure the networks that you trained")
    ask.click()
    expect(page.get_by_text(re.compile(r"\d+ of 200 digits drawn …"))).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    expect(page.get_by_text(re.compile(r"\d+ of 200 digits drawn; stopped"))).to_be_visible()
    ask.click()
    expect(page.locator("table.board", has_text="Trained here")).to_contain_text("200")


def test_a_kept_denoiser_is_offered_in_the_denoiser(visit):
    page = visit()
    page.get_by_role("button", name="Denoiser", exact=True).click()
    expect(page.get_by_label("What learns")).to_have_value("Single-step denoiser, σ = 0.5")
    press(page, "step")
    until(page, lambda: updates(page) == 1, "one update")
    press(page, "keep")
    expect(page.get_by_text("Kept for the single-step denoiser")).to_be_visible()
    page.get_by_role("tab", name="Single-step denoiser", exact=True).click()
    page.get_by_label("Denoiser", exact=True).click()
    page.get_by_role("option", name=re.compile("^Trained here: single-step denoiser, D 16")).click()
    page.get_by_role("button", name="Denoise", exact=True).click()
    expect(page.locator("#denoiser-figure")).to_contain_text("trained for 1 update")
