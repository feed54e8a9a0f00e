"""A class at once: N students open the page together and each asks for ten digits, on this machine alone:

    python -m benchmarks.class_load --students 100 [--classes 3] [--json FILE]

The app is started for it and ended after it; further classes come one after the other and show what its memory does. Every answer is compared with the same request made alone. Who is refused
waits a few seconds and asks again, as a person would.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import psutil

from core.checks import whole
from core.runs.mnist import DigitRequest

ROOT = Path(__file__).parents[1]
SEEDS = 4
"""So many different requests are made; each answer can be compared with the one that came alone."""
AGAIN = 5.0
"""Seconds before a refused page asks again."""
TARGETS = {"lost": 0, "wrong": 0, "throughput of one alone": 0.95, "page, p95 s": 4.0}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line; impossible requests are refused in one sentence."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--students", type=int, default=20)
    p.add_argument("--classes", type=int, default=1)
    p.add_argument("--json", type=Path, help="a file for the numbers")
    args = p.parse_args(argv)
    try:
        whole(args.students, 1, 1000, "--students")
        whole(args.classes, 1, 20, "--classes")
    except ValueError as e:
        p.error(str(e))
    return args


# ---- the app -----------------------------------------------------------------------------------------------------------


@dataclass
class App:
    """The running app: where it answers, and its process."""

    url: str
    process: psutil.Process
    peak: int = 0

    def megabytes(self) -> int:
        """Its memory now; the most so far is kept."""
        now = round(self.process.memory_info().rss / 1e6)
        self.peak = max(self.peak, now)
        return now


@asynccontextmanager
async def running_app() -> AsyncIterator[App]:
    """`python app.py` on a free port of this machine."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--device", "cpu"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL)
    app = App(f"http://127.0.0.1:{port}/", psutil.Process(process.pid))
    try:
        async with httpx.AsyncClient() as http:
            while True:
                try:
                    await http.get(app.url, timeout=60)
                    break
                except httpx.TransportError:
                    if process.poll() is not None:
                        raise SystemExit("The app did not start.") from None
                    await asyncio.sleep(0.2)
        yield app
    finally:
        process.terminate()
        process.wait(30)


# ---- a student ---------------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """The result of one request: the last value, the seconds until it, and the number of refusals with their words."""

    seed: int
    value: str = ""
    seconds: float = 0.0
    refused: list[str] = field(default_factory=list)


async def opened(http: httpx.AsyncClient, app: App) -> float:
    """The seconds in which the page arrives."""
    begun = time.perf_counter()
    (await http.get(app.url)).raise_for_status()
    return time.perf_counter() - begun


async def asked(http: httpx.AsyncClient, app: App, seed: int) -> Answer:
    """Ten digits, by the default model, sampler and guidance."""
    answer, begun = Answer(seed), time.perf_counter()
    values = [*replace(DigitRequest(), seed=seed).parameters().values(), "cpu"]
    url = f"{app.url}gradio_api/call/generate_digits"
    while not answer.value:
        joined = await http.post(url, json={"data": values})
        if joined.is_success:
            answer.value = await last_of(http, f"{url}/{joined.json()['event_id']}") or "lost"
        else:
            answer.refused.append(joined.json().get("detail", joined.text))
            await asyncio.sleep(AGAIN)
    answer.seconds = time.perf_counter() - begun
    app.megabytes()
    return answer


async def last_of(http: httpx.AsyncClient, url: str) -> str:
    """The pictures of a stream's last value as text; "" if it broke off or failed."""
    event, data = "", ""
    async with http.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif line.startswith("data: ") and event == "complete":
                data = line.removeprefix("data: ")
    return pictures_of(json.loads(data)) if data else ""


def pictures_of(value: list) -> str:
    """The pictures in a run's last value, without its times."""
    return json.dumps(value[0]["frames"][-1]["images"])


# ---- the class ---------------------------------------------------------------------------------------------------------


async def together(each: Iterable[Awaitable]) -> tuple[list, float]:
    """(their results, seconds until the last)."""
    begun = time.perf_counter()
    return await asyncio.gather(*each), time.perf_counter() - begun


def p95(values: list[float]) -> float:
    """The value that 95 % do not exceed."""
    return sorted(values)[max(0, -(-95 * len(values) // 100) - 1)]


async def measured(students: int, classes: int = 1) -> dict:
    """The numbers of one class, or of several, one after the other, taken together."""
    limits = httpx.Limits(max_connections=None, keepalive_expiry=AGAIN / 2)  # the server closes one after five seconds
    pages, answers, seconds, memory = [], [], 0.0, []
    async with running_app() as app, httpx.AsyncClient(timeout=None, limits=limits) as http:
        await asked(http, app, 0)  # loads the model
        fresh = app.megabytes()
        alone = [await asked(http, app, seed) for seed in range(SEEDS)]
        right = {a.seed: a.value for a in alone}
        for _ in range(classes):
            pages += (await together(opened(http, app) for _ in range(students)))[0]
            found, took = await together(asked(http, app, k % SEEDS) for k in range(students))
            answers, seconds = answers + found, seconds + took
            memory.append(app.megabytes())
    one = statistics.median(a.seconds for a in alone)
    waits = [a.seconds for a in answers]
    return {
        "students": students,
        "classes": classes,
        "page, median s": statistics.median(pages),
        "page, p95 s": p95(pages),
        "one alone, s": one,
        "wait, median s": statistics.median(waits),
        "wait, longest s": max(waits),
        "throughput of one alone": students * classes * one / seconds,
        "lost": sum(a.value == "lost" for a in answers),
        "wrong": sum(a.value not in ("lost", right[a.seed]) for a in answers),
        "refused at first": sum(bool(a.refused) for a in answers),
        "words of a refusal": next((a.refused[0] for a in answers if a.refused), ""),
        "memory, MB fresh": fresh,
        "memory, MB after each class": memory,
        "memory, MB at most": app.peak,
    }


def main(argv: list[str] | None = None) -> None:
    """Measure and print; write a JSON file if one is named."""
    args = parse(argv)
    found = asyncio.run(measured(args.students, args.classes))
    print(json.dumps(found, indent=2))
    for name, limit in TARGETS.items():
        ok = found[name] >= limit if name.startswith("throughput") else found[name] <= limit
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {found[name]:.3g}, wanted {limit:g}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
