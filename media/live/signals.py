"""What is said to begin and end live view; known also to processes that have no codec."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from media.store import CameraFolder
from media.types import MediaError

MOST_CHARACTERS = 20_000
"""Of an offer; a browser's has 8,000."""


class LiveRefusal(StrEnum):
    """Why there is no live view; stable."""

    CAMERA_NOT_LIVE = "CAMERA_NOT_LIVE"
    CODEC_UNSUPPORTED = "LIVE_CODEC_UNSUPPORTED"
    B_FRAMES = "LIVE_B_FRAMES"
    VIEWERS_REACHED = "LIVE_VIEWERS_REACHED"
    BAD_OFFER = "BAD_OFFER"


class LiveRefused(MediaError):
    """The text is fit for whoever wanted to watch."""

    def __init__(self, code: LiveRefusal, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class LiveCamera:
    """Whose pictures are wanted."""

    folder: CameraFolder
    key: UUID


@dataclass(frozen=True, slots=True)
class LiveOffer:
    """A viewer's SDP. It may watch until `expires_us` (wall time); None is without end.

    `credential` names what it watches with to who says whether that is still good.
    """

    sdp: str = field(repr=False)
    expires_us: int | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class LivePicture:
    """A JPEG of the newest keyframe, which came at `at_us` (wall time)."""

    jpeg: bytes = field(repr=False)
    at_us: int


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """The SDP answer with all candidates, and the session's name, which nobody can guess."""

    id: UUID
    sdp: str = field(repr=False)
