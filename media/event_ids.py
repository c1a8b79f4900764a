"""Ids of events tell the day of their frame: tables that are kept by days find them at once."""

from __future__ import annotations

import re

DAY_US = 86_400_000_000

_LAST_DAY = 0xFFFF
_DATED = re.compile(r"evt-([0-9a-f]{4})-.+")


def dated_id(event_id: str, at_us: int) -> str:
    """`evt-…` with the UTC day of the frame in it: `evt-4f3a-…`, days since 1970 in hex.

    A day that four digits cannot tell is left out.
    """
    day = at_us // DAY_US
    if not 0 <= day <= _LAST_DAY:
        return event_id
    return f"evt-{day:04x}-{event_id.removeprefix('evt-')}"


def day_of_id(event_id: str) -> int | None:
    """The UTC day of the event's frame, in days since 1970; None where the id does not tell."""
    found = _DATED.fullmatch(event_id)
    return int(found[1], 16) if found else None
