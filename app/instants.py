"""Times as people give them to commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> int:
    """ISO 8601 with its zone, in microseconds since the epoch.

    Raises:
        ValueError: no time, without its zone, or before the epoch.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or found < EPOCH:
        raise ValueError("want a time with its zone, from 1970 on")
    return (found - EPOCH) // timedelta(microseconds=1)
