"""Live view on a worker's internal port: sessions that API processes begin and end for viewers."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.calls import LIVE, LIVE_PICTURE, LIVE_SESSION, Call, digest_of
from app.live_words import REFUSED, TAKEN, Begun, Refusal, Wanted
from media.live.sessions import LiveSessions
from media.live.signals import LiveCamera, LiveOffer, LiveRefused
from resolvers.errors import NotAuthenticated, NotFound

LiveRoute = tuple[str, Callable[[Call, Request], Awaitable[Response]], str]


def live_routes(sessions: LiveSessions) -> list[LiveRoute]:
    """Path, what answers a signed call, method."""

    async def begin(call: Call, request: Request) -> Response:
        wanted = msgspec.json.decode(await _signed_body(call, request), type=Wanted)
        offer = LiveOffer(wanted.sdp, wanted.expires_us, wanted.credential)
        try:
            made = await sessions.start(_camera(call, request), offer)
        except LiveRefused as refused:
            return _json(Refusal(refused.code, str(refused)), REFUSED)
        return _json(Begun(made.id, made.sdp), 200)

    async def end(call: Call, request: Request) -> Response:
        session_id = UUID(request.path_params["session"])
        if not await sessions.stop(_camera(call, request), session_id):
            raise NotFound("there is no such live session")
        return Response(status_code=204)

    async def picture(call: Call, request: Request) -> Response:
        try:
            made = await sessions.picture(_camera(call, request))
        except LiveRefused as refused:
            return _json(Refusal(refused.code, str(refused)), REFUSED)
        headers = {TAKEN: str(made.at_us), "Cache-Control": "no-store"}
        return Response(made.jpeg, 200, headers, "image/jpeg")

    return [
        (LIVE, begin, "POST"),
        (LIVE_SESSION, end, "DELETE"),
        (LIVE_PICTURE, picture, "GET"),
    ]


async def _signed_body(call: Call, request: Request) -> bytes:
    body = await request.body()
    if not hmac.compare_digest(call.digest or "", digest_of(body)):
        raise NotAuthenticated("the call was signed for another body")
    return body


def _camera(call: Call, request: Request) -> LiveCamera:
    if call.camera is None:
        raise NotFound("the call names no camera")
    return LiveCamera(call.camera, UUID(request.path_params["camera_key"]))


def _json(value: Begun | Refusal, status: int) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers, "application/json")
