"""The event socket: each event once, as it begins.

Three tasks live as long as the connection: one follows the log, one reads what the client sends
(and drops it) so that its leaving is noticed, one waits for the token's end. Whichever ends first
ends the others. All who may see the same share one group: an envelope is made and encoded once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast
from urllib.parse import urlsplit

import msgspec
from starlette.types import Message, Receive, Send
from starlette.types import Scope as ASGIScope
from starlette.websockets import WebSocket, WebSocketDisconnect

from compat_rest.credentials import of_header_or_query
from compat_rest.encoding import json_text
from compat_rest.events import EventJson, event_json
from compat_rest.operation import Parameter
from media.types import ChangeKind
from resolvers.access import Scope, demand
from resolvers.context import Context
from resolvers.errors import (
    BadCursor,
    ConnectionLimitReached,
    FieldError,
    InvalidInput,
    NotAuthenticated,
    ScopeMissing,
    VmsError,
)
from resolvers.fanout import Follower, Group
from resolvers.outlet import SEND_SECONDS, Closed, Outlet, Sending, TooSlow
from resolvers.watch import EventFeed, EventItem, Item, place_now

logger = logging.getLogger(__name__)

MAX_REASON_BYTES = 120
"""A close frame has room for 123 (RFC 6455, 5.5)."""

PARAMETERS = (
    Parameter("token", "A JWT, where no Authorization header can be set", {"type": "string"}),
    Parameter(
        "after",
        "The `cursor` of the last envelope that was seen: go on behind it",
        {"type": "string", "minLength": 1},
    ),
)


class OriginRefused(VmsError):
    code = "ORIGIN_REFUSED"


class ConsumerTooSlow(VmsError):
    code = "CONSUMER_TOO_SLOW"


CLOSE_CODES: dict[type[VmsError], int] = {
    InvalidInput: 4400,
    NotAuthenticated: 4401,
    ScopeMissing: 4403,
    OriginRefused: 4403,
    ConsumerTooSlow: 1013,
    ConnectionLimitReached: 1013,
    VmsError: 1011,
}
CLOSES = {
    4400: "`after` is no cursor of this tenant's log",
    4401: "The token is missing, bad, has expired or was revoked, also while connected",
    4403: "The token lacks the scope, or the page's origin is not allowed",
    1011: "Something this needs is not here now",
    1012: "The server restarts: connect again with the last cursor",
    1013: f"Frames were not taken for {SEND_SECONDS:g} s: connect again with the last cursor. Or "
    "the plan allows no more connections",
}


class Envelope(msgspec.Struct, frozen=True):
    """What the server sends: an event that began, and the place in the log behind it."""

    v: Literal[2]
    data: EventJson
    cursor: str


@dataclass(frozen=True, slots=True)
class EventSocket:
    """WS /v2/ws/events = Subscription.events.

    Of each event its beginning alone, in the order of the log; changes and ends are not sent.
    Where retention has removed events behind `after`, the stream goes on with what is left:
    an old client would take any notice of it for an event. Its own messages are ignored.
    """

    # How long a frame may wait for its client.
    send_seconds: float = SEND_SECONDS

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        try:
            ctx, after = await _admitted(websocket)
        except VmsError as error:
            await _accept(websocket)
            await self._close(websocket, error)
            return
        await _accept(websocket)
        try:
            refusal = await self._served(websocket, send, ctx, after)
        except ExceptionGroup:
            await self._close(websocket, VmsError("internal error"))
            raise
        if refusal is not None:
            await self._close(websocket, refusal)

    async def _served(
        self, websocket: WebSocket, send: Send, ctx: Context, after: str
    ) -> VmsError | None:
        """Why the socket is to be closed; None when the client has left."""
        put = cast("Callable[[Message], Sending]", send)  # as servers have it, and straight to it
        refusal: VmsError | None = None
        try:
            async with (
                ctx.world.quota.connection(ctx.actor.tenant_id),
                asyncio.TaskGroup() as tasks,
            ):
                outlet = Outlet(put, _size_of, tasks, self.send_seconds)
                tasks.create_task(_follow(ctx, after, outlet))
                tasks.create_task(_read_until_left(websocket))
                tasks.create_task(_wait_for_its_end(ctx))
        except* (WebSocketDisconnect, Closed) as errors:
            if errors.subgroup(TooSlow) is not None:
                refusal = ConsumerTooSlow("frames were not taken in time")
        except* VmsError as errors:
            refusal = _first(errors)
        return refusal

    async def _close(self, websocket: WebSocket, refusal: VmsError) -> None:
        """Says why and hangs up; a client that takes no frames takes no close frame either."""
        kinds = type(refusal).__mro__
        code = next(CLOSE_CODES[kind] for kind in kinds if kind in CLOSE_CODES)
        reason = _reason(refusal).encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        try:
            async with asyncio.timeout(self.send_seconds):
                await websocket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect):
            logger.debug("a /v2 event socket was gone before it was closed with %d", code)


async def _admitted(websocket: WebSocket) -> tuple[Context, str]:
    """Who asks, and the place in the log to begin behind.

    Without `after` it is fixed here, before the socket opens, so that a client which then makes
    something happen is told of it.

    Raises:
        OriginRefused: a page of another origin asks.
        NotAuthenticated: no token, or a bad or expired one.
        ScopeMissing: without `events:read`.
        BadCursor: more than one `after`.
    """
    _check_origin(websocket)
    ctx = await of_header_or_query(websocket)
    demand(ctx.actor, Scope.EVENTS_READ)
    given = websocket.query_params.getlist("after")
    if len(given) > 1:
        raise BadCursor(FieldError("after", "is given more than once"))
    return ctx, given[0] if given else await place_now(ctx)


async def _accept(websocket: WebSocket) -> None:
    """Uvicorn logs the address as it accepts: by then the query, with its token, is gone."""
    websocket.scope["query_string"] = b""
    await websocket.accept()


def _reason(refusal: VmsError) -> str:
    """1013 means two things: the code tells them apart."""
    is_limit = isinstance(refusal, ConnectionLimitReached)
    return f"{refusal.code}: {refusal}" if is_limit else str(refusal)


def _first(errors: BaseExceptionGroup[VmsError]) -> VmsError:
    found = errors.exceptions[0]
    return found if isinstance(found, VmsError) else _first(found)


def _check_origin(websocket: WebSocket) -> None:
    """A page of the server's own host may connect, and those that the settings name.

    Programs send no Origin. `*` among the settings allows every page.
    """
    origin = websocket.headers.get("origin")
    if origin is None:
        return
    allowed: frozenset[str] = websocket.app.state.origins or frozenset()
    own = _host_and_port(origin) == websocket.headers.get("host", "").lower()
    if not (own or origin in allowed or "*" in allowed):
        raise OriginRefused("pages of this origin are not allowed")


def _host_and_port(origin: str) -> str | None:
    """As a browser writes it into Host: the scheme's own port is left out in both."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


async def _read_until_left(websocket: WebSocket) -> None:
    """Drops what the client says. Raises WebSocketDisconnect when it leaves."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))


async def _wait_for_its_end(ctx: Context) -> None:
    """Raises TokenExpired or TokenRevoked at the token's end."""
    raise await ctx.world.following.until_over(lambda: ctx.actor, ctx.world.identity)


async def _follow(ctx: Context, after: str, member: Outlet[Message]) -> None:
    """Never returns. Whose token ends when is no matter of what they see."""
    feed = EventFeed(ctx, after=after)
    follower = Follower(member, await feed.start())
    key = ("/v2/ws/events", ctx.actor.rights)
    tenant_id = ctx.actor.tenant_id
    groups = ctx.world.following.groups
    group_of_all = partial(Group, feed, _envelopes_of(tenant_id), _size_of)
    async with groups.hold(key, group_of_all) as group:
        await group.follow(follower)


def _size_of(message: Message) -> int:
    return len(message["text"])


def _envelopes_of(tenant_id: str) -> Callable[[Item], Awaitable[Message | None]]:
    async def envelope(item: Item) -> Message | None:
        if isinstance(item, EventItem):
            if item.kind is not ChangeKind.BEGAN:
                return None
            text = json_text(Envelope(2, event_json(item.event), item.cursor))
            return {"type": "websocket.send", "text": text}
        logger.warning(
            "a /v2 event socket of tenant %s resumed behind retention: some events are gone",
            tenant_id,
        )
        return None

    return envelope
