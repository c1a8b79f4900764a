"""The whole URL table of /v2, except the health and metrics addresses, which `app` serves."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from compat_rest import cameras, events, exports, hls, live, playback, ws
from compat_rest.encoding import json_response
from compat_rest.openapi import OPENAPI_PATH, document
from compat_rest.operation import Answer, Operation, Parameter, Socket, routes_of
from resolvers.access import Scope

_PLAIN = {"type": "string", "minLength": 1}
_CAMERA = Parameter("id", "The camera's id", _PLAIN)
_EVENT = Parameter("id", "The event's id", _PLAIN)
_CAM = Parameter("cam", "The camera's id", _PLAIN)
_HOUR = (
    _CAM,
    Parameter("date", "A day in UTC", {"type": "string", "format": "date"}),
    Parameter("hour", "An hour of the day, 00 to 23", {"type": "string", "pattern": "^[0-9]{2,}$"}),
)
_SESSION = Parameter("session", "The session, as in its `Location`", _PLAIN)
_EXPORT = Parameter("id", "The export's id", _PLAIN)
_EXPORT_NAME = Parameter("name", "The export's `fileName`, or `manifest.json`", _PLAIN)
_NAME = Parameter("name", "A file that a playlist or an event names", _PLAIN)

_FILTERED = {cameras.FILTERED_FEATURES: "Features that the plan does not include, left out"}
_CREATED = {"Location": "The camera's address", **_FILTERED}
_NEXT = {"Link": 'The next page, rel="next", when there are more'}
_CAMERAS = Answer(200, "The cameras", list[cameras.CameraJson])
_NEW = Answer(201, "The camera as created", cameras.CameraJson, headers=_CREATED)
_CHANGED = Answer(200, "The camera as it is now", cameras.CameraJson, headers=_FILTERED)
_GONE = Answer(204, "It is deleted")
_EVENTS = Answer(200, "The events", list[events.EventJson], headers=_NEXT)
_HOURS = Answer(200, "The recorded hours", playback.TimelineJson)
_PLACE = Answer(200, "Where to play it", playback.EventPlaybackJson)
_MISSING = {hls.FOOTAGE_AWAY: "Times whose footage is missing, as its worker is away"}
_PLAYLIST = Answer(
    200, "An HLS playlist (RFC 8216)", media_types=(hls.PLAYLIST_TYPE,), headers=_MISSING
)
_FILE = Answer(200, "The file, or the range of it", media_types=tuple(hls.MEDIA_TYPES.values()))
_EXPORTED = Answer(
    200,
    "The file, or the range of it",
    media_types=tuple(exports.MEDIA_TYPES.values()),
    headers={"Content-Disposition": "What to call it"},
)

_SEEN = Answer(
    201,
    "The SDP answer",
    media_types=(live.SDP_TYPE,),
    headers={"Location": "The session's address, to end it"},
)
_LEFT = Answer(200, "It is over")
_NOW = Answer(
    200,
    "The picture",
    media_types=(live.JPEG_TYPE,),
    headers={"Last-Modified": "When it came", "ETag": "Names it, for `If-None-Match`"},
)

_READ, _WRITE = Scope.CAMERAS_READ, Scope.CAMERAS_WRITE
_EVENTS_READ, _PLAY = Scope.EVENTS_READ, Scope.PLAYBACK_READ

operations = [
    Operation("GET", "/v2/api/cameras", cameras.list_cameras, _READ, _CAMERAS),
    Operation(
        "POST",
        "/v2/api/cameras",
        cameras.create_camera,
        _WRITE,
        _NEW,
        body=cameras.NewCamera,
        refusals=(404, 409),
    ),
    Operation(
        "PATCH",
        "/v2/api/cameras/{id}",
        cameras.change_camera,
        _WRITE,
        _CHANGED,
        (_CAMERA,),
        body=cameras.CameraPatch,
        refusals=(404,),
    ),
    Operation(
        "DELETE",
        "/v2/api/cameras/{id}",
        cameras.delete_camera,
        _WRITE,
        _GONE,
        (_CAMERA,),
        refusals=(404,),
    ),
    Operation(
        "GET",
        "/v2/api/events",
        events.list_events,
        _EVENTS_READ,
        _EVENTS,
        events.PARAMETERS,
        refusals=(422,),
    ),
    Operation(
        "GET",
        "/v2/api/playback/timeline",
        playback.timeline,
        _PLAY,
        _HOURS,
        playback.TIMELINE_PARAMETERS,
        refusals=(404, 422),
    ),
    Operation(
        "GET",
        "/v2/api/playback/event/{id}",
        playback.play_event,
        _PLAY,
        _PLACE,
        (_EVENT,),
        refusals=(404,),
    ),
    Operation(
        "GET",
        "/v2/hls/{cam}/index.m3u8",
        hls.interval_playlist,
        _PLAY,
        _PLAYLIST,
        (_CAM, *hls.INTERVAL_PARAMETERS),
        refusals=(404, 422),
        in_url=True,
    ),
    Operation(
        "GET",
        "/v2/hls/{cam}/iframes.m3u8",
        hls.interval_i_frames,
        _PLAY,
        _PLAYLIST,
        (_CAM, *hls.INTERVAL_PARAMETERS),
        refusals=(404, 422),
        in_url=True,
    ),
    Operation(
        "GET",
        "/v2/hls/{cam}/{date}/{hour}/iframes.m3u8",
        hls.hour_i_frames,
        _PLAY,
        _PLAYLIST,
        _HOUR,
        refusals=(404, 422),
        in_url=True,
    ),
    Operation(
        "GET",
        "/v2/hls/{cam}/{date}/{hour}/index.m3u8",
        hls.hour_playlist,
        _PLAY,
        _PLAYLIST,
        (*_HOUR, *hls.HOUR_PARAMETERS),
        refusals=(404, 422),
        in_url=True,
    ),
    Operation(
        "GET",
        "/v2/hls/{cam}/{date}/{hour}/{name}",
        hls.recorded_file,
        _PLAY,
        _FILE,
        (*_HOUR, _NAME, *hls.FILE_PARAMETERS),
        refusals=(404, 416),
        in_url=True,
    ),
    Operation(
        "GET",
        "/v2/exports/{id}/{name}",
        exports.export_file,
        _PLAY,
        _EXPORTED,
        (_EXPORT, _EXPORT_NAME),
        refusals=(404, 416),
        in_url=True,
    ),
    Operation(
        "POST",
        "/v2/live/{cam}/whep",
        live.watch,
        Scope.LIVE_READ,
        _SEEN,
        (_CAM,),
        body=str,
        body_type=live.SDP_TYPE,
        refusals=(404, 406, 409, 415),
        is_whep=True,
    ),
    Operation(
        "DELETE",
        "/v2/live/{cam}/whep/{session}",
        live.leave,
        Scope.LIVE_READ,
        _LEFT,
        (_CAM, _SESSION),
        refusals=(404,),
        is_whep=True,
    ),
    Operation(
        "GET",
        "/v2/live/{cam}/snapshot.jpg",
        live.snapshot,
        Scope.LIVE_READ,
        _NOW,
        (_CAM,),
        refusals=(404, 409),
        in_url=True,
    ),
]

sockets = [
    Socket("/v2/ws/events", ws.EventSocket(), Scope.EVENTS_READ, ws.PARAMETERS, ws.CLOSES),
]


async def openapi(_: Request) -> Response:
    """GET /v2/openapi.json, as GraphQL's introspection: what there is to ask for."""
    return json_response(_DOCUMENT)


_DOCUMENT = document(operations, sockets)

routes: list[BaseRoute] = [
    *routes_of(operations, sockets),
    Route(OPENAPI_PATH, openapi),
]
