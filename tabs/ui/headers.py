"""The headers that every answer of the app gives to a browser."""

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
"""The allowed sources of a page's content: the app, and data that the page makes. Gradio's page has inline scripts and
styles and makes functions from text. On a Space, the page asks Hugging Face for the state of the Space. Any page may
frame the app, as Spaces and courses do: the app has no account that a click could misuse."""
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "; ".join(f"{what} {where}" for what, where in POLICY.items()),
}
"""An uploaded file is never read as another kind."""
CREDENTIALS = "access-control-allow-credentials"
"""Gradio would send this header to any other site. Neither the page nor Gradio's clients need it."""
LASTING = re.compile(r"/assets/[^/]+-[\w-]{8,9}\.(js|css|woff2)$")
"""Gradio's scripts and styles. Their names change with their content."""
A_YEAR = "public, max-age=31536000, immutable"
"""The browser does not ask for these files again. This saves some 190 requests when a page is opened a second time."""


class Headers:
    """ASGI middleware that adds HEADERS to every answer, removes CREDENTIALS, and lets the browser keep LASTING files
    for A_YEAR."""

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
    """Put Headers around the whole app when it starts. Gradio puts its own middleware, which answers other sites,
    around the middleware given to launch()."""
    app.middleware_stack = Headers(app.middleware_stack)
    yield
