"""Requests that no page sends but a program may: unknown names, values that fit no handler, streams that do not
exist."""

import logging

from fastapi import HTTPException
from gradio.route_utils import FnIndexInferError
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tabs.ui.failures import UNFIT, in_one_line

log = logging.getLogger(__name__)
NOTHING = "There is nothing of this name; the page about the API lists what there is."


class Strangers:
    """ASGI middleware that answers such a request with 4xx and one sentence, and logs one line instead of a traceback.

    Without it, Gradio reports an error of the server.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except (LookupError, FnIndexInferError, TypeError, ValueError, RuntimeError) as e:
            if scope["type"] != "http" or (isinstance(e, RuntimeError) and not isinstance(e.__cause__, HTTPException)):
                raise
            log.warning("%s %.100s was refused: %.200s", scope["method"], scope["path"], in_one_line(e))
            if answered:
                await send({"type": "http.response.body"})
            else:
                await refused(e)(scope, receive, send)


def refused(e: Exception) -> JSONResponse:
    """The answer to a program's request that ended in this error."""
    unknown = isinstance(e, (LookupError, FnIndexInferError))
    return JSONResponse({"detail": NOTHING if unknown else UNFIT}, 404 if unknown else 400)
