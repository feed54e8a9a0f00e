"""Limit uploads. No guest fills the disk, and a class behind one address is not refused."""

import math
import time
from collections import Counter

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOUR = 3600
PAGE, ADDRESS = 60_000_000, 1_000_000_000
"""The most bytes in an hour, from one page and from one address."""
LEAST = 10_000
"""The bytes that every file counts at least."""
PLACE = "/gradio_api/upload"


class Uploads:
    """ASGI middleware that refuses files in one sentence when a page, or its address, has sent too many within the hour.

    A page names itself, see page.js. Programs do not: those of one address count as one page.
    """

    def __init__(self, app: ASGIApp):
        self.app = app
        self.sent: Counter[tuple] = Counter()
        self.ends = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        uploads = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].rstrip("/").endswith(PLACE)
        if uploads and (refused := self.refusal(scope)):
            while (await receive()).get("more_body"):
                pass  # a browser that is answered while it sends sees a broken connection
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def refusal(self, scope: Scope) -> PlainTextResponse | None:
        """The answer to an upload above the limit. None for an upload within it, which then counts."""
        headers, now = Headers(scope=scope), time.monotonic()
        if now >= self.ends:
            self.sent.clear()
            self.ends = now + HOUR
        if not headers.get("content-length", "").isdecimal():
            return PlainTextResponse("An upload must say how long it is.", 411)
        length = max(LEAST, int(headers["content-length"]))
        where = (scope.get("client") or [None])[0]
        for key, most, who in (((where, headers.get("x-page")), PAGE, "page"), ((where,), ADDRESS, "network")):
            if self.sent[key] + length > most:
                return PlainTextResponse(full(who, most, self.ends - now), 413)
        self.sent.update({(where, headers.get("x-page")): length, (where,): length})
        return None


def full(who: str, most: int, seconds: float) -> str:
    """The sentence for a page or network that may send no more for that many seconds."""
    return (
        f"One {who} may upload {most // 1_000_000:,} MB an hour; this file goes beyond that. Try again in "
        f"{math.ceil(seconds / 60)} min, or take a smaller file; everything else goes on."
    )
