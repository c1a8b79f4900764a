"""Subscriptions over plain HTTP: server-sent events, and Apollo's multipart protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from resolvers.errors import ConnectionLimitReached
from resolvers.fanout import Member
from resolvers.outlet import Closed, Outlet
from schema.errors import of_exception
from schema.execution import Answer, encoded, note_refusal
from schema.negotiation import EVENT_STREAM
from schema.session import Session

HEARTBEAT_SECONDS = 12.0
RETRY_SECONDS = 5
"""When to try again where the plan allows no more connections: one may have ended by then."""
LAST_WORDS_SECONDS = 0.4
"""To say that the token is over, to a client that may not be reading."""

Answering = Callable[[Member[str]], Awaitable[Answer | None]]
"""Sends answers, and returns one without data that is still to be told; None when all is said."""


class Framing(Protocol):
    """How answers follow each other in one body. They come encoded, but for one without data."""

    @property
    def media_type(self) -> str: ...

    @property
    def opening(self) -> bytes: ...

    @property
    def heartbeat(self) -> bytes: ...

    @property
    def closing(self) -> bytes: ...

    def frame(self, answer: str) -> bytes: ...

    def refusal(self, answer: Answer) -> bytes: ...


class ServerSentEvents:
    """The "distinct connections" mode of the GraphQL over Server-Sent Events protocol.

    Source: github.com/enisdenjo/graphql-sse, PROTOCOL.md.
    """

    media_type = EVENT_STREAM
    opening = b":\n\n"
    heartbeat = b":\n\n"
    closing = b"event: complete\ndata:\n\n"

    def frame(self, answer: str) -> bytes:
        return f"event: next\ndata: {answer}\n\n".encode()

    def refusal(self, answer: Answer) -> bytes:
        return self.frame(encoded(answer))


class MultipartSubscription:
    """Apollo's HTTP multipart protocol for subscriptions.

    The boundary comes behind each part and not before the next: a client takes a part for whole
    only when it has seen what follows it.

    Source: apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol.
    """

    media_type = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
    opening = b"--graphql"
    closing = b"--\r\n"

    @property
    def heartbeat(self) -> bytes:
        return self._part("{}")

    def frame(self, answer: str) -> bytes:
        return self._part(f'{{"payload":{answer}}}')

    def refusal(self, answer: Answer) -> bytes:
        refused = msgspec.json.encode({"payload": None, "errors": answer.errors})
        return self._part(refused.decode())

    def _part(self, body: str) -> bytes:
        return f"\r\nContent-Type: application/json\r\n\r\n{body}\r\n--graphql".encode()


class _Over(Exception):
    """The stream is over: nothing is left to send, or nobody to send it to."""


class AnswerStream(Response):
    """A body of answers as they come; ends with them, with its client, or with its token."""

    def __init__(self, answering: Answering, framing: Framing, session: Session) -> None:
        self.status_code = 200
        self.background = None
        self._answering, self._framing, self._session = answering, framing, session
        self.init_headers(
            {
                "content-type": framing.media_type,
                "cache-control": "no-store, no-transform",
                "x-accel-buffering": "no",  # nginx would hold answers back
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = self._session.ctx
        try:
            async with who.world.quota.connection(who.actor.tenant_id):
                await self._stream(receive, send)
        except ConnectionLimitReached as error:
            errors = [of_exception(error)]
            note_refusal(who.world, errors)
            refusal = self._framing.refusal(Answer(errors=errors))
            self.headers["retry-after"] = str(RETRY_SECONDS)
            await send(self._start(429))
            await send(
                _content(self._framing.opening + refusal + self._framing.closing, more=False)
            )

    def _start(self, status: int) -> Message:
        return {"type": "http.response.start", "status": status, "headers": self.raw_headers}

    async def _stream(self, receive: Receive, send: Send) -> None:
        async def put(message: Message) -> None:
            await send(message)

        try:
            async with asyncio.TaskGroup() as tasks:
                body = _Body(Outlet(put, _size_of, tasks), self._framing)
                await body.outlet.send(self._start(200))
                await body.outlet.send(_content(self._framing.opening))
                tasks.create_task(_until_gone(receive))
                tasks.create_task(self._send_answers(body))
                tasks.create_task(self._send_heartbeats(body))
                tasks.create_task(self._until_over(body))
                tasks.create_task(self._until_stopping(body))
        except* (_Over, Closed):
            pass

    async def _send_answers(self, body: _Body) -> None:
        last = await self._answering(body)
        if last is not None:
            note_refusal(self._session.ctx.world, last.errors or ())
        await body.finish(None if last is None else self._framing.refusal(last))

    async def _send_heartbeats(self, body: _Body) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await body.outlet.send(_content(self._framing.heartbeat))

    async def _until_over(self, body: _Body) -> None:
        why = await self._session.until_over()
        over = Answer(errors=[of_exception(why)])
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await body.finish(self._framing.refusal(over))
        raise _Over

    async def _until_stopping(self, body: _Body) -> None:
        """Ends the body, and not what is followed in it: the client goes on elsewhere, or later."""
        await self._session.ctx.world.stopping.wait()
        await body.end()


class _Body:
    """The member that a body's answers are sent to."""

    def __init__(self, outlet: Outlet[Message], framing: Framing) -> None:
        self.outlet, self._framing = outlet, framing

    def offer(self, words: str) -> bool:
        return self.outlet.offer(_content(self._framing.frame(words)))

    async def send(self, words: str) -> None:
        await self.outlet.send(_content(self._framing.frame(words)))

    async def finish(self, last: bytes | None) -> None:
        """All is said. Always raises _Over, or Closed."""
        await self.end((last or b"") + self._framing.closing)

    async def end(self, last: bytes = b"") -> None:
        """Always raises _Over, or Closed."""
        await self.outlet.send(_content(last, more=False))
        raise _Over


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    raise _Over


def _size_of(message: Message) -> int:
    return len(message.get("body", b""))


def _content(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}
