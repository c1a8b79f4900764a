"""Times as people give them to commands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import typer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(text: str) -> int:
    """ISO 8601 with its zone, in microseconds since the epoch.

    Raises:
        ValueError: no time, without its zone, or before the epoch.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None or found < EPOCH:
        raise ValueError("want a time with its zone, from 1970 on")
    return microseconds(found)


def microseconds(moment: datetime) -> int:
    """Since the epoch, of a time with its zone."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def told(at_us: int) -> str:
    """What `instant` reads again, in UTC."""
    return (EPOCH + timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")


def option(name: str, text: str) -> int:
    """What a command was given for `name`. Raises BadParameter."""
    try:
        return instant(text)
    except ValueError as error:
        message = f"{name}: want a time with its zone, like 2026-01-31T23:59:00Z"
        raise typer.BadParameter(message) from error
