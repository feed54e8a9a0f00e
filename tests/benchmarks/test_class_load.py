"""A class at once, without the app: what is sent, how answers are read, and who asks again."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from benchmarks import class_load
from benchmarks.class_load import App, asked, measured, p95, parse


def stream(seed: int, ended: str = "complete") -> str:
    """An app's answer: a value on the way, and the last one."""
    values = [[{"frames": [{"images": [f"{seed}-{k}"]}]}, k] for k in range(2)]
    return f"event: generating\ndata: {json.dumps(values[0])}\n\nevent: {ended}\ndata: {json.dumps(values[1])}\n\n"


def apart(work):
    """What a coroutine returns, run in a thread of its own: the one of the tests may have a loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Room:
    """An app that draws a seed's digits; it refuses the first `full` runs, and answers as told."""

    def __init__(self, full: int = 0, wrong: bool = False, ended: str = "complete"):
        self.full, self.wrong, self.ended, self.seeds = full, wrong, ended, []

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and request.url.path == "/":
            return httpx.Response(200, text="the page")
        if request.method == "POST":
            if self.full:
                self.full -= 1
                return httpx.Response(400, json={"detail": "200 runs are waiting"})
            self.seeds.append(json.loads(request.content)["data"][6])
            return httpx.Response(200, json={"event_id": str(len(self.seeds) - 1)})
        k = int(request.url.path.rsplit("/", 1)[1])
        return httpx.Response(200, text=stream(self.seeds[k] + 100 * (self.wrong and k > 8), self.ended))


@pytest.fixture
def room(monkeypatch):
    """Runs a coroutine function with a client and an App in front of a Room."""

    def run(there: Room, work):
        monkeypatch.setattr(class_load, "AGAIN", 0.0)
        monkeypatch.setattr(App, "megabytes", lambda self: 1)

        async def inside():
            async with httpx.AsyncClient(transport=httpx.MockTransport(there.answer)) as http:
                return await work(http, App("http://127.0.0.1/", None))

        return apart(inside())

    return run


def test_the_last_value_of_the_right_seed_is_kept(room):
    answer = room(Room(), lambda http, app: asked(http, app, 3))
    assert answer.value == '["3-1"]' and answer.refused == [] and answer.seconds > 0


def test_who_is_refused_asks_again_and_remembers_the_words(room):
    answer = room(Room(full=2), lambda http, app: asked(http, app, 3))
    assert answer.value == '["3-1"]' and answer.refused == ["200 runs are waiting"] * 2


def test_a_run_that_fails_is_lost(room):
    assert room(Room(ended="error"), lambda http, app: asked(http, app, 3)).value == "lost"


@pytest.fixture
def together_in_a_row(monkeypatch):
    """Measures classes in front of a Room: (students, classes) -> (the numbers, the Room)."""
    client = httpx.AsyncClient

    def run(students: int, classes: int = 1, **how) -> tuple[dict, Room]:
        there = Room(**how)

        @class_load.asynccontextmanager
        async def started():
            yield App("http://127.0.0.1/", None)

        monkeypatch.setattr(class_load, "running_app", started)
        monkeypatch.setattr(App, "megabytes", lambda self: 1)
        mocked = lambda **limits: client(transport=httpx.MockTransport(there.answer))  # noqa: E731
        monkeypatch.setattr(class_load.httpx, "AsyncClient", mocked)
        return apart(measured(students, classes)), there

    return run


@pytest.mark.parametrize(("wrong", "found"), [(False, 0), (True, 2)])
def test_a_class_is_compared_with_each_request_alone(wrong, found, together_in_a_row):
    row, there = together_in_a_row(6, wrong=wrong)
    assert (row["lost"], row["wrong"], row["students"], len(there.seeds)) == (0, found, 6, 11)
    assert row["memory, MB after each class"] == [1]


def test_classes_one_after_the_other_are_taken_together(together_in_a_row):
    row, there = together_in_a_row(4, 3)
    assert len(there.seeds) == 1 + class_load.SEEDS + 3 * 4 and row["classes"] == 3
    assert row["memory, MB after each class"] == [1, 1, 1] and row["wrong"] == row["lost"] == 0


def test_p95_and_the_command_line(capsys):
    assert p95(list(range(1, 101))) == 95 and p95([3.0]) == 3.0
    assert parse(["--students", "7"]).students == 7
    with pytest.raises(SystemExit):
        parse(["--students", "0"])
    assert "--students must be a whole number from 1 to 1000" in capsys.readouterr().err
