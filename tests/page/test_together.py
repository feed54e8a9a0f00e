"""Several people at once: files, cost lines and page loads together, and what each of them is told."""

import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
import torch
from calling import finished
from playwright.sync_api import expect
from toys import played, tiny_pocket
from visits import LOOK

import app
from core.checks import ModelError, Refused, whole
from core.diffusion.denoiser import NETWORK_LOCK
from core.diffusion.samplers import Step
from core.models.deepfloyd.hub import FIRST
from core.runs import cost
from core.runs.frame import Frame
from core.runs.recording import Recording
from tabs.sampling.page import JOB
from tabs.ui import files as _files
from tabs.ui import job
from tabs.ui.controls import once
from tabs.ui.failures import UNFIT, explained, explained_in_place
from tabs.ui.files import temporary
from tabs.ui.viewer import Runs

ROOT = Path(__file__).parents[2]


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_files_are_made_together_while_old_ones_go(monkeypatch):
    folder = _files._scratch_folder.__wrapped__()
    monkeypatch.setattr(_files, "_scratch_folder", lambda: folder)
    with folder, ThreadPoolExecutor(16) as people:
        files = list(people.map(lambda k: temporary(f"{k}.txt", b"a picture"), range(500)))
        assert len(set(files)) == 500 and len(list(Path(folder.name).iterdir())) <= 201
        assert sum(Path(file).exists() for file in files) >= 200


def test_the_first_files_of_all_share_one_folder():
    _files._scratch_folder.cache_clear()
    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as people:
        files = list(people.map(lambda k: (start.wait(), temporary("a.txt", b"a"))[1], range(8)))
    assert len({Path(file).parents[1] for file in files}) == 1


def test_a_folder_that_somebody_deleted_is_made_again():
    first = Path(temporary("a.txt", b"a"))
    shutil.rmtree(first.parents[1])
    assert Path(temporary("b.txt", b"b")).read_bytes() == b"b"


# ---- the cost line --------------------------------------------------------------------------------------------------


@pytest.fixture
def unmeasured(monkeypatch):
    monkeypatch.setattr(cost, "_lines", {})
    monkeypatch.setattr(cost, "_correction", {})


def test_the_cost_lines_of_a_page_measure_a_model_once(monkeypatch, unmeasured):
    asked, start = [], threading.Barrier(6)

    def timed(model, n):
        asked.append(n)
        return 0.02 + 0.01 * n

    monkeypatch.setattr(cost, "load", lambda name, device: None)
    monkeypatch.setattr(cost, "_timed", timed)
    with ThreadPoolExecutor(6) as lines:
        told = list(lines.map(lambda _: (start.wait(), cost.seconds("pocket", "cpu", 10, 4))[1], range(6)))
    assert sorted(asked) == [1, 1, 1, 20, 20, 20]
    assert told == pytest.approx([10 * (0.02 + 0.04)] * 6)


def test_a_slow_machine_is_measured_with_several_images_too(monkeypatch, unmeasured):
    monkeypatch.setattr(cost, "load", lambda name, device: None)
    monkeypatch.setattr(cost, "_timed", lambda model, n: 0.9 + 0.05 * n)
    assert cost.seconds("pocket", "cpu", 1, 8) == pytest.approx(0.9 + 0.4)


def test_the_clock_does_not_run_while_another_job_has_the_network(monkeypatch):
    model, clock, taken = tiny_pocket(), [0.0], threading.Event()
    rows = model.encode([None] * 2)

    def encode(prompts):
        NETWORK_LOCK.acquire()  # another job is quicker
        taken.set()
        return rows

    model.encode = encode
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock[0])
    with ThreadPoolExecutor(1) as line:
        seconds = line.submit(cost._timed, model, 2)
        taken.wait()
        clock[0] = 100.0
        NETWORK_LOCK.release()
        assert seconds.result() == 0


@pytest.mark.parametrize("device", ["cpu", "lent"])
@pytest.mark.parametrize("name", FIRST)
def test_a_model_of_the_hub_is_never_loaded_for_a_cost_line(monkeypatch, unmeasured, name, device):
    monkeypatch.setattr(cost, "load", lambda *_: pytest.fail("loaded"))
    monkeypatch.setattr(cost, "_key", lambda *_: (name, device))
    few, many = (cost.seconds(name, "auto", 10, n) for n in (2, 8))
    assert 0 < few < many
    cost.learn(name, "auto", 10, 2, 4 * few)
    assert cost.seconds(name, "auto", 10, 2) == pytest.approx(2 * few)


def test_a_run_teaches_the_cost_line_nothing_about_loading(monkeypatch):
    """The first answer comes after the model was brought, and is not counted."""
    now, learnt = [0.0], []
    monkeypatch.setattr(job.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(job.cost, "learn", lambda *args: learnt.append(args))
    pixels = torch.zeros(1, 3, 8, 8)

    def slow(device):
        for i, seconds in enumerate((60, 2, 2, 0)):  # 60 seconds of loading and a call, two calls, the end
            now[0] += seconds
            yield Step(i, 3, torch.tensor([2 - i]), pixels, pixels)

    list(JOB.stream(played(slow, price=(3, 4)), "cpu"))
    assert learnt == [("pocket", "cpu", 2, 4, 4.0)]


# ---- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_opening_the_page_takes_no_place_in_the_queue():
    demo = app.create_app("cpu")
    opening = [fn for fn in demo.fns.values() if any(event == "load" for _, event in fn.targets)]
    assert len(opening) >= 4 and not any(fn.queue for fn in opening)
    assert demo._queue.max_size >= 100


def test_pages_that_open_together_are_all_told_their_cost(browser, sites):
    context, url = browser.new_context(**LOOK), sites("score_field", "denoise", "sampling")
    context.set_default_timeout(120_000)
    pages, queued, failed = [context.new_page() for _ in range(3)], [], []
    context.on("request", lambda r: queued.append(r.url) if "queue/join" in r.url else None)
    context.on("response", lambda r: failed.append(r.url) if r.status >= 400 else None)
    for page in pages:
        page.goto(url, wait_until="commit")
    for page in pages:
        page.get_by_role("tab", name="Forward & denoise").click()  # the first tab has no line of costs
        page.locator(".cost:visible", has_text="network calls on").first.wait_for(timeout=120_000)
    context.close()
    assert not queued and not failed


@pytest.fixture
def people(browser, sites):
    """Opens a page of its own for each person, with the digits."""
    context, url = browser.new_context(**LOOK), sites("denoise", "mnist")

    def person():
        page = context.new_page()
        page.goto(url)
        page.get_by_role("tab", name="MNIST").click()
        page.locator("#digits-view .fv-text").wait_for()
        return page

    yield person
    context.close()


def status(page):
    """The line above the pictures."""
    return page.locator("#digits-view .fv-text")


def test_who_waits_is_told_so_and_can_leave(people):
    first, second, third = people(), people(), people()
    first.get_by_role("button", name="Ten digits, DDPM").click()
    expect(first.locator(".cost:visible").first).to_have_text(re.compile("300 network calls"))
    first.get_by_label("Of each").locator("visible=true").first.fill("10")  # a run that outlasts what follows
    expect(first.locator(".cost:visible").first).to_have_text(re.compile("on 200 images"))
    for page in (first, second, third):
        page.get_by_role("button", name="Generate", exact=True).click()
        expect(status(page)).to_have_text(re.compile(r"^(step|waiting)"))
    expect(status(second)).to_have_text("waiting: another run is using the network")
    expect(status(third)).to_have_text("waiting: 2 runs are before yours")
    second.keyboard.press("Escape")
    expect(status(second)).to_have_text(re.compile("^an example"))
    first.keyboard.press("Escape")
    expect(status(third)).to_have_text(re.compile(r"^step|^done"))
    third.keyboard.press("Escape")
    expect(second.locator("[data-testid=toast-body]")).to_have_count(0)


def test_denoising_that_waits_says_so_too(people):
    first, second = people(), people()
    first.get_by_role("button", name="Ten digits, DDPM").click()
    expect(first.locator(".cost:visible").first).to_have_text(re.compile("300 network calls"))
    first.get_by_label("Of each").locator("visible=true").first.fill("10")  # a run that outlasts what follows
    expect(first.locator(".cost:visible").first).to_have_text(re.compile("on 200 images"))
    first.get_by_role("button", name="Generate", exact=True).click()
    expect(status(first)).to_have_text(re.compile("^step"))
    second.get_by_role("tab", name="Forward & denoise").click()
    line = second.locator("#denoise-tab .prose.cost", has=second.locator(".waits"))
    second.get_by_role("button", name="Noise and denoise").click()
    expect(line).to_have_text("waiting: another run is using the network", use_inner_text=True)
    second.keyboard.press("Escape")
    expect(line).to_have_text(re.compile("^an example"), use_inner_text=True)
    first.keyboard.press("Escape")


# ---- what is told ---------------------------------------------------------------------------------------------------


def fails(error: Exception):
    """A handler that fails so."""

    def handler():
        raise error

    return handler


@pytest.mark.parametrize("error", [Refused("Give a prompt."), ModelError("Give a prompt.")])
def test_what_we_refuse_is_told_in_our_words(error, caplog):
    with pytest.raises(gr.Error, match=r"^'Give a prompt\.'$") as told_:
        explained(fails(error))()
    assert told_.value.title == "Please check" and not caplog.records
    assert explained_in_place(fails(error))() == "Give a prompt."


def test_what_a_library_refuses_is_logged_and_not_told(caplog):
    with pytest.raises(gr.Error, match="Something went wrong inside the app"):
        explained(lambda: list(zip([1], [1, 2], strict=True)))()
    assert "argument 2 is longer" in caplog.text
    assert "Something went wrong" in explained_in_place(fails(OSError("/home/somebody")))()


def test_values_that_fit_no_handler_are_one_sentence_and_one_line_of_the_log(caplog):
    demo = app.create_app("cpu", names=("interpolation",))
    (restore,) = (fn for fn in demo.fns.values() if fn.api_name == "restore_interpolation")
    with pytest.raises(gr.Error) as told_:
        finished(demo.preprocess_data(restore, [], None))
    assert (told_.value.message, told_.value.print_exception) == (UNFIT, False)
    (record,) = caplog.records
    assert "restore_interpolation" in record.message and "\n" not in record.message and not record.exc_info


def test_our_checks_are_refusals():
    with pytest.raises(Refused):
        whole("x", 1, 2, "The number")
    for file in (ROOT / "tabs").glob("*.py"):
        assert "raise ValueError" not in file.read_text(), file.name


# ---- after a run ----------------------------------------------------------------------------------------------------


def recording() -> Recording:
    """A run that has a picture."""
    return Recording(played(), frames=[Frame(0, 1, 0, *[np.zeros((1, 8, 8, 1), np.uint8)] * 2)])


def test_a_run_is_kept_once_whatever_follows_it():
    runs, this, other = Runs(), recording(), recording()
    keep = once(lambda view: (view["run"], 1), runs)
    runs.add(this)
    runs.add(other)
    skip = [gr.skip()]
    assert list(keep({"run": this.id})) == [(this.id, 1)]
    assert list(keep({"run": this.id})) == skip, "the next run was refused"
    assert list(keep({"run": other.id})) == [(other.id, 1)]
    for view in (None, {}, {"run": None}, {"run": "example-sampling"}, {"run": ["gone"]}):
        assert list(keep(view)) == skip


def test_a_kept_run_may_be_told_in_parts():
    def keep(view):
        yield 1
        yield 2

    runs, this = Runs(), recording()
    runs.add(this)
    assert list(once(keep, runs)({"run": this.id})) == [1, 2]


def large(megabytes: int) -> Recording:
    """A run with one frame whose two pictures take that much memory together."""
    return Recording(played(), frames=[Frame(0, 1, 0, *[np.zeros((1, 500, 1000 * megabytes, 1), np.uint8)] * 2)])


def test_a_class_can_look_at_its_runs_and_what_is_forgotten_is_forgotten():
    runs = Runs()
    many = [large(9) for _ in range(34)]
    for this in many:
        runs.add(this)
    assert runs.claim({"run": many[1].id}), "32 of the usual size, and the newest"
    assert not runs.claim({"run": many[0].id})
    with pytest.raises(Refused, match="please run again"):
        runs.get({"run": many[0].id})
    assert len(runs._unclaimed) == len(many) - 2


def test_large_runs_are_measured_as_they_have_grown_and_the_newest_stays():
    runs, first, second, third = Runs(99_150_000), recording(), recording(), large(200)
    runs.add(first)
    runs.add(second)
    second.frames += large(99).frames
    runs.add(third)
    assert runs.get({"run": second.id}) and runs.get({"run": third.id})
    with pytest.raises(Refused):
        runs.get({"run": first.id})
    runs.add(first)
    assert list(runs._runs) == [first.id]


def test_runs_without_pictures_are_not_kept_without_end():
    runs = Runs(1_000_000)
    for _ in range(20):
        runs.add(Recording(played()))
    assert len(runs._runs) == len(runs._unclaimed) == 11


def test_parts_count_too():
    runs, x = Runs(3_000_000), np.zeros((1, 1000, 1000, 1), np.uint8)
    this = Recording(played(), frames=[Frame(0, 1, 0, x, x, {"noise": x})])
    assert this.nbytes == 3 * x.nbytes
    runs.add(this)
    runs.add(recording())
    assert len(runs._runs) == 1
