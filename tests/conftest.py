"""One server and one browser for all tests that need them; both without any network."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from calling import free_port
from visits import LOOK

# One thread a process: the tests run side by side and beside an app's process, where threads that wait for one another
# take five times the work and ten times the time. Read when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
import core  # noqa: F401  # before torch, whose threads it sets

ROOT = Path(__file__).parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-webgl",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


PAGE = {"server", "client", "browser", "page", "sites"}
"""Fixtures of the running app: a test that asks for one of them is a page test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the page tests, so that `-m "not page"` leaves them out."""
    for item in items:
        if PAGE & set(getattr(item, "fixturenames", ())):
            item.add_marker("page")


@dataclass(frozen=True)
class Server:
    """A running app: where it answers, the seconds of computing until then, and what it tried to reach outside."""

    url: str
    seconds: float
    outside: Path


def answers(url: str) -> bool:
    """Whether the page is there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """`python app.py --device cpu` in a process that cannot leave this machine."""
    folder, port = tmp_path_factory.mktemp("app"), free_port()
    outside, url = folder / "outside.txt", f"http://127.0.0.1:{port}/"
    env = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "offline"), "OFFLINE_LOG": str(outside)}
    env |= {"GRADIO_TEMP_DIR": str(folder / "tmp")}
    started = time.monotonic()
    with (folder / "log.txt").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--device", "cpu"],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        while not answers(url):
            if process.poll() is not None or time.monotonic() - started > 600:
                process.kill()
                pytest.fail("The app did not start:\n" + (folder / "log.txt").read_text())
            time.sleep(0.1)
        used = psutil.Process(process.pid).cpu_times()
        yield Server(url, used.user + used.system, outside)
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def client(server):
    """A client of the app's API."""
    from gradio_client import Client

    return Client(server.url, verbose=False)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium that resolves no name but this machine's."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=120_000)  # a slow machine is no failure

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def sites():
    """Gives the address of a page with some tabs alone, served by this process: it opens in a fifth of the time."""
    import app
    from tabs.ui.theme import look

    pages: dict[tuple[str, ...], tuple] = {}

    def site(*names: str) -> str:
        if names not in pages:
            demo = app.create_app("cpu", names=names)
            demo.launch(
                server_port=free_port(), prevent_thread_lock=True, quiet=True, _frontend=False,
                app_kwargs=app.around(), **look(),
            )  # fmt: skip
            pages[names] = demo, demo.local_url
        return pages[names][1]

    yield site
    for demo, _ in pages.values():
        demo.close()


@pytest.fixture(scope="session")
def person(browser):
    """A browser context whose cache keeps Gradio's scripts from one test to the next."""
    context = browser.new_context(viewport={"width": 1360, "height": 950}, accept_downloads=True, **LOOK)
    yield context
    context.close()


@pytest.fixture
def page(person, request):
    """A fresh page of the app, or of the tabs that the test is marked with, `@pytest.mark.tabs("sampling")`.

    It remembers nothing of the tests before. The test fails if the page asks for anything outside, a script breaks, or the
    page's own policy forbids something.
    """
    some = request.node.get_closest_marker("tabs")
    url = request.getfixturevalue("sites")(*some.args) if some else request.getfixturevalue("server").url
    page, bad = person.new_page(), []
    person.new_cdp_session(page).send(
        "Storage.clearDataForOrigin", {"origin": url.rstrip("/"), "storageTypes": "local_storage"}
    )
    page.set_default_timeout(120_000)
    page.on("request", lambda r: bad.append(r.url) if not r.url.startswith((url, "data:", "blob:")) else None)
    page.on("requestfailed", lambda r: bad.append(r.url) if "ERR_ABORTED" not in (r.failure or "") else None)
    page.on("pageerror", lambda e: bad.append(str(e)))
    page.on("console", lambda m: bad.append(m.text) if "Content Security Policy" in m.text else None)
    page.goto(url)
    if some is None:
        page.get_by_role("tab", name="Forward & denoise").click()  # most tests begin there
    page.locator("button.do-run:visible, #score-field-view canvas:visible").first.wait_for()
    page.evaluate("settled().then(settled).then(settled)")  # Gradio gives its inputs their first values once more
    yield page
    page.close()
    person.clear_cookies()
    person.clear_permissions()
    assert not bad


@pytest.fixture
def presets_only_fill(monkeypatch):
    """A preset fills the inputs and starts no run, however quick this machine is; on a page with some tabs alone."""
    monkeypatch.setattr("tabs.ui.layout.QUICK", 0)


@pytest.fixture(scope="session")
def tiny_hub(tmp_path_factory):
    """A hub cache that holds a tiny IF-I-M, IF-II-M and x4 upscaler with random weights; returns its folder."""
    import tiny_if

    folder = tmp_path_factory.mktemp("hub")
    first = tiny_if.stage_one()
    tiny_if.save(first, folder, "DeepFloyd/IF-I-M-v1.0")
    tiny_if.save(tiny_if.stage_two(first), folder, "DeepFloyd/IF-II-M-v1.0")
    tiny_if.save(tiny_if.upscaler(), folder, "stabilityai/stable-diffusion-x4-upscaler")
    return folder


@pytest.fixture
def tiny_if_here(tiny_hub, monkeypatch):
    """The app sees that cache and nothing else; its prompt bank is beside it and T5 runs on the CPU."""
    from huggingface_hub import constants

    from core.models.deepfloyd import stages, upscaler

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tiny_hub))
    monkeypatch.setenv("PROMPT_BANK", str(tiny_hub / "bank"))
    monkeypatch.setenv("T5_PLAN", "cpu-fp32")
    monkeypatch.setattr(stages, "_models", {})
    monkeypatch.setattr(upscaler, "_pipes", {})
    return tiny_hub
