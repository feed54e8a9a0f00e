"""Calling the app as a program that is not Gradio's client does."""

import json
import urllib.request


def raw(server, name: str, body: str) -> str:
    """POST a body as it is, NaN and all, and return the stream that answers."""
    url = f"{server.url}gradio_api/call/{name}"
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}") as stream:
        return stream.read().decode()
