"""Playlists, segments and snapshots for players, under a token or a grant."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import BinaryIO
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from compat_rest.files import (
    MOST_KEEP_SECONDS,
    NO_HEADERS,
    FileResponse,
    RelayedResponse,
    has_tag,
    kept,
)
from compat_rest.offload import Offload
from compat_rest.operation import Parameter
from compat_rest.query import Query, named_here
from media.playlist import iso_milliseconds
from media.store import Hour
from resolvers import playback, playlists
from resolvers.access import Interval
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.recordings import LATEST_US
from resolvers.stores import FarFile, Wish

FOOTAGE_AWAY = "X-Footage-Away"
"""Times, as ISO 8601 intervals, of which footage is missing: the worker that holds it is away."""
ASKING = ("range", "if-range", "if-none-match")
LATEST_POSITION = 10**18 - 1
SEQUENCE = "_HLS_msn"
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
    Parameter(
        SEQUENCE,
        "Wait for the segment of this media sequence number, as players of HLS do",
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
    """GET /v2/hls/{cam}/index.m3u8 = Camera.playback. One playlist over any range up to a day.

    Until the last segment of the range is listed it is of type EVENT, and players begin at its
    start all the same.
    """
    return await _interval_response(ctx, request, key_pictures=False)


async def interval_i_frames(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/iframes.m3u8 = Camera.playback. A picture of each segment of a range.

    An I-frame playlist (EXT-X-I-FRAMES-ONLY), to scrub with: the byte ranges of the keyframes that
    segments begin with.
    """
    return await _interval_response(ctx, request, key_pictures=True)


async def _interval_response(ctx: Context, request: Request, *, key_pictures: bool) -> Response:
    _refuse_escapes(request)
    query = Query(request.query_params)
    query.need("from_us", "to_us")
    from_us = query.whole("from_us", 0, LATEST_US)
    to_us = query.whole("to_us", 0, LATEST_US)
    query.check()
    wanted, camera_id = Interval(from_us or 0, to_us or 0), request.path_params["cam"]
    with named_here({"from": "from_us", "to": "to_us"}):
        found = await playlists.interval_playlist(ctx, camera_id, wanted, key_pictures=key_pictures)
    return _playlist_response(request, found)


async def hour_playlist(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/{date}/{hour}/index.m3u8 = Camera.hours. The playlist of an hour.

    Its addresses carry a short-lived grant for this camera and hour. A playlist that still grows
    is of type EVENT without an end mark, a finished one VOD. With `_HLS_msn` the answer waits for
    that segment, half a minute at most, where the playlist says CAN-BLOCK-RELOAD.
    """
    _refuse_escapes(request)
    query = Query(request.query_params)
    part = playlists.PartOfHour(
        from_position=query.whole("from_position", 0, LATEST_POSITION),
        sequence=query.whole(SEQUENCE, 0, LATEST_POSITION),
    )
    query.check()
    return await _hour_response(ctx, request, part)


async def hour_i_frames(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/{date}/{hour}/iframes.m3u8 = Camera.hours. As of a range."""
    _refuse_escapes(request)
    return await _hour_response(ctx, request, playlists.PartOfHour(key_pictures=True))


async def _hour_response(ctx: Context, request: Request, part: playlists.PartOfHour) -> Response:
    camera_id = request.path_params["cam"]
    found = await playlists.hour_playlist(ctx, camera_id, _hour(request), part)
    return _playlist_response(request, found)


async def recorded_file(ctx: Context, request: Request) -> Response:
    """GET /v2/hls/{cam}/{date}/{hour}/{name} = Camera.playback. Segments and snapshots."""
    _refuse_escapes(request)
    name = request.path_params["name"]
    media_type = MEDIA_TYPES.get(name[-4:])
    if media_type is None:
        raise NotFound("there is no such recording")
    wish = wish_of(request, _store(request))
    file = await playback.open_file(ctx, request.path_params["cam"], _hour(request), name, wish)
    return await file_response(ctx, request, file, media_type)


async def file_response(
    ctx: Context,
    request: Request,
    file: BinaryIO | FarFile,
    media_type: str,
    more: Mapping[str, str] = NO_HEADERS,
) -> Response:
    """An open file's bytes, as long as the actor may have them; `more` are headers beside."""
    keep_seconds = _keep_seconds(ctx)

    def is_over() -> bool:
        return ctx.world.identity.over(ctx.actor) is not None

    if isinstance(file, FarFile):
        relayed = {**more, "Content-Type": media_type} if more else more
        return RelayedResponse(file, keep_seconds, is_over, relayed)
    offload: Offload | None = getattr(request.app.state, "offload", None)
    header = offload.header(file, ctx.world.store.root) if offload is not None else None
    if header is None:
        return FileResponse(file, media_type, keep_seconds, is_over, more)
    await asyncio.to_thread(file.close)
    return Response(None, 200, {**kept(keep_seconds), **more, **header}, media_type)


def _keep_seconds(ctx: Context) -> int:
    """Browsers keep a file for as long as they may ask for it, an hour at most."""
    expires_us = ctx.actor.expires_us
    if expires_us is None:
        return MOST_KEEP_SECONDS
    left = (expires_us - ctx.world.clock.now_us()) // 1_000_000
    return max(0, min(MOST_KEEP_SECONDS, left))


def _store(request: Request) -> UUID | None:
    store = request.query_params.get("store")
    try:
        return None if store is None else UUID(store)
    except ValueError as error:
        raise NotFound("there is no such recording") from error


def wish_of(request: Request, store_id: UUID | None = None) -> Wish:
    headers = {name: request.headers[name] for name in ASKING if name in request.headers}
    return Wish(request.method, headers, store_id)


def _hour(request: Request) -> Hour:
    return Hour(request.path_params["date"], request.path_params["hour"])


def _playlist_response(request: Request, found: playlists.ServedPlaylist) -> Response:
    """Its tag changes with its text, so also when the grants in it are renewed."""
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if found.away:
        headers[FOOTAGE_AWAY] = ", ".join(_times(each) for each in found.away)
    text = found.text.encode()
    told = hashlib.sha256(f"{headers.get(FOOTAGE_AWAY)}\n".encode())
    told.update(text)
    headers["ETag"] = tag = f'"{told.hexdigest()[:32]}"'
    if has_tag(request.headers.get("if-none-match"), tag):
        return Response(None, 304, headers)
    return Response(text, 200, headers, PLAYLIST_TYPE)


def _times(missing: Interval) -> str:
    return f"{iso_milliseconds(missing.from_us)}/{iso_milliseconds(missing.to_us)}"


def _refuse_escapes(request: Request) -> None:
    """No address of footage needs an escape, so `%2f` and its like name nothing here.

    The router sees the decoded path, in which an escaped slash has become a real one.
    """
    if b"%" in request.scope.get("raw_path", b""):
        raise NotFound("there is no such recording")
