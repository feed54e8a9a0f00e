"""What every answer of the app tells a browser about itself."""

import contextlib
import re
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob: https://huggingface.co",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
"""Where a page may take what from: from this app, and from itself what it makes. Gradio's page has scripts and styles within
it and makes functions of text, and on a Space it asks Hugging Face how the Space is. Any page may frame the app, as Spaces
and courses do: there is no account in it that a click could misuse."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "; ".join(f"{what} {where}" for what, where in POLICY.items()),
}
"""An uploaded file is never read as another kind."""
CREDENTIALS = "access-control-allow-credentials"
"""What Gradio would let any other site send. The page itself needs no leave for its own, and Gradio's clients send none."""
LASTING = re.compile(r"/assets/[^/]+-[\w-]{8,9}\.(js|css|woff2)$")
"""Gradio's scripts and styles, whose names change with what is in them."""
A_YEAR = "public, max-age=31536000, immutable"
"""They need not be asked for again: some 190 answers of a page that is opened a second time."""


class Headers:
    """ASGI middleware that adds HEADERS to every answer, takes CREDENTIALS from it, and lets what is LASTING be kept."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                del headers[CREDENTIALS]
                if message["status"] == 200 and LASTING.search(scope["path"]):
                    headers["cache-control"] = A_YEAR
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "http" else send)


@contextlib.asynccontextmanager
async def outermost(app: Starlette) -> AsyncIterator[None]:
    """The lifespan of an app that stands in Headers as a whole. Gradio puts its own middleware, which answers for other
    sites, around what launch() is given."""
    app.middleware_stack = Headers(app.middleware_stack)
    yield
