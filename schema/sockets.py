"""The graphql-transport-ws protocol, strictly: every operation of a client over one WebSocket.

A task group holds all that a socket does. Whoever finds that the socket must go raises SocketOver
in its task; the group ends the others, watched generators with them, and then the close frame goes
out with that code.

Source: github.com/enisdenjo/graphql-ws, PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from urllib.parse import urlsplit

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from resolvers.context import Context, World
from resolvers.errors import NotAuthenticated, TokenExpired
from schema.context import RequestContext
from schema.credentials import actor_of, bearer, token_of_init, until_expired
from schema.documents import prepare
from schema.errors import BAD_REQUEST, Refused, entry
from schema.execution import GraphQLRequest, answers
from schema.loaders import request_context
from schema.socket_messages import (
    Complete,
    ConnectionInit,
    Malformed,
    Message,
    Ping,
    Pong,
    Subscribe,
    parse_message,
)

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
CLOSE_SECONDS = 5.0
MAX_OPERATIONS = 100
MAX_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code."""


class SocketOver(Exception):
    """The socket is to be closed with this code; None: it is closed already."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


async def serve(websocket: WebSocket) -> None:
    """Serves one socket until it is closed, by whichever side."""
    offered = PROTOCOL in websocket.scope.get("subprotocols", ())
    await websocket.accept(subprotocol=PROTOCOL if offered else None)
    if not _same_origin(websocket):
        over = SocketOver(4403, "Forbidden origin")
    elif not offered:
        over = SocketOver(4406, "Subprotocol not acceptable")
    else:
        over = await _Socket(websocket).serve()
    await _close(websocket, over)


def _same_origin(websocket: WebSocket) -> bool:
    """Browsers always send `Origin`; what does not is no page that could act for somebody else."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in (websocket.app.state.origins or ()):
        return True
    try:
        place = urlsplit(origin).netloc
    except ValueError:
        return False
    return place.lower() == websocket.headers.get("host", "").lower()


async def _close(websocket: WebSocket, over: SocketOver) -> None:
    if over.code is None:
        return
    reason = over.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
    with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):  # client was faster
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.close(over.code, reason)


class _Socket:
    """One connection.

    Invariant: `_operations` holds the ids that are taken, each with the task that answers it; an
    id is free again before the client can have read that its operation is complete.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._world: World = websocket.app.state.world
        self._tasks = asyncio.TaskGroup()
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._context: RequestContext | None = None
        self._initialised = asyncio.Event()

    async def serve(self) -> SocketOver:
        """Why the socket is over."""
        over = SocketOver(None)
        try:
            async with self._tasks:
                self._tasks.create_task(self._await_init())
                while True:
                    await self._handle(await self._receive())
        except* SocketOver as group:
            over = _first(group)
        return over

    async def _receive(self) -> Message:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise SocketOver(None)
        text: str | None = message.get("text")
        try:
            return parse_message(message["bytes"] if text is None else text)
        except Malformed as error:
            raise SocketOver(4400, str(error)) from error

    async def _await_init(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                await self._initialised.wait()
        except TimeoutError as error:
            raise SocketOver(4408, "Connection initialisation timeout") from error

    async def _handle(self, message: Message) -> None:
        match message:
            case ConnectionInit():
                await self._init(message.payload)
            case Ping():
                await self._send({"type": "pong", **_payload(message.payload)})
            case Pong():
                pass
            case Subscribe():
                await self._subscribe(message.id, message.payload)
            case Complete():
                self._complete(message.id)

    async def _init(self, payload: Mapping[str, object] | None) -> None:
        if self._initialised.is_set():
            raise SocketOver(4429, "Too many initialisation requests")
        self._initialised.set()
        try:
            actor = await actor_of(self._world, self._token(payload or {}))
        except TokenExpired as error:
            raise SocketOver(4401, "Token expired") from error
        except NotAuthenticated as error:
            raise SocketOver(4403, "Forbidden") from error
        ctx = Context(actor, self._world)
        self._context = request_context(ctx)
        self._tasks.create_task(self._close_when_expired(ctx))
        await self._send({"type": "connection_ack"})

    def _token(self, payload: Mapping[str, object]) -> str | None:
        return (
            token_of_init(payload)
            or bearer(self._websocket.headers.get("authorization"))
            or self._websocket.query_params.get("token")
        )

    async def _close_when_expired(self, ctx: Context) -> None:
        await until_expired(ctx)
        raise SocketOver(4401, "Token expired")

    async def _subscribe(self, operation_id: str, asked: GraphQLRequest) -> None:
        if self._context is None:
            raise SocketOver(4401, "Unauthorized")
        if operation_id in self._operations:
            raise SocketOver(4409, f"Subscriber for {operation_id} already exists")
        if len(self._operations) >= MAX_OPERATIONS:
            errors = [entry(f"want at most {MAX_OPERATIONS} operations at once", BAD_REQUEST)]
            await self._send({"id": operation_id, "type": "error", "payload": errors})
            return
        running = self._run(operation_id, asked, self._context)
        self._operations[operation_id] = self._tasks.create_task(running)

    def _complete(self, operation_id: str) -> None:
        task = self._operations.pop(operation_id, None)
        if task is not None:
            task.cancel()

    async def _run(self, operation_id: str, asked: GraphQLRequest, context: RequestContext) -> None:
        try:
            operation = prepare(asked.query, asked.operation_name)
        except Refused as refusal:
            await self._end(operation_id, {"type": "error", "payload": refusal.errors})
            return
        async with aclosing(answers(operation, asked.variables, context)) as found:
            async for answer in found:
                if not answer.executed:
                    await self._end(operation_id, {"type": "error", "payload": answer.errors})
                    return
                await self._send({"id": operation_id, "type": "next", "payload": answer})
        await self._end(operation_id, {"type": "complete"})

    async def _end(self, operation_id: str, last: Mapping[str, object]) -> None:
        """Says the last word on an operation, unless the client completed it meanwhile."""
        if self._operations.get(operation_id) is asyncio.current_task():
            del self._operations[operation_id]
            await self._send({"id": operation_id, **last})

    async def _send(self, message: Mapping[str, object]) -> None:
        try:
            await self._websocket.send_text(msgspec.json.encode(message).decode())
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            raise SocketOver(None) from error


def _first(group: BaseExceptionGroup[SocketOver]) -> SocketOver:
    """What came first; what its end caused says nothing new."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _payload(payload: Mapping[str, object] | None) -> dict[str, object]:
    return {} if payload is None else {"payload": payload}
