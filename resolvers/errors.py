"""Every way a use case can refuse. Adapters map these; nothing else is mapped.

* VmsError
  - NotAuthenticated        no token, or a bad one
    - TokenExpired          its time is over
    - TokenRevoked          somebody ended it before its time
  - ScopeMissing            a good token without the scope
  - NotFound                also: exists, but in another tenant
    - NotRecorded           the event's frame is not in any recording
  - InvalidInput            names every field that is wrong
    - BadCursor
  - TooManyRows             the answer would be too long
  - Conflict                the id is taken
  - CameraLimitReached
  - ExportTooLarge          it is more than the tenant's exports may take
  - ExportLimitReached      as many exports wait as may
  - ComparisonLimitReached  as many comparisons wait, or as much is kept of them, as may
  - RateLimited             the plan allows no more requests a minute
  - ConnectionLimitReached  the plan allows no more connections at once
  - CameraNotLive           no picture comes from the camera now
  - LiveUnsupported         what it sends can't be shown over WebRTC
    - LiveCodecUnsupported
    - LiveBFrames
  - Unavailable             something this needs is not here now
    - FootageAway           the worker that holds the footage is not reachable
    - LiveViewersReached    as many watch as there may
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """`field` in the caller's spelling of the domain (`rtsp_url`), `message` what was wanted."""

    field: str
    message: str


class VmsError(Exception):
    """`code` is stable; the text is for people and holds no secret."""

    code = "INTERNAL"


class NotAuthenticated(VmsError):
    code = "NOT_AUTHENTICATED"


class TokenExpired(NotAuthenticated):
    code = "TOKEN_EXPIRED"


class TokenRevoked(NotAuthenticated):
    code = "TOKEN_REVOKED"


class ScopeMissing(VmsError):
    code = "SCOPE_MISSING"


class NotFound(VmsError):
    code = "NOT_FOUND"


class NotRecorded(NotFound):
    code = "NOT_RECORDED"


class InvalidInput(VmsError):
    code = "INVALID_INPUT"

    def __init__(self, *fields: FieldError) -> None:
        super().__init__("; ".join(f"{each.field}: {each.message}" for each in fields))
        self.fields = fields


class BadCursor(InvalidInput):
    code = "BAD_CURSOR"


class TooManyRows(VmsError):
    code = "TOO_MANY_ROWS"


class Conflict(VmsError):
    code = "CONFLICT"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.fields = (FieldError(field, message),)


class CameraLimitReached(VmsError):
    code = "CAMERA_LIMIT_REACHED"

    def __init__(self, limit: int, count: int) -> None:
        super().__init__(f"the plan allows {limit} cameras and there are {count}")
        self.limit, self.count = limit, count


class ExportTooLarge(VmsError):
    code = "EXPORT_TOO_LARGE"


class ExportLimitReached(VmsError):
    code = "EXPORT_LIMIT_REACHED"


class ComparisonLimitReached(VmsError):
    code = "COMPARISON_LIMIT_REACHED"


class RateLimited(VmsError):
    """`retry_after` is in whole seconds, at least 1."""

    code = "RATE_LIMITED"

    def __init__(self, per_minute: int, retry_after: int) -> None:
        super().__init__(f"the plan allows {per_minute} requests a minute")
        self.per_minute, self.retry_after = per_minute, retry_after


class ConnectionLimitReached(VmsError):
    code = "CONNECTION_LIMIT_REACHED"

    def __init__(self, limit: int) -> None:
        super().__init__(f"the plan allows {limit} connections at once")


class CameraNotLive(VmsError):
    code = "CAMERA_NOT_LIVE"


class LiveUnsupported(VmsError):
    """`hls_url` plays the camera's present hour; None where there is none for this actor."""

    def __init__(self, text: str, hls_url: str | None) -> None:
        super().__init__(text)
        self.hls_url = hls_url


class LiveCodecUnsupported(LiveUnsupported):
    code = "LIVE_CODEC_UNSUPPORTED"


class LiveBFrames(LiveUnsupported):
    code = "LIVE_B_FRAMES"


class Unavailable(VmsError):
    code = "UNAVAILABLE"


class FootageAway(Unavailable):
    code = "FOOTAGE_AWAY"

    def __init__(self) -> None:
        super().__init__("the worker that holds this footage is not reachable")


class LiveViewersReached(Unavailable):
    code = "LIVE_VIEWERS_REACHED"
