"""The graphql-transport-ws protocol, strictly: every operation of a client over one WebSocket.

A task group holds all that a socket does. Whoever finds that the socket must go raises SocketOver
in its task; the group ends the others, watched generators with them, and then the close frame goes
out with that code.

Source: github.com/enisdenjo/graphql-ws, PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import cast
from urllib.parse import urlsplit

import msgspec
from graphql import GraphQLFormattedError
from starlette.types import Message as ASGIMessage
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from media.playlist import iso_milliseconds
from resolvers.context import Context, World
from resolvers.errors import (
    ConnectionLimitReached,
    NotAuthenticated,
    TokenExpired,
    TokenRevoked,
    VmsError,
)
from resolvers.outlet import SEND_SECONDS, Closed, Outlet, Sending, TooSlow
from schema.credentials import actor_of, bearer, token_of_init
from schema.errors import TOO_MANY_OPERATIONS, Refused, entry, of_exception
from schema.execution import GraphQLRequest, note_refusal
from schema.persisted import Documents
from schema.session import Session
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
from schema.subscriptions import answer_all

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


class Sockets:
    """An ASGI app: frames go straight to the server's `send`, of which there are many."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        try:
            over = await _served(websocket, send)
        except ExceptionGroup:
            await _close(websocket, SocketOver(4500, "Internal server error"))
            raise
        await _close(websocket, over)


async def _served(websocket: WebSocket, send: Send) -> SocketOver:
    """Serves one socket until it is to be closed, by whichever side: why."""
    offered = PROTOCOL in websocket.scope.get("subprotocols", ())
    await websocket.accept(subprotocol=PROTOCOL if offered else None)
    if not _same_origin(websocket):
        return SocketOver(4403, "Forbidden origin")
    if not offered:
        return SocketOver(4406, "Subprotocol not acceptable")
    return await _Socket(websocket, send).serve()


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

    def __init__(self, websocket: WebSocket, send: Send) -> None:
        self._websocket = websocket
        self._world: World = websocket.app.state.world
        self._documents: Documents = websocket.app.state.documents
        self._tasks = asyncio.TaskGroup()
        self._counted = AsyncExitStack()
        put = cast("Callable[[ASGIMessage], Sending]", send)  # as servers have it
        self._outlet = Outlet(put, _size_of, self._tasks, SEND_SECONDS)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._session: Session | None = None
        self._initialised = asyncio.Event()

    async def serve(self) -> SocketOver:
        """Why the socket is over."""
        over = SocketOver(None)
        try:
            async with self._counted, self._tasks:
                self._tasks.create_task(self._await_init())
                while True:
                    await self._handle(await self._receive())
        except* SocketOver as group:
            over = _first(group)
        except* TooSlow as slow:
            over = SocketOver(1013, str(slow.exceptions[0]))
        except* Closed:
            over = SocketOver(None)
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
                await self._ping(message.payload)
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
        ctx = await self._admitted(self._token(payload or {}))
        try:
            counted = self._world.quota.connection(ctx.actor.tenant_id)
            await self._counted.enter_async_context(counted)
        except ConnectionLimitReached as error:
            note_refusal(self._world, [of_exception(error)])
            raise SocketOver(1013, f"{error.code}: {error}") from error
        self._session = Session(ctx)
        self._tasks.create_task(self._close_when_over(self._session))
        await self._send({"type": "connection_ack"})

    async def _ping(self, payload: Mapping[str, object] | None) -> None:
        """A ping whose payload holds a token, as `connection_init` may, renews the credential."""
        token = token_of_init(payload or {})
        if self._session is None or token is None:
            await self._send({"type": "pong", **_payload(payload)})
            return
        ctx = await self._admitted(token)
        try:
            self._session.renew(ctx)
        except NotAuthenticated as error:
            raise SocketOver(4403, "Forbidden") from error
        await self._send({"type": "pong", "payload": {"expiresAt": _end_of(ctx)}})

    async def _admitted(self, token: str | None) -> Context:
        try:
            return Context(await actor_of(self._world, token), self._world)
        except (TokenExpired, TokenRevoked) as error:
            raise _token_over(error) from error
        except NotAuthenticated as error:
            raise SocketOver(4403, "Forbidden") from error

    def _token(self, payload: Mapping[str, object]) -> str | None:
        return (
            token_of_init(payload)
            or bearer(self._websocket.headers.get("authorization"))
            or self._websocket.query_params.get("token")
        )

    async def _close_when_over(self, session: Session) -> None:
        raise _token_over(await session.until_over())

    async def _subscribe(self, operation_id: str, asked: GraphQLRequest) -> None:
        if self._session is None:
            raise SocketOver(4401, "Unauthorized")
        if operation_id in self._operations:
            raise SocketOver(4409, f"Subscriber for {operation_id} already exists")
        if len(self._operations) >= MAX_OPERATIONS:
            message = f"want at most {MAX_OPERATIONS} operations at once"
            errors = [entry(message, TOO_MANY_OPERATIONS, limit=MAX_OPERATIONS)]
            note_refusal(self._world, errors)
            await self._send({"id": operation_id, "type": "error", "payload": errors})
            return
        running = self._run(operation_id, asked, self._session)
        self._operations[operation_id] = self._tasks.create_task(running)

    def _complete(self, operation_id: str) -> None:
        task = self._operations.pop(operation_id, None)
        if task is not None:
            task.cancel()

    async def _run(self, operation_id: str, asked: GraphQLRequest, session: Session) -> None:
        try:
            await session.ctx.world.quota.admit(session.ctx.actor.tenant_id)
            operation = await self._documents.operation(asked)
        except Refused as refusal:
            await self._refuse(operation_id, refusal.errors)
            return
        except VmsError as refusal:  # too many requests, or no database to ask how many
            await self._refuse(operation_id, [of_exception(refusal)])
            return
        member = _Answers(self._outlet, operation_id)
        last = await answer_all(operation, asked.variables, session, member)
        if last is None:
            await self._end(operation_id, {"type": "complete"})
        else:
            await self._refuse(operation_id, last.errors or ())

    async def _refuse(self, operation_id: str, errors: Sequence[GraphQLFormattedError]) -> None:
        note_refusal(self._world, errors)
        await self._end(operation_id, {"type": "error", "payload": errors})

    async def _end(self, operation_id: str, last: Mapping[str, object]) -> None:
        """Says the last word on an operation, unless the client completed it meanwhile."""
        if self._operations.get(operation_id) is asyncio.current_task():
            del self._operations[operation_id]
            await self._send({"id": operation_id, **last})

    async def _send(self, message: Mapping[str, object]) -> None:
        await self._outlet.send(_frame(msgspec.json.encode(message).decode()))


class _Answers:
    """The member that an operation's answers are sent to. They come encoded: the id is added."""

    __slots__ = ("_before", "_outlet")

    def __init__(self, outlet: Outlet[ASGIMessage], operation_id: str) -> None:
        spelled = msgspec.json.encode(operation_id).decode()
        self._outlet, self._before = outlet, f'{{"id":{spelled},"type":"next","payload":'

    def offer(self, words: str) -> bool:
        return self._outlet.offer(_frame(f"{self._before}{words}}}"))

    async def send(self, words: str) -> None:
        await self._outlet.send(_frame(f"{self._before}{words}}}"))


def _token_over(why: NotAuthenticated) -> SocketOver:
    is_revoked = isinstance(why, TokenRevoked)
    return SocketOver(4401, "Token revoked" if is_revoked else "Token expired")


def _size_of(message: ASGIMessage) -> int:
    return len(message["text"])


def _frame(text: str) -> ASGIMessage:
    return {"type": "websocket.send", "text": text}


def _first(group: BaseExceptionGroup[SocketOver]) -> SocketOver:
    """What came first; what its end caused says nothing new."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _payload(payload: Mapping[str, object] | None) -> dict[str, object]:
    return {} if payload is None else {"payload": payload}


def _end_of(ctx: Context) -> str | None:
    end = ctx.actor.expires_us
    return None if end is None else iso_milliseconds(end)
