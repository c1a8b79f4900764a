"""When schedules hold, with clocks that are set."""

from datetime import UTC, datetime

import pytest

from media.schedule import Schedule, Span, is_time_zone

WORK = Span((0, 1, 2, 3, 4), 8 * 60, 17 * 60)
NIGHT = Span((4,), 22 * 60, 6 * 60)
"""From Friday evening on."""
ALL_SUNDAY = Span((6,), 0, 0)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("span", "utc", "holds"),
    [
        (WORK, "2026-06-01T01:00:00", True),  # Monday 08:00 in Ho Chi Minh City
        (WORK, "2026-06-01T00:59:59", False),
        (WORK, "2026-06-01T09:59:59", True),
        (WORK, "2026-06-01T10:00:00", False),
        (WORK, "2026-06-06T03:00:00", False),  # Saturday
        (NIGHT, "2026-06-05T15:00:00", True),  # Friday 22:00
        (NIGHT, "2026-06-05T22:59:59", True),  # Saturday 05:59
        (NIGHT, "2026-06-05T23:00:00", False),
        (NIGHT, "2026-06-04T20:00:00", False),  # Friday 03:00 is of Thursday's night
        (ALL_SUNDAY, "2026-06-06T17:00:00", True),
        (ALL_SUNDAY, "2026-06-07T16:59:59", True),
        (ALL_SUNDAY, "2026-06-07T17:00:00", False),
    ],
)
def test_days_and_hours_are_those_of_the_place(span: Span, utc: str, holds: bool) -> None:
    assert Schedule("Asia/Ho_Chi_Minh", (span,)).holds(at(utc)) is holds


def test_eight_in_the_morning_is_eight_in_summer_and_in_winter() -> None:
    berlin = Schedule("Europe/Berlin", (WORK,))

    assert [berlin.holds(at(f"2026-03-27T{t}")) for t in ("06:59:00", "07:00:00")] == [False, True]
    assert [berlin.holds(at(f"2026-03-30T{t}")) for t in ("05:59:00", "06:00:00")] == [False, True]


def test_an_hour_that_comes_twice_counts_twice_and_one_left_out_never() -> None:
    """In Berlin 02:00 to 03:00 came twice on 25 October 2026, and not on 29 March."""
    berlin = Schedule("Europe/Berlin", (Span((6,), 120, 180),))
    autumn = [berlin.holds(at(f"2026-10-25T{t}:30:00")) for t in ("23", "00", "01", "02")]
    spring = [berlin.holds(at(f"2026-03-29T{t}:30:00")) for t in ("00", "01", "02")]

    assert autumn == [False, True, True, False]
    assert spring == [False, False, False]


def test_any_span_will_do() -> None:
    both = Schedule("UTC", (Span((0,), 0, 60), Span((1,), 0, 60)))

    assert [both.holds(at(f"2026-06-0{day}T00:30:00")) for day in (1, 2, 3)] == [True, True, False]


def test_which_names_are_time_zones() -> None:
    found = [is_time_zone(n) for n in ("UTC", "Asia/Ho_Chi_Minh", "Mars/Base", "", "../etc/passwd")]

    assert found == [True, True, False, False, False]
