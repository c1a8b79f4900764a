"""Playlists, segments and snapshots for players, under a token or a playback grant."""

from __future__ import annotations

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from compat_rest.files import FileResponse, RelayedResponse
from compat_rest.operation import Parameter
from compat_rest.query import Query, named_here
from media.playlist import iso_milliseconds
from media.store import Hour
from resolvers import playback
from resolvers.access import Interval
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.recordings import LATEST_US
from resolvers.stores import FarFile, Wish

FOOTAGE_AWAY = "X-Footage-Away"
"""Times, as ISO 8601 intervals, of which footage is missing: the worker that holds it is away."""
ASKING = ("range", "if-range", "if-none-match")
LATEST_POSITION = 10**18 - 1
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
MEDIA_TYPES = {".mp4": "video/mp4", ".m4s": "video/iso.segment", ".jpg": "image/jpeg"}

_MICROSECONDS = {"type": "integer", "minimum": 0, "maximum": LATEST_US}
INTERVAL_PARAMETERS = (
    Parameter("from_us", "Microseconds since the epoch, inclusive", _MICROSECONDS, required=True),
    Parameter("to_us", "Microseconds since the epoch, exclusive", _MICROSECONDS, required=True),
)
HOUR_PARAMETERS = (
    Parameter(
        "from_position",
        "Where on the camera's media timeline to begin, as a playback address says",
        {"type": "integer", "minimum": 0, "maximum": LATEST_POSITION},
    ),
)
FILE_PARAMETERS = (
    Parameter(
        "store",
        "Which of several stores has the file, as a playlist says",
        {"type": "string", "format": "uuid"},
    ),
)


async def interval_playlist(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/index.m3u8 = Camera.playback. One playlist over any range up to a day."""
    _refuse_escapes(request)
    query = Query(request.query_params)
    query.need("from_us", "to_us")
    from_us = query.whole("from_us", 0, LATEST_US)
    to_us = query.whole("to_us", 0, LATEST_US)
    query.check()
    wanted = Interval(from_us or 0, to_us or 0)
    with named_here({"from": "from_us", "to": "to_us"}):
        found = await playback.interval_playlist(ctx, request.path_params["cam"], wanted)
    return _playlist_response(found)


async def hour_playlist(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/{date}/{hour}/index.m3u8 = Camera.hours.

    Its addresses carry a short-lived grant for this camera and hour. A playlist that still grows
    is of type EVENT without an end mark, a finished one VOD.
    """
    _refuse_escapes(request)
    query = Query(request.query_params)
    start = query.whole("from_position", 0, LATEST_POSITION)
    query.check()
    found = await playback.hour_playlist(ctx, request.path_params["cam"], _hour(request), start)
    return _playlist_response(found)


async def recorded_file(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/{date}/{hour}/{name} = Camera.playback. Segments and snapshots."""
    _refuse_escapes(request)
    name = request.path_params["name"]
    media_type = MEDIA_TYPES.get(name[-4:])
    if media_type is None:
        raise NotFound("there is no such recording")
    wish = _wish(request)
    file = await playback.open_file(ctx, request.path_params["cam"], _hour(request), name, wish)
    return RelayedResponse(file) if isinstance(file, FarFile) else FileResponse(file, media_type)


def _wish(request: Request) -> Wish:
    store = request.query_params.get("store")
    try:
        store_id = None if store is None else UUID(store)
    except ValueError as error:
        raise NotFound("there is no such recording") from error
    headers = {name: request.headers[name] for name in ASKING if name in request.headers}
    return Wish(request.method, headers, store_id)


def _hour(request: Request) -> Hour:
    return Hour(request.path_params["date"], request.path_params["hour"])


def _playlist_response(found: playback.ServedPlaylist) -> Response:
    headers = {"Cache-Control": "private, no-cache"}
    if found.away:
        headers[FOOTAGE_AWAY] = ", ".join(_times(each) for each in found.away)
    return Response(found.text, 200, headers, PLAYLIST_TYPE)


def _times(missing: Interval) -> str:
    return f"{iso_milliseconds(missing.from_us)}/{iso_milliseconds(missing.to_us)}"


def _refuse_escapes(request: Request) -> None:
    """No address of footage needs an escape, so `%2f` and its like name nothing here.

    The router sees the decoded path, in which an escaped slash has become a real one.
    """
    if b"%" in request.scope.get("raw_path", b""):
        raise NotFound("there is no such recording")
