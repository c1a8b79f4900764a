"""A change as a line of a file: it is read as it was, or not believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.spool import Spool
from app.spool_files import Owned, SpoolFile, Unreadable, decode, encode
from media.types import ChangeKind, RunBegan, RunEnded
from tests.app.spooled import AT, KEY, RUN, event, segment, state
from tests.world import beginning

EVERY_KIND = [
    event(1),
    Owned("a", "b", replace(beginning(KEY, AT), kind=ChangeKind.ENDED, ended_at_us=AT, token=7)),
    segment(1),
    state("no route"),
    Owned("a", "b", RunBegan(KEY, RUN, AT)),
    Owned("a", "b", RunEnded(KEY, RUN, AT, "the camera hung up")),
]


@pytest.mark.parametrize("owned", EVERY_KIND, ids=lambda owned: type(owned.change).__name__)
def test_every_kind_of_change_survives_the_disk(owned: Owned) -> None:
    assert decode(encode(owned)) == owned


@given(st.text())
def test_any_text_a_camera_sent_is_one_line_that_can_be_read(text: str) -> None:
    assert encode(state(text)).count(b"\n") == 1
    assert decode(encode(state(text))) == state(text)


def test_what_utf_8_has_no_room_for_is_replaced() -> None:
    assert decode(encode(state("a \udcff b"))) == state("a ? b")


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_line_with_a_wrong_byte_is_not_believed(place: int, change: int) -> None:
    line = bytearray(encode(event(1)))
    line[place % (len(line) - 1)] ^= change
    with pytest.raises(Unreadable):
        decode(bytes(line))


def test_a_line_of_another_version_is_not_believed() -> None:
    line = encode(event(1)).replace(b"EventChange", b"EventMoved")
    with pytest.raises(Unreadable):
        decode(line)


def test_a_partly_written_line_is_written_over(tmp_path: Path) -> None:
    """As when a disk takes half of it."""
    spool = Spool(tmp_path)
    spool.put(event(1))
    (path,) = tmp_path.glob("*/events/*")
    with path.open("ab") as file:
        file.write(encode(event(2))[:100])
    spool.put(event(3))
    found = SpoolFile(path, path.stat().st_size).read()
    assert [decode(line) for line in found] == [event(1), event(3)]
