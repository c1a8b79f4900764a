"""What API processes and workers say to each other about live view, as JSON."""

from __future__ import annotations

from uuid import UUID

import msgspec

from media.live.signals import LiveRefusal

TAKEN = "X-Taken-Us"
"""The header that says when a picture came."""
REFUSED = 409
"""The status of a `Refusal`: no other is the live view's own word but 200 and 204."""


class Wanted(msgspec.Struct, frozen=True):
    """An offer."""

    sdp: str
    expires_us: int | None
    credential: str | None = None


class Begun(msgspec.Struct, frozen=True):
    """Its answer."""

    id: UUID
    sdp: str


class Refusal(msgspec.Struct, frozen=True):
    """What comes in its place."""

    code: LiveRefusal
    text: str
