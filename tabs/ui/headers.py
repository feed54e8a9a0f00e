"""What every answer of the app tells a browser about itself."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "content-security-policy": "object-src 'none'; base-uri 'self'; form-action 'self'",
}
"""An uploaded file is never read as another kind, and no plug-in, foreign base or form is let in. Any page may frame the app,
as Spaces and courses do: there is no account in it that a click could misuse."""


class Headers:
    """ASGI middleware that adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, told if scope["type"] == "http" else send)
