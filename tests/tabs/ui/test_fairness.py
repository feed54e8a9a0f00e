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
    """An app whose runs last until they are let go; yields (its address, what lets them go, its queue, who ran)."""
    done, ran = threading.Event(), []

    def run(request: gr.Request) -> str:
        ran.append(request.session_hash)
        return done.wait(60) and "run"

    with gr.Blocks(analytics_enabled=False) as demo:
        said = gr.Textbox()
        gr.Button().click(run, None, said, api_name="run", **NETWORK)
        gr.Button().click(lambda: "quick", None, said, api_name="quick")
    _, address, _ = fairness.fair(demo.queue(), 10).launch(prevent_thread_lock=True, quiet=True, _frontend=False)
    yield address, done, demo._queue, ran
    done.set()
    demo.close()


def join(address: str, session: str, index: int = 0) -> httpx.Response:
    """Ask for a run as a page does."""
    body = {"data": [], "fn_index": index, "session_hash": session}
    return httpx.post(f"{address}gradio_api/queue/join", json=body, timeout=30)


def listen(address: str, session: str) -> None:
    """Read the stream of a page until it ends, in a thread, as a page does."""

    def read():
        to, params = f"{address}gradio_api/queue/data", {"session_hash": session}
        with httpx.stream("GET", to, params=params, timeout=60) as told:
            for _ in told.iter_lines():
                pass

    threading.Thread(target=read, daemon=True).start()


def soon(true) -> None:
    """Wait until something is true; fails after 20 s."""
    ended = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ended
        time.sleep(0.02)


def test_a_page_has_three_runs_at_a_time_and_others_have_theirs(room):
    address, done, _, _ = room
    assert [join(address, "a").status_code for _ in range(4)] == [200, 200, 200, 400]
    listen(address, "a")
    assert join(address, "a").json()["detail"].startswith("3 of your runs are under way or waiting")
    assert join(address, "b").status_code == 200
    assert join(address, "a", 1).status_code == 200, "a quick handler is no run"
    done.set()
    assert Client(address, verbose=False).predict(api_name="/run") == "run"
    assert join(address, "a").status_code == 200


@pytest.mark.slow
def test_a_full_queue_tells_how_much_waits_and_quick_handlers_go_on(room, monkeypatch):
    address, _, queue, _ = room
    monkeypatch.setattr(fairness, "address", lambda request: None)
    assert join(address, "first").status_code == 200
    listen(address, "first")
    soon(lambda: list(fairness.under_way(queue)))
    for _ in range(10):
        assert join(address, uuid.uuid4().hex).status_code == 200
    answer = join(address, uuid.uuid4().hex)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "10 runs are waiting, some 1 min of work. Try again then; your settings stay."
    assert Client(address, verbose=False).predict(api_name="/quick") == "quick"


def test_one_address_takes_half_of_the_line(room):
    address, _, _, _ = room
    for _ in range(5):
        assert join(address, uuid.uuid4().hex).status_code == 200
    answer = join(address, uuid.uuid4().hex)
    assert answer.json()["detail"].startswith("5 runs are waiting from your network, some 1 min of work.")


def test_a_run_whose_stream_nobody_opens_holds_up_nobody_and_is_dropped(room, monkeypatch):
    address, done, queue, ran = room
    done.set()
    assert join(address, "deaf").status_code == 200
    assert Client(address, verbose=False).predict(api_name="/run") == "run"
    assert [e.session_hash for e in fairness.waiting(queue)] == ["deaf"]
    with monkeypatch.context() as hasty:
        hasty.setattr(fairness, "PATIENCE", 0.2)
        soon(lambda: not fairness.waiting(queue))
    assert Client(address, verbose=False).predict(api_name="/run") == "run"
    assert "deaf" not in ran


def test_a_run_whose_stream_is_opened_late_keeps_its_place(room):
    address, done, queue, ran = room
    for who in ("first", "late", "third"):
        assert join(address, who).status_code == 200
        if who != "late":
            listen(address, who)
        soon(lambda: ran == ["first"])
    assert [e.session_hash for e in fairness.waiting(queue)] == ["late", "third"]
    listen(address, "late")
    time.sleep(0.5)
    done.set()
    soon(lambda: len(ran) == 3)
    assert ran == ["first", "late", "third"]
