from __future__ import annotations

import pytest

from app.instants import instant


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-31T23:59:59.000001Z", 1_769_903_999_000_001),
        ("2026-02-01T06:59:59+07:00", 1_769_903_999_000_000),
    ],
)
def test_a_time_with_its_zone(text: str, at_us: int) -> None:
    assert instant(text) == at_us


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-01-31", "2026-01-31T23:59:59", "1969-12-31T23:59:59Z"]
)
def test_what_is_no_such_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        instant(text)
