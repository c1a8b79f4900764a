"""The enumerations of comparisons."""

from __future__ import annotations

from enum import StrEnum

from schema.enum_words import describe


class ComparisonState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


class ComparisonErrorCode(StrEnum):
    """The codes of a `resolvers.jobs.Fault` of a comparison."""

    NOT_RECORDED = "NOT_RECORDED"
    CAMERA_GONE = "CAMERA_GONE"
    FOOTAGE_GONE = "FOOTAGE_GONE"
    FOOTAGE_AWAY = "FOOTAGE_AWAY"
    FOOTAGE_DAMAGED = "FOOTAGE_DAMAGED"
    DISK_FAILED = "DISK_FAILED"
    MODEL_FAILED = "MODEL_FAILED"
    TOO_MANY_EVENTS = "TOO_MANY_EVENTS"
    ANALYSIS_BROKEN = "ANALYSIS_BROKEN"
    CUT_SHORT = "CUT_SHORT"
    NO_WORKER = "NO_WORKER"


class DifferenceKind(StrEnum):
    CHANGED = "changed"
    LOST = "lost"
    NEW = "new"


describe(
    ComparisonState,
    "ComparisonState",
    "How far a comparison is.",
    {
        "WAITING": "No worker has begun it, or it is to be tried again.",
        "RUNNING": "A worker looks at the footage.",
        "READY": "All that was found is told.",
        "FAILED": "Nothing came of it; `error` says why.",
        "DELETED": "Somebody ended it, and what was found is forgotten.",
    },
)
describe(
    ComparisonErrorCode,
    "ComparisonErrorCode",
    "Why a comparison failed.",
    {
        "NOT_RECORDED": "There is no footage of that time, or none that can be looked at.",
        "CAMERA_GONE": "The camera was deleted meanwhile.",
        "FOOTAGE_GONE": "Footage was removed while it was looked at, at each attempt.",
        "FOOTAGE_AWAY": "The worker that holds some of the footage is not reachable.",
        "FOOTAGE_DAMAGED": "A file of the footage is not what was recorded.",
        "DISK_FAILED": "The disk failed, at each attempt.",
        "MODEL_FAILED": "A model is not there any more, or does not run.",
        "TOO_MANY_EVENTS": "There are more events than can be compared at once.",
        "ANALYSIS_BROKEN": "What looked at the footage broke down, at each attempt.",
        "CUT_SHORT": "Whoever made it was stopped, again and again.",
        "NO_WORKER": "No worker that has the models came to it within a day.",
    },
)
describe(
    DifferenceKind,
    "DifferenceKind",
    "What became of an event.",
    {
        "CHANGED": "It is in both logs, but begins at another time, or by another zone.",
        "LOST": "It is not found any more.",
        "NEW": "It was not there before.",
    },
)
