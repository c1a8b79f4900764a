"""Query parameters, read strictly: whatever is wrong is collected and named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from starlette.datastructures import QueryParams

from resolvers.errors import FieldError, InvalidInput

MAX_CHARACTERS = 2048
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNESCAPED_PLUS = re.compile(r"(.+T.+) ([0-9]{2}(?::?[0-9]{2})?)", re.ASCII)


class Query:
    """Reads parameters one by one and remembers each fault until `check`.

    What is given twice, empty, or with control characters is wrong. Unknown parameters are left
    alone. A fault makes the reading None (or the default), so that reading can go on.
    """

    def __init__(self, given: QueryParams) -> None:
        self._given = given
        self._faults: list[FieldError] = []

    def text(self, name: str) -> str | None:
        values = self._given.getlist(name)
        if not values:
            return None
        if message := _text_fault(values):
            self._fault(name, message)
            return None
        return values[0]

    def need(self, *names: str) -> None:
        for name in names:
            if name not in self._given:
                self._fault(name, "is required")

    def instant_us(self, name: str) -> int | None:
        """An ISO 8601 date or time, in µs since the epoch; UTC where it names no offset.

        A space before the offset is read as the `+` that it was before the address was decoded.
        """
        text = self.text(name)
        if text is None:
            return None
        if found := _UNESCAPED_PLUS.fullmatch(text):
            text = f"{found[1]}+{found[2]}"
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self._fault(name, "want an ISO 8601 time, as 2026-04-30T10:00:00Z")
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // timedelta(microseconds=1)

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number in [least, most]."""
        text = self.text(name)
        if text is None:
            return None
        number = int(text) if re.fullmatch("[0-9]{1,18}", text) else None
        if number is None or not least <= number <= most:
            self._fault(name, f"want a whole number from {least} to {most}")
            return None
        return number

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """What a use case's own check refuses is remembered with the rest."""
        try:
            yield
        except InvalidInput as error:
            self._faults += error.fields

    def check(self) -> None:
        """Raises InvalidInput that names everything that was wrong."""
        if self._faults:
            raise InvalidInput(*self._faults)

    def _fault(self, name: str, message: str) -> None:
        self._faults.append(FieldError(name, message))


def _text_fault(values: list[str]) -> str | None:
    if len(values) > 1:
        return "is given more than once"
    if not values[0] or len(values[0]) > MAX_CHARACTERS:
        return f"want 1 to {MAX_CHARACTERS} characters"
    return None if values[0].isprintable() else "must not contain control characters"


@contextmanager
def named_here(names: dict[str, str]) -> Iterator[None]:
    """Faults that a use case finds carry this dialect's parameter names: {theirs: ours}."""
    try:
        yield
    except InvalidInput as error:
        fields = (
            FieldError(names.get(each.field, each.field), each.message) for each in error.fields
        )
        raise type(error)(*fields) from error
