"""Which number plates are meant: one, or all that begin, end or go on in some way."""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.queryset import QuerySet

from media.plates import MOST_SIGNS, plate_key, without_stroke
from models.event import Event, EventTable
from resolvers.errors import FieldError, InvalidInput

ANY = "*"
LEAST_SIGNS = 2
MOST_CHARACTERS = 32
WANTED = (
    f"want {LEAST_SIGNS} to {MOST_SIGNS} letters and digits, with {ANY} before or behind them for "
    "any others; signs between them are left alone"
)
_BEHIND_ALL = "~"
"""Sorts behind every letter and digit."""


@dataclass(frozen=True, slots=True)
class PlatePattern:
    """`signs`: letters and digits in a row. Whether others may stand before, and behind them."""

    signs: str
    before: bool
    behind: bool

    def meets(self, event: Event) -> bool:
        """As the database would decide in `with_plate`."""
        if event.plate is None:
            return False
        key = plate_key(event.plate["text"])
        if self.before:
            return self.signs in key if self.behind else key.endswith(self.signs)
        return key.startswith(self.signs) if self.behind else key == self.signs


def plate_faults(text: str | None) -> list[FieldError]:
    """What is wrong with it, naming `plate`."""
    if text is None or _pattern(text) is not None:
        return []
    return [FieldError("plate", WANTED)]


def plate_pattern(text: str) -> PlatePattern:
    """Raises InvalidInput that names `plate`."""
    found = _pattern(text)
    if found is None:
        raise InvalidInput(*plate_faults(text))
    return found


def _pattern(text: str) -> PlatePattern | None:
    stripped = text.strip()
    inner = stripped.strip(ANY)
    signs = plate_key(inner)
    is_plain = without_stroke(inner).isascii() and inner.isprintable() and ANY not in inner
    is_short = len(text) <= MOST_CHARACTERS and LEAST_SIGNS <= len(signs) <= MOST_SIGNS
    if not (is_plain and is_short):
        return None
    return PlatePattern(signs, stripped.startswith(ANY), stripped.endswith(ANY))


def with_plate(rows: QuerySet[EventTable], text: str) -> QuerySet[EventTable]:
    """Raises InvalidInput that names `plate`.

    A condition that says where in the index to look, or that there is a plate at all: both
    databases then read that index, which has no other events.
    """
    wanted = plate_pattern(text)
    signs = wanted.signs
    if wanted.before:
        rows = rows.filter(plate_key__gte="0", plate_key__lt=_BEHIND_ALL)
        if wanted.behind:
            return rows.filter(plate_key__contains=signs)
        return rows.filter(plate_key__endswith=signs)
    if wanted.behind:
        return rows.filter(plate_key__gte=signs, plate_key__lt=signs + _BEHIND_ALL)
    return rows.filter(plate_key=signs)
