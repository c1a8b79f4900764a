"""The enumerations, each value described. Most are those of the use cases, named for GraphQL."""

from __future__ import annotations

from enum import Enum, StrEnum

from media.types import CameraState, ChangeKind, Direction
from media.zones import ZonePurpose
from resolvers.access import Scope
from resolvers.event_counts import EventDimension, TimeBucket
from resolvers.events import EventOrder
from resolvers.features import ALL_FEATURES, Feature
from resolvers.verdicts import ReviewState, Verdict
from resolvers.webhook_sending import Outcome
from schema.enum_words import describe as _describe


class CameraChangeKind(StrEnum):
    SAVED = "saved"
    DELETED = "deleted"


class EventType(StrEnum):
    """The features, each under its own name, and one for what other systems tell of."""

    PERSON = Feature.PERSON
    VEHICLE = Feature.VEHICLE
    FACE = Feature.FACE
    LICENSE_PLATE = Feature.LICENSE_PLATE
    VIOLENCE = Feature.VIOLENCE
    MOTION = Feature.MOTION
    OTHER = "OTHER"

    @classmethod
    def of(cls, name: str) -> EventType:
        return cls(name) if name in ALL_FEATURES else cls.OTHER


class GapReason(StrEnum):
    RETENTION = "retention"


class ExportState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class RemovalCause(StrEnum):
    AGE = "age"
    BYTES = "bytes"
    DISK = "disk"
    CAMERA = "camera"
    LOST = "lost"


class ExportErrorCode(StrEnum):
    """The codes of a `resolvers.jobs.Fault` of an export."""

    NOT_RECORDED = "NOT_RECORDED"
    CAMERA_GONE = "CAMERA_GONE"
    FOOTAGE_GONE = "FOOTAGE_GONE"
    FOOTAGE_AWAY = "FOOTAGE_AWAY"
    FOOTAGE_DAMAGED = "FOOTAGE_DAMAGED"
    TOO_LARGE = "TOO_LARGE"
    NO_ROOM = "NO_ROOM"
    DISK_FAILED = "DISK_FAILED"
    CUT_SHORT = "CUT_SHORT"
    NOT_BEGUN = "NOT_BEGUN"


class Weekday(Enum):
    """Numbered as in `media.schedule.Span`."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


class RequiredScope(StrEnum):
    """The scopes, each under its own name, and one for what needs none."""

    ANY = "any"
    CAMERAS_READ = Scope.CAMERAS_READ
    CAMERAS_WRITE = Scope.CAMERAS_WRITE
    EVENTS_READ = Scope.EVENTS_READ
    EVENTS_WRITE = Scope.EVENTS_WRITE
    PLAYBACK_READ = Scope.PLAYBACK_READ
    LIVE_READ = Scope.LIVE_READ
    TENANT_ADMIN = Scope.TENANT_ADMIN
    PLATFORM_ADMIN = Scope.PLATFORM_ADMIN


class Otherwise(StrEnum):
    REFUSED = "refused"
    NULL = "null"
    LESS = "less"


class UserErrorCode(StrEnum):
    """The codes of those VmsErrors that a person can correct."""

    INVALID_INPUT = "INVALID_INPUT"
    CONFLICT = "CONFLICT"
    CAMERA_LIMIT_REACHED = "CAMERA_LIMIT_REACHED"
    NOT_FOUND = "NOT_FOUND"
    NOT_RECORDED = "NOT_RECORDED"
    EXPORT_TOO_LARGE = "EXPORT_TOO_LARGE"
    EXPORT_LIMIT_REACHED = "EXPORT_LIMIT_REACHED"
    COMPARISON_LIMIT_REACHED = "COMPARISON_LIMIT_REACHED"
    CAMERA_NOT_LIVE = "CAMERA_NOT_LIVE"
    LIVE_CODEC_UNSUPPORTED = "LIVE_CODEC_UNSUPPORTED"
    LIVE_B_FRAMES = "LIVE_B_FRAMES"
    LIVE_VIEWERS_REACHED = "LIVE_VIEWERS_REACHED"


_SEEN = {
    "PERSON": "People.",
    "VEHICLE": "Cars, lorries, buses, motorcycles.",
    "FACE": "Faces; whose they are is not asked.",
    "LICENSE_PLATE": "Number plates of vehicles.",
    "VIOLENCE": "Fighting people.",
    "MOTION": "Anything that moves.",
}
_describe(Feature, "Feature", "An analytic that a plan includes and a camera switches on.", _SEEN)
_describe(
    EventType,
    "EventType",
    "What an event tells of.",
    {**_SEEN, "OTHER": "What another system calls by a name of its own: see `typeName`."},
)
_describe(
    CameraState,
    "CameraStatus",
    "How a camera is doing.",
    {
        "ONLINE": "Its stream comes.",
        "CONNECTING": "Being connected, for the first time or again.",
        "OFFLINE": "It can't be reached or sends nothing; this is tried again.",
        "ERROR": "It answers, but what comes can't be used; `statusReason` says why.",
        "DISABLED": "Switched off by its owner.",
    },
)
_describe(
    EventOrder,
    "EventOrder",
    "By the time of an event's frame.",
    {"NEWEST_FIRST": "Latest first.", "OLDEST_FIRST": "Earliest first."},
)
_describe(
    TimeBucket,
    "TimeBucket",
    "How long a stretch of time is that events are counted in.",
    {
        "MINUTE": "A minute of UTC.",
        "HOUR": "An hour of UTC.",
        "DAY": "A day of UTC.",
        "WEEK": "A week of UTC, from Monday on.",
    },
)
_describe(
    EventDimension,
    "EventDimension",
    "What events are counted apart by.",
    {"CAMERA": "Each camera's, by its id.", "TYPE": "Each type's, by `typeName`."},
)
_describe(
    ChangeKind,
    "EventChangeKind",
    "A step in an event's life.",
    {
        "BEGAN": "It began: comes exactly once for each event.",
        "CHANGED": "Something about it changed; overtaken changes come as the last one.",
        "ENDED": "It is over: only what people say of it changes still.",
    },
)
_SAID = {
    "ACKNOWLEDGED": "Somebody has seen it.",
    "FALSE_ALARM": "There was no such thing.",
}
_describe(Verdict, "ReviewVerdict", "What people say of an event.", _SAID)
_describe(
    ReviewState,
    "ReviewState",
    "What people have said of an event so far.",
    {"UNREVIEWED": "Nothing as yet.", **_SAID},
)
_describe(
    Outcome,
    "WebhookOutcome",
    "What came of a message to a webhook.",
    {
        "DELIVERED": "It was taken: any answer of 200 to 299.",
        "REFUSED": "Another answer came; redirects are not followed.",
        "GONE": "It answered 410: a webhook is switched off by that, a trial changes nothing.",
        "UNREACHABLE": "Nobody answered, or the connection broke.",
        "UNTRUSTED": "Its certificate, or its TLS, is not to be trusted.",
        "TIMED_OUT": "No answer came in time.",
        "FORBIDDEN": "Messages may not be sent to its address.",
    },
)
_describe(
    Direction,
    "CrossingDirection",
    (
        "Which way a line is crossed. Side A is to the left of who looks from its first point to "
        "the second, on the picture."
    ),
    {"A_TO_B": "From left to right.", "B_TO_A": "From right to left.", "BOTH": "Either way."},
)
_describe(
    ZonePurpose,
    "ZonePurpose",
    "What a zone is for.",
    {
        "INSIDE": "An event begins once an object's foot has been inside for `seconds`.",
        "LOITERING": (
            "The same for who stays: leaving the polygon for up to 10 s in between does not count."
        ),
        "CROSSING": "An event begins when an object's foot crosses the line.",
        "MASK": "What stands in it, or lies in it nearly whole, is not detected.",
    },
)
_describe(
    Weekday,
    "Weekday",
    "A day of the week.",
    {each.name: f"{each.name.capitalize()}." for each in Weekday},
)
_describe(
    CameraChangeKind,
    "CameraChangeKind",
    "What to do with a list of cameras that follows `cameras`.",
    {
        "SAVED": "Add the camera, or replace the one of this id.",
        "DELETED": "Remove the one of this id.",
    },
)
_describe(
    GapReason,
    "GapReason",
    "Why events are missing between two cursors.",
    {"RETENTION": "They were older than the tenant keeps events, and are removed."},
)
_describe(
    ExportState,
    "ExportState",
    "How far an export is.",
    {
        "WAITING": "No worker has begun it, or it is to be tried again.",
        "RUNNING": "A worker writes its file.",
        "READY": "Its file can be fetched.",
        "FAILED": "There will be no file; `error` says why.",
        "DELETED": "Its file is gone: somebody deleted it, or its time was over.",
    },
)
_describe(
    ExportErrorCode,
    "ExportErrorCode",
    "Why an export failed.",
    {
        "NOT_RECORDED": "There is no footage of that time, or none any more.",
        "CAMERA_GONE": "A camera was deleted meanwhile.",
        "FOOTAGE_GONE": "Footage was removed while it was exported, at each attempt.",
        "FOOTAGE_AWAY": "The worker that holds some of the footage was not reachable for a day.",
        "FOOTAGE_DAMAGED": "A file of the footage is not what was recorded.",
        "TOO_LARGE": "It is more than a tenant's exports may take.",
        "NO_ROOM": "The disk has no room for it above its reserve, or for its footage.",
        "DISK_FAILED": "The disk failed, at each attempt.",
        "CUT_SHORT": "Whoever made it was stopped, again and again.",
        "NOT_BEGUN": "No worker came to it within a day.",
    },
)
_describe(
    RemovalCause,
    "RemovalCause",
    "Why something was removed.",
    {
        "AGE": "It was older than a plan or its camera keeps.",
        "BYTES": "It was more than a plan or its camera keeps.",
        "DISK": "The disk was full, and it was the oldest.",
        "CAMERA": "Somebody deleted its camera.",
        "LOST": "It was missing from the disk: nothing here removed it.",
    },
)
_describe(
    UserErrorCode,
    "UserErrorCode",
    "What is wrong with an input.",
    {
        "INVALID_INPUT": "The value of `field` is wrong; `message` says what is wanted.",
        "CONFLICT": "The value of `field` is taken, or something forbids the change now.",
        "CAMERA_LIMIT_REACHED": "The plan allows no further camera.",
        "NOT_FOUND": "There is nothing of this id in this tenant.",
        "NOT_RECORDED": "There is no footage of that time.",
        "EXPORT_TOO_LARGE": "It is more than is left of what a tenant's exports may take.",
        "EXPORT_LIMIT_REACHED": "As many exports are being made as a tenant may have made.",
        "COMPARISON_LIMIT_REACHED": "As many comparisons are being made, or kept, as may be.",
        "CAMERA_NOT_LIVE": "The camera is off, or no picture comes from it now.",
        "LIVE_CODEC_UNSUPPORTED": "The camera's codec is none that WebRTC shows: play its HLS.",
        "LIVE_B_FRAMES": "The camera sends B-frames, which WebRTC can't show: play its HLS.",
        "LIVE_VIEWERS_REACHED": "As many watch as there may.",
    },
)
_describe(
    RequiredScope,
    "Scope",
    "A right that a token carries.",
    {
        "ANY": "None: any token of the tenant will do.",
        "CAMERAS_READ": "`cameras:read`: see cameras and how they are doing.",
        "CAMERAS_WRITE": "`cameras:write`: make, change and delete cameras, see their credentials.",
        "EVENTS_READ": "`events:read`: see events and follow them.",
        "EVENTS_WRITE": "`events:write`: tell of events that another system saw; review events.",
        "PLAYBACK_READ": "`playback:read`: play footage and see pictures.",
        "LIVE_READ": "`live:read`: watch live.",
        "TENANT_ADMIN": "`tenant:admin`: all of the above within one tenant, and more.",
        "PLATFORM_ADMIN": "`platform:admin`: tenants and the system itself; no tenant's rows.",
    },
)
_describe(
    Otherwise,
    "Otherwise",
    "What is answered without a scope.",
    {
        "REFUSED": "An error of code SCOPE_MISSING, and null.",
        "NULL": "Null, and no error.",
        "LESS": "The field with something left out, as its description says.",
    },
)
