"""Plain values that media produces. No ORM, no GraphQL, no codec library."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

TICKS_PER_SECOND = 90_000
"""A *position* is counted in these ticks on a camera's media timeline, as written in its files."""

MOTION_VERSION = "motion@2026-11-29"
"""What tells motion, as events carry it: it is no model, and always there."""


class MediaError(Exception):
    """Whatever goes wrong in media; its text is fit for an operator and holds no credentials."""


class ModelShapeError(MediaError):
    """A model's tensor is not of the shape its decoder reads."""


@dataclass(frozen=True, slots=True)
class Box:
    """Rectangle in 0..1 of the frame, origin top left."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Detection:
    """One object in one frame: `label` is the model's word, `feature` the plan's."""

    label: str
    feature: str
    score: float
    box: Box


class CameraState(StrEnum):
    ONLINE = "online"
    CONNECTING = "connecting"
    OFFLINE = "offline"
    ERROR = "error"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as measured, not as promised. `fps` is None until it is known."""

    codec: str
    width_px: int
    height_px: int
    fps: float | None
    audio_codec: str | None


@dataclass(frozen=True, slots=True)
class RunClock:
    """Ties the positions of one run to wall time; fixed once, before anything is derived from it.

    Invariant: the wall time of position p is anchor_us + (p - start_position) / 90,000 s,
    rounded once from the absolute position, so that an end and the next start are equal.
    """

    run_id: UUID
    anchor_us: int
    start_position: int

    def at_us(self, position: int) -> int:
        """Microseconds since the epoch (UTC) of a position of this run."""
        ticks = position - self.start_position
        return self.anchor_us + (ticks * 1_000_000 + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Followed:
    """An object as a frame shows it.

    `key` is its track's, unique within an analysis; `track_id` that of its events, None as long as
    it has none.
    """

    detection: Detection
    key: int
    track_id: int | None


@dataclass(frozen=True, slots=True)
class DetectionFrame:
    """What is followed in a frame that was looked at.

    `position` is on the timeline of the run of `clock`; `recorded`: it is in a file.
    """

    clock: RunClock
    position: int
    recorded: bool
    width_px: int
    height_px: int
    objects: tuple[Followed, ...]

    @property
    def at_us(self) -> int:
        return self.clock.at_us(self.position)


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """The camera's state, in plain words where it is not well. `stream` once it is known."""

    camera_key: UUID
    state: CameraState
    reason: str | None
    at_us: int
    stream: StreamInfo | None
    token: int | None = None


@dataclass(frozen=True, slots=True)
class RunBegan:
    camera_key: UUID
    run_id: UUID
    started_at_us: int
    token: int | None = None


@dataclass(frozen=True, slots=True)
class SegmentClosed:
    """A segment is whole on disk and listed in its playlist: recorded, not promised.

    `date` (YYYY-MM-DD) and `hour` name its folder. It covers [start_us, end_us) of wall time and
    [start_position, end_position) of the media timeline.
    """

    camera_key: UUID
    run_id: UUID
    date: str
    hour: str
    name: str
    start_us: int
    end_us: int
    start_position: int
    end_position: int
    size_bytes: int
    token: int | None = None


@dataclass(frozen=True, slots=True)
class RunEnded:
    """`reason` in plain words: why there is a gap after this run."""

    camera_key: UUID
    run_id: UUID
    ended_at_us: int
    reason: str
    token: int | None = None


class ChangeKind(StrEnum):
    BEGAN = "began"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A JPEG in the camera's folder: `{date}/{hour}/{name}`, name `snap-<n>.jpg`."""

    date: str
    hour: str
    name: str


@dataclass(frozen=True, slots=True)
class FrameStages:
    """When the frame that began an event was done with at each stage: wall time, microseconds."""

    sampled_us: int
    inferred_us: int
    tracked_us: int


@dataclass(frozen=True, slots=True)
class Plate:
    """A number plate as most readings of it say.

    `text` is in the form of its country where that is known (`51F-123.45`), `raw` as one reading
    had it, its lines apart by a blank. `score` is of that reading, 0..1, None where the reader
    tells none; `model_version` is the reader's.
    """

    text: str
    raw: str
    score: float | None
    model_version: str


class Direction(StrEnum):
    """Which way a line is crossed."""

    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class EventZone:
    """A zone as it was when its rule began an event; `direction` where a line was crossed."""

    id: str
    name: str
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A frame that shows an event's object better than the one that began it.

    All describe that one frame; `position` is None when it was not recorded.
    """

    at_us: int
    position: int | None
    detection: Detection
    snapshot: Snapshot | None


@dataclass(frozen=True, slots=True)
class EventChange:
    """A step in an event's life.

    `at_us`, `position`, `detection`, `snapshot` and `zones` all describe the one frame that began
    the event; they are the same in every later change. `ended_at_us` is set in ENDED alone.
    `position` is None when the frame was not recorded. `best` is the best view found since, None
    while the beginning is the best. `plate` is what is read of the object so far.
    """

    kind: ChangeKind
    camera_key: UUID
    event_id: str
    trace_id: UUID
    track_id: int
    model_version: str
    at_us: int
    position: int | None
    detection: Detection
    snapshot: Snapshot | None
    ended_at_us: int | None = None
    stages: FrameStages | None = None
    token: int | None = None
    zones: tuple[EventZone, ...] = ()
    best: View | None = None
    plate: Plate | None = None


MediaChange = StatusChanged | RunBegan | SegmentClosed | RunEnded | EventChange
"""What crosses from a camera's threads to the loop, in order, per camera.

`token` is that of the lease under which a worker says so; None of whoever needs no lease.
"""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a source offers, measured over a few seconds.

    `gop_seconds` is the longest distance between keyframes that was seen, None with fewer than two.
    `warnings` say in plain words what will not work where. `picture_jpeg` is one decoded frame.
    `clock_ahead_us` is how far the camera's clock is ahead of ours, None where it does not tell.
    """

    stream: StreamInfo
    gop_seconds: float | None
    has_b_frames: bool
    warnings: tuple[str, ...]
    picture_jpeg: bytes | None
    clock_ahead_us: int | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A known model, installed or not.

    `reason` says why it is not in use, or not on the device asked for.
    `task` is what it is for: "finds boxes", "reads text" or "classifies clips".
    `version` is a date, YYYY-MM-DD. `device` is where it runs (`CPU`), None while it does not.
    """

    name: str
    version: str
    features: tuple[str, ...]
    licence: str
    installed: bool
    active: bool
    device: str | None = None
    reason: str | None = None
    task: str = "finds boxes"
