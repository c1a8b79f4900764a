"""Events in this dialect: their JSON, and the route that lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from compat_rest.encoding import json_response
from compat_rest.operation import Parameter
from compat_rest.query import Query, named_here
from media.playlist import iso_milliseconds
from resolvers import addresses, events
from resolvers.context import Context
from resolvers.features import ALL_FEATURES, EVENT_TYPE

if TYPE_CHECKING:
    from models.event import Event

DEFAULT_LIMIT, MAX_LIMIT = 50, 100
ADDRESS = "/v2/api/events"

Millisecond = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Share = Annotated[float, Meta(ge=0, le=1)]

_INSTANT = {"type": "string", "examples": ["2026-04-30T14:00:00Z"]}
PARAMETERS = (
    Parameter("camera_id", "Only of this camera", {"type": "string", "minLength": 1}),
    Parameter(
        "type",
        f"Only of this type: {', '.join(ALL_FEATURES)}, or what another system calls its events",
        {"type": "string", "pattern": f"^{EVENT_TYPE}$"},
    ),
    Parameter(
        "since",
        "From this time on, inclusive: an ISO 8601 date or time, UTC without an offset",
        _INSTANT,
    ),
    Parameter("until", "Before this time, exclusive; like `since`", _INSTANT),
    Parameter(
        "limit",
        "At most so many",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    Parameter(
        "cursor",
        'Go on behind the page whose `Link: rel="next"` holds this',
        {"type": "string", "minLength": 1},
    ),
)


class BoxJson(msgspec.Struct, frozen=True):
    """Where an object is, in fractions of the frame from its top left."""

    x: Share
    y: Share
    w: Share
    h: Share
    label: str
    score: Share


class PayloadJson(msgspec.Struct, frozen=True):
    boxes: list[BoxJson]
    track_id: int | None


class EventJson(msgspec.Struct, frozen=True):
    """An event. Everything here describes the one frame taken at `ts`, and never changes."""

    id: str
    tenant_id: str
    camera_id: str
    type: str
    confidence: Share
    payload: PayloadJson
    snapshot_url: str | None
    trace_id: UUID
    model_version: str
    ts: Millisecond


def event_json(event: Event) -> EventJson:
    """`snapshot_url` carries no authority: the caller adds its own token."""
    boxes = [BoxJson(**box) for box in event.boxes]
    shot = event.snapshot
    return EventJson(
        id=event.id,
        tenant_id=event.tenant_id,
        camera_id=event.camera_slug,
        type=event.type,
        confidence=event.confidence,
        payload=PayloadJson(boxes, event.track_id),
        snapshot_url=None if shot is None else addresses.snapshot(event.camera_slug, shot),
        trace_id=event.trace_id,
        model_version=event.model_version,
        ts=iso_milliseconds(event.at_us),
    )


async def list_events(ctx: Context, request: Request) -> Response:
    """GET /v2/api/events = Query.events.

    Newest first. When there are more, `Link` with `rel="next"` leads to them.
    """
    query = Query(request.query_params)
    camera_id, kind = query.text("camera_id"), query.text("type")
    wanted = events.EventFilter(
        camera_ids=None if camera_id is None else [camera_id],
        types=None if kind is None else [kind],
        since_us=query.instant_us("since"),
        until_us=query.instant_us("until"),
    )
    first = query.whole("limit", 1, MAX_LIMIT) or DEFAULT_LIMIT
    after = query.text("cursor")
    with query.collecting():
        events.check_filter(wanted)
    query.check()
    with named_here({"after": "cursor"}):
        page = await events.events(ctx, wanted, first=first, after=after)
    headers = {}
    if page.has_next:
        headers["Link"] = f'<{_next_page(request, page)}>; rel="next"'
    return json_response([event_json(each) for each in page.events], 200, headers)


def _next_page(request: Request, page: events.EventPage) -> str:
    """This very query behind the page's last event; nothing else of the address goes along."""
    names = [each.name for each in PARAMETERS if each.name != "cursor"]
    query = {name: request.query_params[name] for name in names if name in request.query_params}
    query["cursor"] = events.event_cursor(page.events[-1])
    return f"{ADDRESS}?{urlencode(query)}"
