"""Fragments become segments: cut where they should be, whole on disk before they are listed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from media.boxes import RUN_BOX_BYTES, RunBox, init_name
from media.playlist import dump
from media.segments import Recording, SegmentWriter, append_lines, free_name
from media.store import CameraFolder, Hour, RecordingStore
from media.types import MediaChange, RunClock, SegmentClosed
from tests.media.fragments import FRAME, INIT, TICKS, gop, sound

CAMERA, KEY = CameraFolder("acme", "cam-front-01.0123abcd"), UUID(int=7)
RUN = UUID(int=1)
START_US = 1_780_012_800_000_000
"""2026-05-29T00:00:00Z."""
HOUR, DAY_BEFORE = Hour("2026-05-29", "00"), Hour("2026-05-28", "23")


@dataclass
class Written:
    """A writer, and what came of it."""

    store: RecordingStore
    seconds: float = 4.0
    told: list[MediaChange] = field(default_factory=list)

    def writer(
        self, at_us: int = START_US, run_id: UUID = RUN, start: int = 0, *, settled: bool = True
    ) -> SegmentWriter:
        recording = Recording(self.store, CAMERA, KEY, self.seconds)
        writer = SegmentWriter(recording, self.told.append)
        writer.set_clock(RunClock(run_id, at_us, start), settled=settled)
        return writer

    @property
    def closed(self) -> list[SegmentClosed]:
        return [change for change in self.told if isinstance(change, SegmentClosed)]

    def names(self, hour: Hour = HOUR) -> list[str]:
        folder = self.store.hour_path(CAMERA, hour)
        return sorted(path.name for path in folder.iterdir() if ".m4s" in path.name)

    def file(self, name: str, hour: Hour = HOUR) -> bytes:
        return (self.store.hour_path(CAMERA, hour) / name).read_bytes()


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(RecordingStore(tmp_path))


def append(writer: SegmentWriter, *starts: float, keyframe: bool = True) -> None:
    """GOPs of one second that begin at these seconds."""
    for start in starts:
        writer.append(INIT, *gop(round(start * TICKS), keyframe=keyframe))


def test_a_segment_ends_at_the_first_keyframe_after_its_time(written: Written) -> None:
    writer = written.writer()
    append(writer, *range(9))
    writer.close()

    spans = [(one.start_position, one.end_position) for one in written.closed]
    assert spans == [(0, 4 * TICKS), (4 * TICKS, 8 * TICKS), (8 * TICKS, 9 * TICKS)]
    assert written.names() == ["000000_000.m4s", "000004_000.m4s", "000008_000.m4s"]


def test_a_keyframe_that_is_a_little_early_still_ends_it(written: Written) -> None:
    writer = written.writer()
    append(writer, 0, 1, 2, 3, 3.96)
    append(writer, 4.96, 5.96, 6.96, 7.9)
    writer.close()

    assert [one.start_position for one in written.closed] == [0, round(3.96 * TICKS)]


def test_only_a_keyframe_ends_it(written: Written) -> None:
    writer = written.writer()
    append(writer, 0)
    append(writer, *range(1, 9), keyframe=False)
    append(writer, 9)
    writer.close()

    assert [one.end_position for one in written.closed] == [9 * TICKS, 10 * TICKS]


def test_nothing_is_written_before_a_keyframe(written: Written) -> None:
    writer = written.writer()
    append(writer, 0, keyframe=False)
    writer.append(INIT, *sound(0))
    writer.close()

    assert written.told == []
    assert not written.store.root.joinpath("acme").exists()


def test_a_segment_s_file_is_its_box_and_its_fragments(written: Written) -> None:
    writer = written.writer()
    append(writer, 0, 1)
    writer.append(INIT, *sound(TICKS))
    writer.close()

    (one,) = written.closed
    content = written.file(one.name)
    fragments = [gop(0)[0], gop(TICKS)[0], sound(TICKS)[0]]
    assert RunBox.decoded(content) == RunBox(RunClock(RUN, START_US, 0), init_name(INIT))
    assert content[RUN_BOX_BYTES:] == b"".join(b"".join(pieces) for pieces in fragments)
    assert one.size_bytes == len(content)
    assert written.file(init_name(INIT)) == INIT


def test_fragments_of_very_many_pieces_are_written(written: Written) -> None:
    pieces, video = gop(0)
    body = b"".join(pieces[1:])
    writer = written.writer()

    writer.append(INIT, [pieces[0], *(b"" for _ in range(3000)), body], video)
    writer.close()

    assert written.file("000000_000.m4s")[RUN_BOX_BYTES:] == b"".join(pieces)


def test_what_is_told_is_what_is_listed(written: Written) -> None:
    writer = written.writer()
    append(writer, *range(6))
    writer.close()

    listed = written.store.playlist(CAMERA, HOUR)
    assert not listed.ended
    assert [
        (one.name, one.start_us, one.end_us, one.position, one.end_position, one.size_bytes)
        for one in listed.segments
    ] == [
        (one.name, one.start_us, one.end_us, one.start_position, one.end_position, one.size_bytes)
        for one in written.closed
    ]
    text = written.store.hour_path(CAMERA, HOUR).joinpath("index.m3u8").read_text()
    assert text == dump(listed)


def test_the_next_hour_begins_at_its_first_keyframe(written: Written) -> None:
    writer = written.writer(START_US - 1_500_000)
    append(writer, *range(6))
    writer.close()

    before, after = (written.store.playlist(CAMERA, hour) for hour in (DAY_BEFORE, HOUR))
    assert [one.name for one in before.segments] == ["235958_500.m4s"]
    assert [one.name for one in after.segments] == ["000000_500.m4s"]
    assert (before.ended, after.ended) == (True, False)
    assert after.segments[0].start_us == before.segments[0].end_us
    assert not after.segments[0].discontinuity
    assert written.store.open_hours(CAMERA) == [HOUR]


def test_another_run_in_the_hour_is_a_discontinuity(written: Written) -> None:
    append(first := written.writer(), 0)
    first.close()
    second = written.writer(START_US + 60_000_000, UUID(int=2), TICKS)
    append(second, 1, 2, 3, 4, 5)
    second.close()

    segments = written.store.playlist(CAMERA, HOUR).segments
    assert [one.discontinuity for one in segments] == [False, True, False]
    assert [one.position for one in segments] == [0, TICKS, 5 * TICKS]
    assert segments[1].start_us == START_US + 60_000_000


def test_while_the_clock_settles_no_segment_ends(written: Written) -> None:
    writer = written.writer(settled=False)
    append(writer, *range(6))
    assert written.told == []

    writer.set_clock(RunClock(RUN, START_US, 0), settled=True)
    append(writer, 6)
    writer.close()

    assert [one.end_position for one in written.closed] == [6 * TICKS, 7 * TICKS]


def test_the_open_segment_follows_the_clock_as_it_settles(written: Written) -> None:
    writer = written.writer(START_US + 300_000, settled=False)
    append(writer, 0)
    assert written.names() == ["000000_300.m4s.part"]

    settled = RunClock(RUN, START_US - 200_000, 0)
    writer.set_clock(settled, settled=True)
    writer.close()

    assert written.names() == []
    assert written.names(DAY_BEFORE) == ["235959_800.m4s"]
    assert RunBox.decoded(written.file("235959_800.m4s", DAY_BEFORE)) == RunBox(
        settled, init_name(INIT)
    )
    assert written.closed[0].start_us == START_US - 200_000
    assert (written.closed[0].date, written.closed[0].hour) == ("2026-05-28", "23")
    assert written.file(init_name(INIT), DAY_BEFORE) == INIT


def test_of_two_segments_in_one_millisecond_the_second_gets_another_name(
    written: Written,
) -> None:
    for run in (1, 2, 3):
        writer = written.writer(START_US, UUID(int=run), (run - 1) * TICKS)
        append(writer, run - 1)
        writer.close()

    assert [one.name for one in written.closed] == [
        *("000000_000.m4s", "000000_000-2.m4s", "000000_000-3.m4s")
    ]


def test_a_name_is_free_when_no_part_has_it_either(tmp_path: Path) -> None:
    (tmp_path / "000000_000.m4s").touch()
    (tmp_path / "000000_000-2.m4s.part").touch()

    assert free_name(tmp_path, "000000_000").name == "000000_000-3.m4s.part"


def test_a_run_that_ends_off_the_raster_is_aligned(written: Written) -> None:
    writer = written.writer()
    writer.append(INIT, *gop(0, frames=1))
    pieces, video = gop(FRAME + 1, frames=1)
    writer.append(INIT, pieces, video)
    writer.close()

    assert written.closed[0].end_position == 2 * FRAME + 9


def test_an_abandoned_segment_stays_as_it_is(written: Written) -> None:
    writer = written.writer()
    append(writer, 0)
    writer.abandon()
    writer.close()

    assert written.told == []
    assert written.names() == ["000000_000.m4s.part"]


def test_a_full_disk_takes_nothing_of_what_was_whole(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = written.writer()
    append(writer, 0)
    writev = os.writev

    def full(descriptor: int, pieces: list[bytes]) -> int:
        writev(descriptor, [pieces[0][:50]])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "writev", full)
        with pytest.raises(OSError, match="No space left"):
            append(writer, 1)
    writer.close()

    (one,) = written.closed
    assert written.file(one.name)[RUN_BOX_BYTES:] == b"".join(gop(0)[0])
    assert one.end_position == TICKS


def test_a_write_in_several_goes_is_whole(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    writev = os.writev
    monkeypatch.setattr(os, "writev", lambda to, pieces: writev(to, [b"".join(pieces)[:7]]))
    writer = written.writer()
    append(writer, 0)
    writer.close()

    assert written.file("000000_000.m4s")[RUN_BOX_BYTES:] == b"".join(gop(0)[0])


def noted_syncs(monkeypatch: pytest.MonkeyPatch, look: Callable[[], object]) -> list[object]:
    """What was synced, and what `look` saw at that moment."""
    seen: list[object] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        seen.append((path.name, look()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return seen


def test_a_segment_is_whole_on_disk_before_it_is_listed_and_told(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = written.writer()
    append(writer, 0)
    folder = written.store.hour_path(CAMERA, HOUR)
    seen = noted_syncs(
        monkeypatch,
        lambda: (written.names(), (folder / "index.m3u8").exists(), len(written.told)),
    )

    writer.close()

    part, final = ["000000_000.m4s.part"], ["000000_000.m4s"]
    assert seen[:4] == [
        ("000000_000.m4s.part", (part, False, 0)),
        ("00", (final, False, 0)),
        ("index.m3u8", (final, True, 0)),
        ("00", (final, True, 0)),
    ]
    assert len(written.told) == 1


@pytest.mark.parametrize("exists", [False, True])
def test_a_playlist_begins_with_its_header_once(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "index.m3u8"
    if exists:
        path.touch()  # a crash came between making and writing it

    append_lines(path, "#ONE\n")
    append_lines(path, "#TWO\n")

    text = path.read_text()
    assert text.startswith("#EXTM3U\n")
    assert text.endswith("#EXT-X-INDEPENDENT-SEGMENTS\n#ONE\n#TWO\n")
    assert text.count("#EXTM3U") == 1


def test_lines_that_cannot_be_written_leave_the_playlist_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.m3u8"
    append_lines(path, "#ONE\n")
    before = path.read_bytes()
    write = os.writev

    def full(descriptor: int, pieces: list[bytes]) -> int:
        write(descriptor, [pieces[0][:2]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="No space left"):
        append_lines(path, "#TWO\n")

    assert path.read_bytes() == before
