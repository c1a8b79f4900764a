"""No request body is larger than 1 MiB, whatever reads it."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from compat_rest.errors import BodyTooLarge, problem, problem_response

MAX_BODY_BYTES = 1024 * 1024


class BodyLimit:
    """Middleware that answers 413 for a body over the limit.

    A length that is announced is refused before anything is read; else the bytes are counted as
    they come. The rest of a refused body is the server's to discard: closing the connection at
    once would reset it before the client has read the answer.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _announced_bytes(scope) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        started = False
        read_bytes = 0

        async def counting() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > self._max_bytes:
                raise BodyTooLarge(self._detail())
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counting, noting)
        except BodyTooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send)

    def _detail(self) -> str:
        return f"a body may have at most {self._max_bytes} bytes"

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        shown = problem(BodyTooLarge.status, BodyTooLarge.code, self._detail())
        await problem_response(shown)(scope, receive, send)


def _announced_bytes(scope: Scope) -> int:
    """What Content-Length says; 0 when it says nothing that is a number."""
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
