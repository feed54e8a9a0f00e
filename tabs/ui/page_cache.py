"""Render the page once for all who open it at one address. A class opens it together, and rendering takes 0.3 s."""

import asyncio
from collections import OrderedDict
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = 8
"""Addresses (and encodings) under which the page is kept; a guest may make up more."""
ADDRESS = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")
"""The headers from which Gradio makes the page's own address."""
RENDERING = {"page", "deep_link", "all_endpoints", "view"}
"""Query parameters that Gradio itself reads while it renders; ours (tab, preset) are read in the browser."""


class PageCache:
    """ASGI middleware that answers `GET /` from memory. It stands outside the middleware that compresses.

    The page of an app without accounts is the same for everybody. The page's script asks for the parts that differ.
    """

    def __init__(self, app: ASGIApp):
        self.app = app
        self.pages: OrderedDict[tuple, list[Message]] = OrderedDict()
        self.rendering = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not asks_for_page(scope):
            await self.app(scope, receive, send)
            return
        key = key_of(scope)
        async with self.rendering:
            answer = self.pages.get(key)
            if answer is None:
                answer = await self.rendered(scope, receive)
                self.keep(key, answer)
        for message in answer:
            await send(message)

    async def rendered(self, scope: Scope, receive: Receive) -> list[Message]:
        """The messages of the answer."""
        messages = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        return messages

    def keep(self, key: tuple, answer: list[Message]) -> None:
        """Remember a page that is the same for everybody. Forget the oldest page if there are too many."""
        if answer[0]["status"] == 200 and "set-cookie" not in Headers(raw=answer[0]["headers"]):
            self.pages[key] = answer
            while len(self.pages) > PAGES:
                self.pages.popitem(last=False)


def asks_for_page(scope: Scope) -> bool:
    """Whether a request is for the page and nothing else. One from another site, with its origin, gets its own answer."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
        return False
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return not RENDERING & asked.keys() and "origin" not in Headers(scope=scope)


def key_of(scope: Scope) -> tuple:
    """The parts of a request that its page depends on."""
    headers = Headers(scope=scope)
    compressed = "gzip" in headers.get("accept-encoding", "")
    return scope["scheme"], scope.get("root_path"), compressed, *map(headers.get, ADDRESS)
