"""The event socket: each event once, as it begins, over `resolvers.events.watch`.

Three tasks live as long as the connection: one forwards events, one reads what the client sends
(and drops it) so that its leaving is noticed, one waits for the token's end. Whichever ends first
ends the others. Nothing is buffered here: while a client does not take its frames, the watch
stands still and the log in the database keeps what follows.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from compat_rest.credentials import of_header_or_query
from compat_rest.encoding import json_text
from compat_rest.events import EventJson, event_json
from compat_rest.operation import Parameter
from media.types import ChangeKind
from resolvers import events
from resolvers.access import Scope, demand
from resolvers.context import Context
from resolvers.errors import (
    BadCursor,
    FieldError,
    InvalidInput,
    NotAuthenticated,
    ScopeMissing,
    TokenExpired,
    VmsError,
)

logger = logging.getLogger(__name__)

SEND_SECONDS = 20.0
LOOK_AT_CLOCK_US = 60_000_000
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
    VmsError: 1011,
}
CLOSES = {
    4400: "`after` is no cursor of this tenant's log",
    4401: "The token is missing, bad, or has expired, also while connected",
    4403: "The token lacks the scope, or the page's origin is not allowed",
    1011: "Something this needs is not here now",
    1012: "The server restarts: connect again with the last cursor",
    1013: f"Frames were not taken for {SEND_SECONDS:g} s: connect again with the last cursor",
}


class Envelope(msgspec.Struct, frozen=True):
    """What the server sends: an event that began, and the place in the log behind it."""

    v: Literal[2]
    data: EventJson
    cursor: str


@dataclass(frozen=True, slots=True)
class EventSocket:
    """`send_seconds`: how long a frame may wait for its client."""

    send_seconds: float = SEND_SECONDS

    async def serve(self, websocket: WebSocket) -> None:
        """WS /v2/ws/events = Subscription.events.

        Of each event its beginning alone, in the order of the log; changes and ends are not sent.
        Where retention has removed events behind `after`, the stream goes on with what is left:
        an old client would take any notice of it for an event. Its own messages are ignored.
        """
        try:
            ctx, after = await _admitted(websocket)
        except VmsError as error:
            await _accept(websocket)
            await self._close(websocket, error)
            return
        await _accept(websocket)
        refusal: VmsError | None = None
        left = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(websocket, ctx, after))
                group.create_task(_read_until_left(websocket))
                group.create_task(_wait_for_expiry(ctx))
        except* WebSocketDisconnect:
            left = True
        except* VmsError as errors:
            refusal = _first(errors)
        if refusal is not None and not left:
            await self._close(websocket, refusal)

    async def _forward(self, websocket: WebSocket, ctx: Context, after: str) -> None:
        async with aclosing(events.watch(ctx, after=after)) as steps:
            async for step in steps:
                if isinstance(step, events.GapItem):
                    logger.warning(
                        "a /v2 event socket of tenant %s resumed behind retention: "
                        "some events are gone",
                        ctx.actor.tenant_id,
                    )
                elif step.kind is ChangeKind.BEGAN:
                    await self._send(websocket, Envelope(2, event_json(step.event), step.cursor))

    async def _send(self, websocket: WebSocket, envelope: Envelope) -> None:
        try:
            async with asyncio.timeout(self.send_seconds):
                await websocket.send_text(json_text(envelope))
        except TimeoutError as error:
            raise ConsumerTooSlow("frames were not taken in time") from error

    async def _close(self, websocket: WebSocket, refusal: VmsError) -> None:
        """Says why and hangs up; a client that takes no frames takes no close frame either."""
        kinds = type(refusal).__mro__
        code = next(CLOSE_CODES[kind] for kind in kinds if kind in CLOSE_CODES)
        reason = str(refusal).encode()[:MAX_REASON_BYTES].decode(errors="ignore")
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
    return ctx, given[0] if given else await events.place_now(ctx)


async def _accept(websocket: WebSocket) -> None:
    """Uvicorn logs the address as it accepts: by then the query, with its token, is gone."""
    websocket.scope["query_string"] = b""
    await websocket.accept()


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


async def _wait_for_expiry(ctx: Context) -> None:
    """Raises TokenExpired at the token's end.

    The clock is looked at again every minute: it may have been set, or the machine slept.
    """
    expires_us = ctx.actor.expires_us
    if expires_us is None:
        return
    while True:
        left_us = expires_us - ctx.world.clock.now_us()
        if left_us <= 0:
            raise TokenExpired("the token has expired")
        await asyncio.sleep(min(left_us, LOOK_AT_CLOCK_US) / 1_000_000)
