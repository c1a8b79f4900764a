from __future__ import annotations

import pytest
from graphql import GraphQLError

from schema.scalars import parse_bytes, parse_cursor, parse_day, parse_instant

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("2026-05-29T12:00:00Z", NOON),
        ("2026-05-29T12:00:00.5Z", NOON + 500_000),
        ("2026-05-29T12:00:00.000001Z", NOON + 1),
        ("2026-05-29T12:00:00.123456999Z", NOON + 123_456),
        ("2026-05-29T19:00:00+07:00", NOON),
        ("2026-05-29T06:30:00-05:30", NOON),
        ("1970-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ],
)
def test_an_instant_is_microseconds_since_the_epoch(text: str, at_us: int) -> None:
    assert parse_instant(text) == at_us


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-29T12:00:00",
        "2026-05-29",
        "2026-05-29 12:00:00Z",
        "2026-05-29T12:00Z",
        "20260529T120000Z",
        "2026-02-29T12:00:00Z",
        "2026-05-29T24:00:00Z",
        "2026-05-29T12:00:60Z",
        "2026-05-29T12:00:00.Z",
        "2026-05-29T12:00:00.1234567890Z",
        "2026-05-29T12:00:00+0700",
        "2026-05-29T12:00:00+25:00",
        "2026-05-29T12:00:00z",
        " 2026-05-29T12:00:00Z",
        "2026-05-29T12:00:00Z\n",
        "٢٠٢٦-05-29T12:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "",
        "now",
        NOON,
        1.5,
        True,
        None,
        [],
    ],
)
def test_whatever_is_no_instant_is_refused_in_plain_words(value: object) -> None:
    with pytest.raises(GraphQLError, match=r"^want a time with its zone"):
        parse_instant(value)


def test_a_day_is_a_day_of_the_calendar() -> None:
    assert parse_day("2024-02-29") == "2024-02-29"


@pytest.mark.parametrize(
    "value", ["2026-02-29", "2026-5-29", "20260529", "2026-W22-5", "", "٢٠٢٦-05-29", 20260529, None]
)
def test_whatever_is_no_day_is_refused_in_plain_words(value: object) -> None:
    with pytest.raises(GraphQLError, match=r"^want a day"):
        parse_day(value)


def test_a_cursor_is_a_string() -> None:
    assert parse_cursor("abc") == "abc"
    with pytest.raises(GraphQLError, match=r"^want a cursor"):
        parse_cursor(7)


@pytest.mark.parametrize("value", [-1, 1.5, "5", True, None, (1 << 53) + 1])
def test_bytes_are_a_whole_number_that_json_can_tell(value: object) -> None:
    assert parse_bytes(1 << 53) == 1 << 53
    with pytest.raises(GraphQLError, match=r"^want a whole number"):
        parse_bytes(value)
