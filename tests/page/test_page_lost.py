"""A page whose app has gone, in headless Chromium."""

import os
import re
import subprocess
import sys
import time

import pytest
from calling import free_port
from conftest import ROOT, answers
from drawing import type_in
from playwright.sync_api import expect
from visits import visitors

from core.models.registry import availability


@pytest.fixture
def server():
    """An app of its own with one tab: its process and its address."""
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu", "--tabs", "sampling"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not answers(f"http://127.0.0.1:{port}/"):
        assert process.poll() is None
        time.sleep(0.1)
    yield process, f"http://127.0.0.1:{port}/"
    process.kill()
    process.wait()


@pytest.mark.skipif(not availability("pocket")[0], reason="pocket is not in checkpoints/")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_whose_app_is_killed_promises_nothing_any_more(browser, server):
    process, url = server
    with visitors(browser, url) as person:
        page = person()
        status = page.locator("#sampling-view .fv-text")
        type_in(page, "Steps", "100")
        page.get_by_role("button", name="Sample", exact=True).click()
        expect(status).to_have_text(re.compile(r"step \d+ / 100.*left"))
        process.kill()
        expect(status).to_have_text("the app does not answer; this is how far it got")
        assert page.locator("#sampling-view img").first.get_attribute("src").startswith("data:")
