"""Subscriptions over plain HTTP: server-sent events, and Apollo's multipart protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import msgspec
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from resolvers.context import Context
from resolvers.errors import TokenExpired
from schema.credentials import until_expired
from schema.errors import of_exception
from schema.execution import Answer
from schema.negotiation import EVENT_STREAM

HEARTBEAT_SECONDS = 12.0


class Framing(Protocol):
    """How answers follow each other in one body."""

    @property
    def media_type(self) -> str: ...

    @property
    def opening(self) -> bytes: ...

    @property
    def heartbeat(self) -> bytes: ...

    @property
    def closing(self) -> bytes: ...

    def frame(self, answer: Answer) -> bytes: ...


class ServerSentEvents:
    """The "distinct connections" mode of the GraphQL over Server-Sent Events protocol.

    Source: github.com/enisdenjo/graphql-sse, PROTOCOL.md.
    """

    media_type = EVENT_STREAM
    opening = b":\n\n"
    heartbeat = b":\n\n"
    closing = b"event: complete\ndata:\n\n"

    def frame(self, answer: Answer) -> bytes:
        return b"event: next\ndata: " + msgspec.json.encode(answer) + b"\n\n"


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
        return self._part(b"{}")

    def frame(self, answer: Answer) -> bytes:
        if answer.executed:
            return self._part(b'{"payload":' + msgspec.json.encode(answer) + b"}")
        return self._part(msgspec.json.encode({"payload": None, "errors": answer.errors}))

    def _part(self, body: bytes) -> bytes:
        return b"\r\nContent-Type: application/json\r\n\r\n" + body + b"\r\n--graphql"


class _Over(Exception):
    """The stream is over: nothing is left to send, or nobody to send it to."""


class AnswerStream(Response):
    """A body of answers as they come; ends with them, with its client, or with its token."""

    def __init__(
        self, answers: AsyncGenerator[Answer, None], framing: Framing, ctx: Context
    ) -> None:
        self.status_code = 200
        self.background = None
        self._answers, self._framing, self._ctx = answers, framing, ctx
        self._sending = asyncio.Lock()
        self.init_headers(
            {
                "content-type": framing.media_type,
                "cache-control": "no-store, no-transform",
                "x-accel-buffering": "no",  # nginx would hold answers back
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._answers), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_gone(receive))
                tasks.create_task(self._send_answers(send))
                tasks.create_task(self._send_heartbeats(send))
                tasks.create_task(self._until_expired(send))
        except* _Over:
            pass

    async def _send_answers(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        async with self._sending:
            await _send(send, start)
            await _send(send, _body(self._framing.opening))
        async for answer in self._answers:
            async with self._sending:
                await _send(send, _body(self._framing.frame(answer)))
        await self._finish(send)

    async def _send_heartbeats(self, send: Send) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            async with self._sending:
                await _send(send, _body(self._framing.heartbeat))

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise _Over

    async def _until_expired(self, send: Send) -> None:
        await until_expired(self._ctx)
        over = Answer(errors=[of_exception(TokenExpired("the token has expired"))])
        async with self._sending:
            await _send(send, _body(self._framing.frame(over)))
        await self._finish(send)

    async def _finish(self, send: Send) -> None:
        async with self._sending:
            await _send(send, _body(self._framing.closing, more=False))
            raise _Over


def _body(content: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


async def _send(send: Send, message: Message) -> None:
    try:
        await send(message)
    except OSError as error:  # how servers tell that the client is gone
        raise _Over from error
