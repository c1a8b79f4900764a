from __future__ import annotations

import pytest

from media.event_ids import DAY_US, dated_id, day_of_id

NOON_2026_07_30 = 1_785_412_800_000_000


def test_an_id_tells_the_day_of_its_frame() -> None:
    assert dated_id("evt-0123456789abcdef", NOON_2026_07_30) == "evt-50b8-0123456789abcdef"
    assert day_of_id("evt-50b8-0123456789abcdef") == NOON_2026_07_30 // DAY_US == 0x50B8


@pytest.mark.parametrize("at_us", [0, DAY_US - 1, DAY_US, 0xFFFF * DAY_US, 0x10000 * DAY_US - 1])
def test_every_moment_of_a_day_that_can_be_told_is_told(at_us: int) -> None:
    assert day_of_id(dated_id("evt-1", at_us)) == at_us // DAY_US


@pytest.mark.parametrize("at_us", [-1, 0x10000 * DAY_US])
def test_a_day_beyond_four_digits_is_left_out(at_us: int) -> None:
    assert dated_id("evt-1", at_us) == "evt-1"


@pytest.mark.parametrize(
    "event_id", ["evt-0123456789abcdef", "evt-50b8-", "evt-50B8-1", "evt-50b-1", "door-50b8-1", ""]
)
def test_other_ids_tell_no_day(event_id: str) -> None:
    assert day_of_id(event_id) is None
