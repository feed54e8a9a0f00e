"""Calling the app: a port for it, and requests as a program makes them that is not Gradio's client."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor


def raw(server, name: str, body: str) -> str:
    """POST a body as it is, NaN and all, and return the stream that answers."""
    url = f"{server.url}gradio_api/call/{name}"
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}") as stream:
        return stream.read().decode()


def finished(work: Coroutine) -> object:
    """What a coroutine comes to, in a thread: the browser of other tests runs a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
