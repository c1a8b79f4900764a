"""Live view of a camera over WebRTC: sessions begun and ended; its worker sends the pictures."""

from __future__ import annotations

import re
from uuid import UUID

import msgspec

from media.live.signals import (
    MOST_CHARACTERS,
    LiveAnswer,
    LiveCamera,
    LiveOffer,
    LivePicture,
    LiveRefusal,
    LiveRefused,
)
from media.store import CameraFolder
from media.types import CameraState
from models.camera import Camera
from resolvers import addresses
from resolvers.access import Scope, demand
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.errors import (
    CameraNotLive,
    FieldError,
    InvalidInput,
    LiveBFrames,
    LiveCodecUnsupported,
    LiveViewersReached,
    NotFound,
    Unavailable,
    VmsError,
)
from resolvers.live_workers import LiveWorkers
from resolvers.playback import hour_grant

_SESSION = re.compile(r"[0-9a-f]{32}", re.ASCII)


class LiveSession(msgspec.Struct, frozen=True):
    """`answer` is SDP with all candidates. `expires_us`: when it ends at the latest."""

    camera_id: str
    key: UUID
    answer: str
    expires_us: int | None

    @property
    def id(self) -> str:
        """The session's name among all of the tenant's."""
        return f"{self.camera_id}.{self.key.hex}"


async def live_start(ctx: Context, camera_id: str, offer: str) -> LiveSession:
    """A session in which the camera's worker sends what comes from the camera, as it comes.

    It ends with the actor's credential at the latest, also when that is revoked.

    Raises:
        ScopeMissing: without `live:read`.
        NotFound: no such camera in this tenant.
        InvalidInput: the offer is no SDP that asks for one picture in H.264.
        CameraNotLive: it is off, or no picture comes from it now.
        LiveUnsupported: what it sends can't be shown over WebRTC.
        LiveViewersReached: as many watch as there may.
        Unavailable: its worker can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.LIVE_READ)
    if not camera.enabled:
        raise CameraNotLive("the camera is switched off")
    if len(offer) > MOST_CHARACTERS:
        raise InvalidInput(FieldError("offer", "the offer is too long"))
    credential = None if ctx.actor.credential is None else ctx.actor.credential.text
    wanted = LiveOffer(offer, ctx.actor.expires_us, credential)
    try:
        made = await _workers(ctx).start(_place(camera), wanted)
    except LiveRefused as refused:
        raise _refusal(ctx, camera, refused) from None
    return _session(camera, made, wanted)


def _session(camera: Camera, made: LiveAnswer, offer: LiveOffer) -> LiveSession:
    return LiveSession(camera.slug, made.id, made.sdp, offer.expires_us)


async def live_stop(ctx: Context, camera_id: str, session_key: str) -> None:
    """Ends a session; `session_key` is its key, 32 hexadecimal digits.

    Raises:
        ScopeMissing: without `live:read`.
        NotFound: no such session of such a camera in this tenant, or not any more.
        Unavailable: its worker can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.LIVE_READ)
    is_key = _SESSION.fullmatch(session_key) is not None
    if not is_key or not await _workers(ctx).stop(_place(camera), UUID(session_key)):
        raise NotFound("there is no such live session")


async def live_stop_named(ctx: Context, session_id: str) -> None:
    """Like `live_stop`, by `LiveSession.id`."""
    demand(ctx.actor, Scope.LIVE_READ)
    camera_id, _, key = session_id.rpartition(".")
    await live_stop(ctx, camera_id, key)


def live_snapshot_url(ctx: Context, camera: Camera) -> str | None:
    """A signed address of the camera's present picture, of a camera that the actor was shown.

    None without `live:read`, and while no picture comes from the camera.
    """
    is_seen = camera.enabled and camera.status == CameraState.ONLINE
    if not is_seen or not ctx.actor.may(Scope.LIVE_READ):
        return None
    grant = ctx.world.identity.sign_live_grant(ctx.actor, camera.slug)
    return addresses.live_snapshot(camera.slug, grant)


async def live_snapshot(ctx: Context, camera_id: str) -> LivePicture:
    """The newest keyframe, decoded by the camera's worker, whatever its codec.

    Raises:
        ScopeMissing: without `live:read`.
        NotFound: no such camera in this tenant.
        CameraNotLive: it is off, or no picture comes from it now.
        LiveViewersReached: live view is switched off.
        Unavailable: its worker can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.LIVE_READ)
    if not camera.enabled:
        raise CameraNotLive("the camera is switched off")
    try:
        return await _workers(ctx).picture(_place(camera))
    except LiveRefused as refused:
        raise _refusal(ctx, camera, refused) from None


def _workers(ctx: Context) -> LiveWorkers:
    if ctx.world.live is None:
        raise Unavailable("there is no live view here")
    return ctx.world.live


def _place(camera: Camera) -> LiveCamera:
    return LiveCamera(CameraFolder(camera.tenant_id, camera.folder), camera.key)


def _refusal(ctx: Context, camera: Camera, refused: LiveRefused) -> VmsError:
    text = str(refused)
    if refused.code is LiveRefusal.BAD_OFFER:
        return InvalidInput(FieldError("offer", text))
    if refused.code is LiveRefusal.VIEWERS_REACHED:
        return LiveViewersReached(text)
    if refused.code is LiveRefusal.CAMERA_NOT_LIVE:
        return CameraNotLive(text)
    is_codec = refused.code is LiveRefusal.CODEC_UNSUPPORTED
    kind = LiveCodecUnsupported if is_codec else LiveBFrames
    return kind(text, _hls_url(ctx, camera))


def _hls_url(ctx: Context, camera: Camera) -> str | None:
    """The hour that is being recorded, signed; None for who may not play it, or without any."""
    if not camera.record or not ctx.actor.may(Scope.PLAYBACK_READ):
        return None
    hour = ctx.world.store.hour_of(ctx.world.clock.now_us())
    grant = hour_grant(ctx, camera.slug, hour)
    return addresses.hour_playlist(camera.slug, str(hour), grant)
