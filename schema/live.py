"""Live view over WebRTC, and the mutations that begin and end it."""

from __future__ import annotations

import strawberry

from resolvers import live
from resolvers.access import Scope
from resolvers.context import Context
from resolvers.errors import (
    CameraNotLive,
    InvalidInput,
    LiveUnsupported,
    LiveViewersReached,
    NotFound,
)
from schema.enums import Otherwise
from schema.errors import UserError, user_errors
from schema.fields import described, required
from schema.scalars import Instant


@strawberry.type(description="Somebody watching a camera live.")
class LiveSession:
    id: strawberry.ID = strawberry.field(description="Names it, to end it.")
    answer: str = strawberry.field(description="SDP answer, with all candidates.")
    expires_at: Instant | None = strawberry.field(
        description="When it ends at the latest: with the token; null when that never ends."
    )


@strawberry.type(description="A live view as begun.")
class LiveStartPayload:
    session: LiveSession | None = strawberry.field(description="Null when refused.")
    hls_url: str | None = strawberry.field(
        description=described(
            "Plays the camera's present hour where WebRTC can't show it; else null.",
            Scope.PLAYBACK_READ,
            Otherwise.NULL,
        ),
        directives=required(Scope.PLAYBACK_READ, Otherwise.NULL),
    )
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was begun."
    )


@strawberry.type(description="A live view as ended.")
class LiveStopPayload:
    ended_id: strawberry.ID | None = strawberry.field(description="Its id; null when refused.")
    user_errors: list[UserError] = strawberry.field(description="What to correct.")


async def start(ctx: Context, camera_id: str, offer: str) -> LiveStartPayload:
    try:
        begun = await live.live_start(ctx, camera_id, offer)
    except LiveUnsupported as error:
        return LiveStartPayload(session=None, hls_url=error.hls_url, user_errors=user_errors(error))
    except (CameraNotLive, InvalidInput, LiveViewersReached, NotFound) as error:
        return LiveStartPayload(session=None, hls_url=None, user_errors=user_errors(error))
    expires_at = None if begun.expires_us is None else Instant(begun.expires_us)
    session = LiveSession(id=strawberry.ID(begun.id), answer=begun.answer, expires_at=expires_at)
    return LiveStartPayload(session=session, hls_url=None, user_errors=[])


async def stop(ctx: Context, session_id: str) -> LiveStopPayload:
    try:
        await live.live_stop_named(ctx, session_id)
    except NotFound as error:
        return LiveStopPayload(ended_id=None, user_errors=user_errors(error))
    return LiveStopPayload(ended_id=strawberry.ID(session_id), user_errors=[])
