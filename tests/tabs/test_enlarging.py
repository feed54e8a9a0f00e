"""An enlarged picture in the tabs: what is left of it after its end and after Stop, on a tiny DeepFloyd with random weights."""

import re
import threading

import gradio as gr
import numpy as np
import pytest
import torch
from calling import free_port
from PIL import Image
from playwright.sync_api import expect
from visits import LOOK

from core.checks import ModelError
from core.diffusion.samplers import Step
from core.models.registry import availability
from core.pictures import images
from core.runs.anagrams import AnagramRequest
from core.runs.frame import Frame
from core.runs.recording import Recording
from core.runs.sampling import PictureRequest
from tabs.anagrams import page as anagrams
from tabs.sampling import page as sampling
from tabs.ui.enlarging import Enlarging
from tabs.ui.page import alone
from tabs.ui.theme import look
from tabs.ui.viewer import RUNS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/"),
    pytest.mark.usefixtures("tiny_if_here"),
]
STEPS = 40
TABS = {"sampling": (sampling, PictureRequest(n=2)), "anagrams": (anagrams, AnagramRequest(n=2))}


@pytest.fixture(params=TABS)
def tab(request, monkeypatch):
    """A tab's page, the request of a run in it, and its stage II, which draws noise, a step whenever `go` lets it."""
    page, asked = TABS[request.param]
    go = threading.Semaphore(STEPS + 1)

    def enlarge(model, low, prompts, source, **views):
        side = 4 * low.shape[-1]
        for i in range(STEPS + 1):
            go.acquire()
            x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(i)) * 2 - 1
            yield Step(i, STEPS, torch.tensor([900 - i if i < STEPS else -1]), x, x)

    monkeypatch.setattr("core.runs.enlarging.named", lambda where: enlarge)
    monkeypatch.setattr("core.runs.enlarging.load", lambda name, device: name)
    monkeypatch.setattr("core.runs.enlarging.enlarger", lambda side: "if-ii-m")  # as if a GPU were here
    with gr.Blocks():
        panel = Enlarging(page.JOB)
    return panel, asked, go


def drawn(panel: Enlarging, request) -> dict:
    """What the viewer shows of a finished run of two pictures."""
    pixels = np.full((2, 64, 64, 3), 90, np.uint8)
    plan = panel.job.planned(next(iter(panel.job.plans)), request, {})
    recording = Recording(plan, frames=[Frame(30, 30, -1, pixels, pixels)], notes=())
    RUNS.add(recording)
    return {"run": recording.id}


def keep(panel: Enlarging, view: dict) -> tuple[dict, str]:
    """What the viewer shows after enlarging, and the path of the file."""
    value, button = panel.keep(view)
    return value, button.value["path"]


def test_an_enlarged_picture_can_be_saved_with_its_settings(tab):
    panel, request, _ = tab
    *_, last = panel.enlarge(drawn(panel, request), 2, None, "cpu")
    value, path = keep(panel, last)
    assert not value["running"] and value["status"].startswith("done in") and value["caption"] == last["caption"]
    recording = RUNS.get(last)
    with Image.open(path) as picture:
        views = 1 if panel.job is sampling.JOB else 2
        assert picture.width >= views * 256 and picture.height > 256
        np.testing.assert_array_equal(np.asarray(picture)[:256, :256], recording.result[0])
    inside = images.settings_of(path)
    assert (inside["enlarged"], inside["side"], inside["enlarger"]) == (1, 256, "if-ii-m")
    assert path.endswith("picture-2-at-256-pixels.png")
    values = list(request.parameters().values())
    assert panel.job.restore(path)[: len(values)] == values, "what follows in the anagrams' is a panel"


def test_enlarging_that_is_stopped_leaves_what_there_is_checked_and_marked_as_such(tab):
    panel, request, _ = tab
    job = panel.enlarge(drawn(panel, request), 1, None, "cpu")
    value = next(job)
    recording = RUNS.get(value)
    with pytest.raises(ValueError, match="still to be checked"):
        _ = recording.result
    value, path = keep(panel, value)
    assert not value["running"] and value["status"] == f"stopped at step 1 / {STEPS}"
    assert value["caption"].endswith(f"Stopped at step 1 of {STEPS}: the clean estimate so far.")
    assert recording.notes is not None and images.settings_of(path)["enlarged"] == 0


def test_a_picture_that_is_not_checked_is_not_saved(tab, monkeypatch):
    panel, request, _ = tab
    view = next(panel.enlarge(drawn(panel, request), 1, None, "cpu"))

    def observe(*_):
        raise ModelError("The safety checker is not in there.")

    monkeypatch.setattr("tabs.ui.job.observe", observe)
    monkeypatch.setattr("tabs.ui.enlarging.offered", lambda *_: pytest.fail("a file"))
    with pytest.raises(gr.Error, match="checker is not in there"):
        keep(panel, view)


@pytest.fixture
def person(browser, tab):
    """A page with that tab alone, in this process; and the tab."""
    panel, _, go = tab
    module = next(page for page, _ in TABS.values() if page.JOB is panel.job)
    demo = alone(module.TITLE, module.build).queue()
    _, url, _ = demo.launch(server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False, **look())
    context = browser.new_context(viewport={"width": 1360, "height": 950}, accept_downloads=True, **LOOK)
    page = context.new_page()
    page.goto(url)
    page.get_by_text("Enlarge the chosen picture").click()
    yield page, f"#{module.ID}-big", go
    context.close()
    demo.close()


def test_after_stop_the_page_shows_how_far_it_got_and_gives_the_file(person):
    page, big, go = person
    for _ in range(STEPS - 1):
        go.acquire()  # two steps are left
    at, stopped = page.locator(f"{big} .fv-text"), re.compile(rf"^stopped at step \d+ / {STEPS}")
    file = page.get_by_role("button", name="PNG, enlarged")
    expect(file).to_be_disabled()
    page.get_by_role("button", name="Enlarge it").click()
    expect(at).to_have_text(re.compile(rf"^step \d+ / {STEPS}"))
    expect(file).to_be_disabled()
    page.keyboard.press("Escape")
    for _ in range(STEPS):  # Stop waits for the step that is under way, and has until the last one to arrive
        go.release()
        page.wait_for_timeout(250)
        if stopped.match(at.text_content()):
            break
    expect(at).to_have_text(stopped)
    expect(page.locator(f"{big} .fv-running")).to_have_count(0)
    expect(file).to_be_enabled()
    with page.expect_download() as download:
        file.click()
    assert download.value.suggested_filename == "picture-1-at-256-pixels.png"
    go.release(STEPS + 1)
    page.get_by_role("button", name="Enlarge it").click()
    expect(at).to_have_text(re.compile("^done in"))
    expect(file).to_be_enabled()
