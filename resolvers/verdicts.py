"""What people may say of an event."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    ACKNOWLEDGED = "acknowledged"
    FALSE_ALARM = "false_alarm"


class ReviewState(StrEnum):
    """A verdict, or none as yet: what events are filtered by."""

    UNREVIEWED = "unreviewed"
    ACKNOWLEDGED = Verdict.ACKNOWLEDGED
    FALSE_ALARM = Verdict.FALSE_ALARM

    @classmethod
    def of(cls, verdict: str | None) -> ReviewState:
        return cls.UNREVIEWED if verdict is None else cls(verdict)
