"""Live view in this dialect: WHEP, sessions made and ended over HTTP (RFC 9725 turned round)."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from compat_rest.errors import HttpRefusal
from compat_rest.files import has_tag
from resolvers import live
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput

SDP_TYPE = "application/sdp"
JPEG_TYPE = "image/jpeg"


class MediaTypeRefused(HttpRefusal):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


async def watch(ctx: Context, request: Request) -> Response:
    """POST /v2/live/{cam}/whep = Mutation.liveStart. Begins live view over WebRTC.

    The body is an SDP offer for one picture in H.264, with or without sound; the answer holds all
    candidates, so there is nothing to PATCH. The session ends with the token at the latest, and
    when its address, in `Location`, is deleted. What can't be shown over WebRTC is refused with
    LIVE_CODEC_UNSUPPORTED or LIVE_B_FRAMES and, in `hls_url`, the address that plays it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != SDP_TYPE:
        raise MediaTypeRefused(f"want an offer as {SDP_TYPE}", {"Accept-Post": SDP_TYPE})
    camera_id = request.path_params["cam"]
    try:
        offer = (await request.body()).decode()
    except UnicodeDecodeError:
        raise InvalidInput(FieldError("offer", "the offer is no SDP")) from None
    begun = await live.live_start(ctx, camera_id, offer)
    place = f"/v2/live/{quote(camera_id, safe='')}/whep/{begun.key.hex}"
    headers = {"Location": place, "Cache-Control": "no-store"}
    return Response(begun.answer, 201, headers, SDP_TYPE)


async def leave(ctx: Context, request: Request) -> Response:
    """DELETE /v2/live/{cam}/whep/{session} = Mutation.liveStop. Ends a live view."""
    await live.live_stop(ctx, request.path_params["cam"], request.path_params["session"])
    return Response(status_code=200)


async def snapshot(ctx: Context, request: Request) -> Response:
    """GET /v2/live/{cam}/snapshot.jpg = Camera.snapshotUrl. A picture of the camera as it is now.

    The newest keyframe as a JPEG, at most 1,280 pixels wide, of H.265 too; `Last-Modified` says
    when it came. One a second is made of a camera, however many ask. Within a page browsers load an
    address once, whatever is said: to show another picture add a parameter of any name to it. The
    grant in an address of `snapshotUrl` gives no other right than this.
    """
    found = await live.live_snapshot(ctx, request.path_params["cam"])
    tag = f'"{found.at_us:x}"'
    headers = {
        "Cache-Control": "private, max-age=1",
        "Vary": "Authorization",
        "ETag": tag,
        "Last-Modified": formatdate(found.at_us / 1_000_000, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }
    if has_tag(request.headers.get("if-none-match"), tag):
        return Response(None, 304, headers)
    return Response(found.jpeg, 200, headers, JPEG_TYPE)
