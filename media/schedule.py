"""Weekly times of a place on earth: when a rule is in force, summer time included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MINUTES_A_DAY = 1440


@dataclass(frozen=True, slots=True)
class Span:
    """From `from_minute` to before `to_minute` of local time, minutes since midnight: 0..1439.

    `days` are those that it begins on, Monday 0 to Sunday 6. One that does not end later than it
    begins goes on into the next day: from 0 to 0 is the whole day.
    """

    days: tuple[int, ...]
    from_minute: int
    to_minute: int

    def holds(self, day: int, minute: int) -> bool:
        """At this minute of this day of the week."""
        if self.from_minute < self.to_minute:
            return day in self.days and self.from_minute <= minute < self.to_minute
        began_today = day in self.days and minute >= self.from_minute
        began_yesterday = (day - 1) % 7 in self.days and minute < self.to_minute
        return began_today or began_yesterday


@dataclass(frozen=True, slots=True)
class Schedule:
    """Where and when: an instant is in force when any of the spans holds on the clocks there.

    What clocks show is decisive. Where they are set back an hour comes twice, and counts both
    times; where they are set on the hour left out never comes.
    """

    time_zone: str
    spans: tuple[Span, ...]

    def holds(self, at_us: int) -> bool:
        """At an instant, microseconds since the epoch."""
        day, minute = _local(self.time_zone, at_us // 60_000_000)
        return any(span.holds(day, minute) for span in self.spans)


@lru_cache(maxsize=1024)
def _local(time_zone: str, minute: int) -> tuple[int, int]:
    """Day of the week and minute of the day, of minutes since the epoch."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    local = (epoch + timedelta(minutes=minute)).astimezone(ZoneInfo(time_zone))
    return local.weekday(), local.hour * 60 + local.minute


def is_time_zone(name: str) -> bool:
    """Whether it is a zone of the IANA database, like `Asia/Ho_Chi_Minh`."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
