"""Runs of many pages that wait for the network."""

import threading
import time
import uuid

import gradio as gr
import httpx
import pytest
from gradio_client import Client

from tabs.ui import fairness
from tabs.ui.controls import NETWORK


@pytest.fixture
def room():
    """An app whose runs last until they are let go; yields (its address, what lets them go, its queue)."""
    done = threading.Event()
    with gr.Blocks(analytics_enabled=False) as demo:
        said = gr.Textbox()
        gr.Button().click(lambda: done.wait(60) and "run", None, said, api_name="run", **NETWORK)
        gr.Button().click(lambda: "quick", None, said, api_name="quick")
    _, address, _ = fairness.fair(demo.queue(), 5).launch(prevent_thread_lock=True, quiet=True, _frontend=False)
    yield address, done, demo._queue
    done.set()
    demo.close()


def join(address: str, session: str, index: int = 0) -> httpx.Response:
    """Ask for a run as a page does."""
    body = {"data": [], "fn_index": index, "session_hash": session}
    return httpx.post(f"{address}gradio_api/queue/join", json=body, timeout=30)


def test_a_page_has_three_runs_at_a_time_and_others_have_theirs(room):
    address, done, _ = room
    assert [join(address, "a").status_code for _ in range(4)] == [200, 200, 200, 400]
    assert join(address, "a").json()["detail"].startswith("3 of your runs are under way or waiting")
    assert join(address, "b").status_code == 200
    assert join(address, "a", 1).status_code == 200, "a quick handler is no run"
    done.set()
    assert Client(address, verbose=False).predict(api_name="/run") == "run"
    assert join(address, "a").status_code == 200


def test_a_full_queue_tells_how_much_waits_and_quick_handlers_go_on(room):
    address, _, queue = room
    assert join(address, uuid.uuid4().hex).status_code == 200
    while not list(fairness.under_way(queue)):
        time.sleep(0.05)
    for _ in range(5):
        assert join(address, uuid.uuid4().hex).status_code == 200
    answer = join(address, uuid.uuid4().hex)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "5 runs are waiting, some 1 min of work. Try again then; your settings stay."
    assert Client(address, verbose=False).predict(api_name="/quick") == "quick"
