"""Playback in this dialect: which hours are recorded, and where an event's frame is."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from compat_rest.encoding import json_response
from compat_rest.operation import Parameter
from compat_rest.query import Query
from media.playlist import iso_milliseconds
from resolvers import playback, recordings
from resolvers.context import Context

TIMELINE_PARAMETERS = (
    Parameter("camera_id", "Whose recordings", {"type": "string", "minLength": 1}, required=True),
    Parameter("date", "A day in UTC", {"type": "string", "format": "date"}, required=True),
)

Millisecond = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Seconds = Annotated[float, Meta(ge=0)]


class HourJson(msgspec.Struct, frozen=True):
    """Footage of [start, end) in one hour; `duration` in seconds leaves gaps out.

    `complete`: nothing will be added.
    """

    hour: int
    playlist_url: str
    start: Millisecond
    end: Millisecond
    duration: Seconds
    complete: bool


class TimelineJson(msgspec.Struct, frozen=True):
    camera_id: str
    date: str
    hours: list[HourJson]


class EventPlaybackJson(msgspec.Struct, frozen=True):
    """`offset` is seconds from the start of the playlist's media to the frame of `ts`."""

    event_id: str
    camera_id: str
    playlist_url: str
    offset: Seconds
    ts: Millisecond


async def timeline(ctx: Context, request: Request) -> Response:
    """GET /v2/api/playback/timeline = Camera.hours. Hours of a day (UTC) that have footage."""
    query = Query(request.query_params)
    query.need("camera_id", "date")
    camera_id, date = query.text("camera_id") or "", query.text("date") or ""
    query.check()
    found = await recordings.hours(ctx, camera_id, date)
    return json_response(TimelineJson(camera_id, date, [_hour_json(each) for each in found]))


def _hour_json(hour: recordings.RecordedHour) -> HourJson:
    return HourJson(
        hour=hour.hour,
        playlist_url=hour.playlist_url,
        start=iso_milliseconds(hour.start_us),
        end=iso_milliseconds(hour.end_us),
        duration=hour.duration_us / 1_000_000,
        complete=hour.complete,
    )


async def play_event(ctx: Context, request: Request) -> Response:
    """GET /v2/api/playback/event/{id} = Event.playback.

    NOT_RECORDED when the event's frame is in no recording, or no longer.
    """
    found = await playback.event_playback(ctx, request.path_params["id"])
    return json_response(
        EventPlaybackJson(
            event_id=found.event.id,
            camera_id=found.event.camera_slug,
            playlist_url=found.playlist_url,
            offset=found.offset_us / 1_000_000,
            ts=iso_milliseconds(found.event.at_us),
        )
    )
