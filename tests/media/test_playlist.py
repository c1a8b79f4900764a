"""Playlists: what is written is read again, what is torn is left out, what is served is HLS."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from media import playlist
from media.playlist import Playlist, Segment
from tests.hls_rules import check_reload, checked

RUN, OTHER_RUN = UUID(int=1), UUID(int=2)
TICKS = 90_000
START_US = 1_780_000_000_123_456

UNLIKE_OTHERS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)
NAMES = st.from_regex(r"[0-9]{6}_[0-9]{3}(-[2-9])?\.m4s", fullmatch=True) | UNLIKE_OTHERS.filter(
    lambda name: "#" not in name
)
INITS = st.from_regex(r"init-[0-9a-f]{10}\.mp4", fullmatch=True) | UNLIKE_OTHERS.filter(
    lambda name: '"' not in name
)


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    position = draw(st.integers(0, 10**15))
    return Segment(
        run_id=draw(st.uuids()),
        name=draw(NAMES),
        init=draw(INITS),
        start_us=draw(st.integers(0, 10**17)),
        position=position,
        end_position=position + draw(st.integers(1, 120 * TICKS)),
        size_bytes=draw(st.integers(0, 10**12)),
        discontinuity=draw(st.booleans()),
    )


def segment(number: int, seconds: float = 4.0, run_id: UUID = RUN) -> Segment:
    """The number-th of a run of four-second segments."""
    position = number * 4 * TICKS
    return Segment(
        run_id=run_id,
        name=f"{number:06d}_123.m4s",
        init="init-0123456789.mp4",
        start_us=START_US + number * 4_000_000,
        position=position,
        end_position=position + round(seconds * TICKS),
        size_bytes=1000 + number,
    )


@given(st.lists(segments(), max_size=6), st.booleans())
def test_what_is_written_is_read_again(listed: list[Segment], ended: bool) -> None:
    written = Playlist(tuple(listed), ended)

    assert playlist.parse(playlist.dump(written)) == written


@given(st.lists(segments(), max_size=4))
def test_appending_entries_gives_the_whole_text(listed: list[Segment]) -> None:
    text, previous = playlist.header(), None
    for each in listed:
        text += playlist.entry(each, previous)
        previous = each

    assert text == playlist.dump(Playlist(tuple(listed), ended=False))


def test_a_disk_playlist_has_this_form() -> None:
    first = segment(0)
    second = replace(segment(1, 3.5), run_id=OTHER_RUN, discontinuity=True)

    assert playlist.dump(Playlist((first, second), ended=True)) == (
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:120\n#EXT-X-PLAYLIST-TYPE:EVENT\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-MAP:URI="init-0123456789.mp4"\n'
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=1780000000123456,position=0,"
        "end_position=360000,bytes=1000\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-05-28T20:26:40.123Z\n"
        "#EXTINF:4.000000,\n"
        "000000_123.m4s\n"
        "#EXT-X-DISCONTINUITY\n"
        '#EXT-X-MAP:URI="init-0123456789.mp4"\n'
        "#VMS:run=00000000-0000-0000-0000-000000000002,start_us=1780000004123456,"
        "position=360000,end_position=675000,bytes=1001\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-05-28T20:26:44.123Z\n"
        "#EXTINF:3.500000,\n"
        "000001_123.m4s\n"
        "#EXT-X-ENDLIST\n"
    )


@pytest.mark.parametrize("discontinuity", [False, True])
def test_torn_at_any_byte_only_whole_segments_are_read(discontinuity: bool) -> None:
    first = segment(0)
    second = replace(segment(1), init="init-aaaaaaaaaa.mp4", discontinuity=discontinuity)
    whole = playlist.dump(Playlist((first,), ended=False))
    added = playlist.entry(second, first)

    for torn_at in range(len(added)):
        found = playlist.parse(whole + added[:torn_at])
        assert found == Playlist((first,), ended=False), torn_at
    assert playlist.parse(whole + added).segments == (first, second)


def test_behind_a_torn_entry_nothing_wrong_is_read() -> None:
    first, torn, third = segment(0), segment(1), segment(2)
    third = replace(third, run_id=OTHER_RUN, discontinuity=True)
    whole = playlist.dump(Playlist((first,), ended=False))
    added = playlist.entry(torn, first)

    for torn_at in range(1, len(added)):
        text = whole + added[:torn_at] + playlist.entry(third, torn)
        names = {first.name, torn.name, third.name}
        found = playlist.parse(text).segments
        assert {one.name for one in found} <= names, torn_at
        assert found[0] == first
        assert replace(found[-1], discontinuity=True) == third


@pytest.mark.parametrize("torn_at", range(len(playlist.ENDLIST)))
def test_a_torn_end_mark_ends_nothing(torn_at: int) -> None:
    whole = playlist.dump(Playlist((segment(0),), ended=False))

    assert not playlist.parse(whole + playlist.ENDLIST[:torn_at]).ended


def test_what_follows_the_end_mark_counts_and_reopens() -> None:
    text = playlist.dump(Playlist((segment(0),), ended=True))

    found = playlist.parse(text + playlist.entry(segment(1), segment(0)))

    assert found == Playlist((segment(0), segment(1)), ended=False)


@pytest.mark.parametrize(
    "line",
    [
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=-1,position=0,end_position=9,bytes=1",
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=1,position=9,end_position=9,bytes=1",
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=1,position=9,end_position=8,bytes=1",
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=\u0661,position=0,end_position=9,"
        "bytes=1",
        "#VMS:run=nobody,start_us=1,position=0,end_position=9,bytes=1",
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=1,position=0,end_position=9",
        "#VMS:run=00000000-0000-0000-0000-000000000001,start_us=1,position=0,end_position="
        + "9" * 19
        + ",bytes=1",
        "#EXT-X-BYTERANGE:10",
        "",
    ],
)
def test_a_segment_that_is_not_described_is_left_out(line: str) -> None:
    whole = playlist.dump(Playlist((segment(0),), ended=False))

    found = playlist.parse(f"{whole}{line}\n#EXTINF:4.0,\nlater.m4s\n")

    assert found.segments == (segment(0),)


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    playlist.parse(text)


def test_a_segment_without_an_init_segment_is_left_out() -> None:
    text = playlist.dump(Playlist((segment(0),), ended=False))

    assert not playlist.parse(re.sub("#EXT-X-MAP.*\n", "", text)).segments


@given(st.lists(st.integers(1, 60 * TICKS), min_size=1, max_size=50), st.integers(0, 10**14))
def test_durations_add_up_to_the_whole_without_drift(lengths: list[int], start: int) -> None:
    listed = []
    position = start
    for length in lengths:
        listed.append(Segment(RUN, "a", "b", 0, position, position + length, 0))
        position += length

    total_us = Playlist(tuple(listed), ended=True).duration_us

    assert total_us == playlist.position_us(position) - playlist.position_us(start)
    assert abs(total_us - sum(lengths) * 100 / 9) <= 1


@pytest.mark.parametrize(
    ("position", "microseconds"), [(0, 0), (1, 11), (4, 44), (5, 56), (9, 100), (90_000, 1_000_000)]
)
def test_a_position_in_microseconds_is_rounded_half_up(position: int, microseconds: int) -> None:
    assert playlist.position_us(position) == microseconds


@given(st.integers(0, 10**15))
def test_an_aligned_position_is_the_next_whole_tenth_of_a_millisecond(position: int) -> None:
    found = playlist.aligned(position)

    assert 0 <= found - position < 9
    assert found % 9 == 0
    assert playlist.position_us(found) * 9 == found * 100


@pytest.mark.parametrize(
    ("at_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_769_903_999_999_999, "2026-01-31T23:59:59.999Z"),
        (1_769_904_000_000_999, "2026-02-01T00:00:00.000Z"),
    ],
)
def test_wall_time_is_cut_to_milliseconds(at_us: int, text: str) -> None:
    assert playlist.iso_milliseconds(at_us) == text


def test_the_offset_of_a_frame_counts_only_what_the_playlist_has() -> None:
    listed = Playlist((segment(0), segment(2)), ended=False)  # one is missing between them
    at_us = segment(2).at_us(8 * TICKS + 3000)

    assert listed.offset_ticks(8 * TICKS + 3000, at_us) == 4 * TICKS + 3000
    assert listed.offset_ticks(4 * TICKS, segment(1).start_us) is None


@pytest.mark.parametrize(("position", "inside"), [(-1, False), (0, True), (359_999, True)])
def test_a_segment_holds_its_first_position_and_not_its_end(position: int, inside: bool) -> None:
    at_us = segment(0).at_us(position)

    found = Playlist((segment(0),), ended=False).offset_ticks(position, at_us)

    assert found == (position if inside else None)
    assert Playlist((segment(0),), ended=True).offset_ticks(360_000, segment(0).end_us) is None


def test_of_positions_used_twice_the_wall_time_tells_which_is_meant() -> None:
    lost = segment(0)
    again = replace(segment(0, run_id=OTHER_RUN), start_us=START_US + 60_000_000)
    listed = Playlist((lost, replace(again, discontinuity=True)), ended=False)

    assert listed.offset_ticks(9000, lost.at_us(9000)) == 9000
    assert listed.offset_ticks(9000, again.at_us(9000)) == 4 * TICKS + 9000
    assert listed.offset_ticks(9000, again.at_us(9000) + 1001) is None


def test_a_discontinuity_stands_where_the_run_changes() -> None:
    listed = [segment(0), segment(1), segment(2, run_id=OTHER_RUN), segment(3, run_id=OTHER_RUN)]
    marked = [replace(one, discontinuity=True) for one in listed]

    found = playlist.joined(marked)

    assert [one.discontinuity for one in found] == [False, False, True, False]
    assert playlist.joined([]) == ()


@given(st.lists(segments(), max_size=6), st.booleans())
def test_what_is_served_follows_rfc_8216(listed: list[Segment], ended: bool) -> None:
    text = playlist.render(listed, lambda name: f"/files/{name}", ended)
    lines = text.split("\n")

    assert lines[0] == "#EXTM3U"  # 4.3.1.1
    assert text.endswith("\n")
    assert "#VMS" not in text
    versions = [line for line in lines if line.startswith("#EXT-X-VERSION:")]
    assert versions == ["#EXT-X-VERSION:7"]  # EXT-X-MAP outside of I-frame playlists: 6 or more
    durations = [float(found) for found in re.findall(r"#EXTINF:(\d+\.\d{6}),\n", text)]
    assert len(durations) == len(listed)
    (target,) = re.findall(r"#EXT-X-TARGETDURATION:(\d+)\n", text)
    assert int(target) >= 1
    assert all(int(duration + 0.5) <= int(target) for duration in durations)  # 4.3.3.1
    assert ("#EXT-X-ENDLIST" in lines) == ended
    assert f"#EXT-X-PLAYLIST-TYPE:{'VOD' if ended else 'EVENT'}" in lines
    _check_segments(lines, listed)


def _check_segments(lines: list[str], listed: list[Segment]) -> None:
    """Each has its date, and the init segment that precedes it is its own."""
    init, discontinuity, dated = "", False, ""
    rest = iter(listed)
    for line in lines:
        if line.startswith("#EXT-X-MAP:"):
            init = line
        elif line == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            dated = line.partition(":")[2]
        elif line and not line.startswith("#"):
            each = next(rest)
            assert line == f"/files/{each.name}"
            assert init == f'#EXT-X-MAP:URI="/files/{each.init}"'
            assert discontinuity == each.discontinuity
            assert dated == playlist.iso_milliseconds(each.start_us)
            discontinuity, dated = False, ""
    assert next(rest, None) is None


@pytest.mark.parametrize(
    ("seconds", "target"), [(0.1, 10), (10.4, 10), (10.5, 20), (40, 40), (41, 120), (130, 130)]
)
def test_a_target_duration_stays_while_a_playlist_grows_and_ends(
    seconds: float, target: int
) -> None:
    few, more = [segment(0, seconds)], [segment(0, seconds), segment(1, 4.0)]

    for served, ended in ((few, False), (more, False), (more, True)):
        text = playlist.render(served, str, ended)
        assert f"#EXT-X-TARGETDURATION:{target}\n" in text
    assert "#EXT-X-TARGETDURATION:10\n" in playlist.render([], str, ended=False)


@st.composite
def recordings(draw: st.DrawFn) -> list[Segment]:
    """What a camera may leave behind: runs, gaps, holes within runs, changed parameters."""
    found: list[Segment] = []
    at_us, position = draw(st.integers(0, 10**16)), draw(st.integers(0, 10**14)) * 9
    for run in range(draw(st.integers(1, 4))):
        run_id, anchor_us, zero = UUID(int=run + 1), at_us, position
        init = f"init-{draw(st.integers(0, 2)):010x}.mp4"
        for _ in range(draw(st.integers(1, 5))):
            ticks = draw(st.integers(1, 119 * TICKS))
            start_us = anchor_us + playlist.position_us(position) - playlist.position_us(zero)
            name = f"{len(found):06d}_000.m4s"
            end = position + ticks
            made = Segment(run_id, name, init, start_us, position, end, 1000)
            position = end
            if draw(st.integers(0, 9)):  # else a hole: something took the file away
                found.append(made)
        position = playlist.aligned(position)
        at_us = anchor_us + playlist.position_us(position) - playlist.position_us(zero)
        at_us += draw(st.integers(0, 10**9))
    return list(playlist.joined(found))


@given(recordings(), st.integers(0, 20), st.booleans())
def test_whatever_was_recorded_is_served_by_the_rules(
    listed: list[Segment], seen: int, ended: bool
) -> None:
    """Also to who has read the first of it before."""

    def served(segments: list[Segment], *, ended: bool) -> str:
        return playlist.render(segments, lambda name: f"/v2/{name}?grant=1", ended)

    text = served(listed, ended=ended)
    found = checked(text)
    assert [each.uri.split("?")[0] for each in found.media] == [f"/v2/{a.name}" for a in listed]
    assert [each.init for each in found.media] == [f"/v2/{a.init}?grant=1" for a in listed]
    assert [each.discontinuity for each in found.media] == [a.discontinuity for a in listed]
    before = served(listed[:seen], ended=False)
    if checked(before).target == found.target:  # a longer segment than all before it came
        check_reload(before, text)


@given(recordings(), st.integers(1, 8), st.integers(1, 8))
def test_what_retention_took_is_counted_by_the_rules(
    listed: list[Segment], first: int, more: int
) -> None:
    whole = Playlist(tuple(listed), ended=True)
    once = whole.without(listed[first:])
    twice = once.without(once.segments[more:])
    texts = [
        playlist.render(each.segments, str, each.ended, each.removed)
        for each in (whole, once, twice)
    ]
    for text in texts:
        checked(text)
    before, after = checked(texts[1]), checked(texts[2])
    gone = after.sequence - before.sequence
    assert gone == len(before.media) - len(after.media)
    marks = sum(each.discontinuity for each in before.media[: gone + 1])
    assert after.discontinuity_sequence == before.discontinuity_sequence + marks


def test_an_empty_playlist_can_be_served() -> None:
    assert playlist.render([], str, ended=False).endswith("#EXT-X-INDEPENDENT-SEGMENTS\n")
