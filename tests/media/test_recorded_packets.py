"""Recorded footage as packets again: every frame at the position that it was recorded with."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from media.codecs import VideoSetup
from media.playlist import Playlist
from media.recorded_packets import (
    FootageUnreadable,
    RecordedRun,
    RecordedSegment,
    between,
    clip,
    of_folder,
    runs,
)
from media.sampler import Sampler
from media.simulator import SimulatorThread
from media.store import Hour
from media.types import TICKS_PER_SECOND
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.media.recorded import CAMERA, Shown, Told, hours, play, running, world

PLAIN = Encoding(fps=25, gop=10)


def recorded(folder: Path, encoding: Encoding, segments: int = 3) -> tuple[Path, Playlist, Hour]:
    """An hour's folder of a simulated camera, and its playlist."""
    camera_world, told = world(folder), Told()
    with SimulatorThread() as simulator:
        simulator.add("a", frame_coded(200, encoding))
        with running(camera_world, simulator.url("a"), told):
            told.wait_for_segments(segments)
    hour = hours(camera_world.store)[0]
    return (
        camera_world.store.hour_path(CAMERA, hour),
        camera_world.store.playlist(CAMERA, hour),
        hour,
    )


def decoded(run: RecordedRun) -> list[tuple[int, int]]:
    """Position and number of every picture that is not only a reference."""
    found: list[tuple[int, int]] = []
    for part in run.parts:
        sampler = Sampler(VideoSetup.of(part.stream), 50)
        for packet in part.packets:
            found += [
                (frame.pts or 0, read_frame_number(frame)) for frame in sampler.frames(packet)
            ]
    return found


@pytest.mark.parametrize("bframes", [0, 2, 3])
def test_frames_are_at_the_positions_they_were_recorded_with(tmp_path: Path, bframes: int) -> None:
    encoding = Encoding(fps=25, gop=10, bframes=bframes, audio="pcm_alaw")
    folder, listed, hour = recorded(tmp_path, encoding)
    shown: list[Shown] = play(world(tmp_path).store, hour)[1]
    begin = listed.segments[0].position

    (run,) = runs(of_folder(folder))

    found = decoded(run)
    numbers = {begin + each.ticks: each.number for each in shown}
    assert len(found) > 20
    assert found == [(position, numbers[position]) for position, _ in found]
    assert run.end_position == listed.segments[-1].end_position


def test_a_run_is_read_by_its_clock_and_was_looked_at_from_its_second_second(
    tmp_path: Path,
) -> None:
    folder, listed, _ = recorded(tmp_path, PLAIN)
    first = listed.segments[0]

    (whole,) = runs(of_folder(folder))
    (later,) = runs(of_folder(folder)[1:])

    assert whole.clock == later.clock
    assert whole.clock.at_us(first.position) == first.start_us
    assert whole.known_from == first.position + TICKS_PER_SECOND
    assert later.known_from == listed.segments[1].position


def test_a_range_has_the_segments_that_overlap_it(tmp_path: Path) -> None:
    _, listed, _ = recorded(tmp_path, PLAIN)
    store, (a, b, *_) = world(tmp_path).store, listed.segments

    def names(from_us: int, to_us: int) -> list[str]:
        return [each.segment.name for each in between(store, CAMERA, from_us, to_us)]

    assert names(a.start_us, a.end_us) == [a.name]
    assert names(a.end_us - 1, b.start_us + 1) == [a.name, b.name]
    assert names(a.start_us - 5_000_000, a.start_us) == []
    assert names(0 + a.start_us, listed.segments[-1].end_us) == [x.name for x in listed.segments]


def test_segments_with_a_hole_between_them_are_read_as_one_run(tmp_path: Path) -> None:
    folder, _, _ = recorded(tmp_path, PLAIN, 4)
    kept: list[RecordedSegment] = of_folder(folder)
    del kept[1]

    (run,) = runs(kept)

    positions = [position for position, _ in decoded(run)]
    assert all(a < b for a, b in pairwise(positions))
    assert positions[0] == kept[0].segment.position


@pytest.mark.parametrize("lost", ["init", "segment", "content"])
def test_what_is_missing_or_damaged_is_told_by_its_name(tmp_path: Path, lost: str) -> None:
    folder, listed, _ = recorded(tmp_path, PLAIN)
    second = listed.segments[1]
    name = second.init if lost == "init" else second.name
    if lost == "content":
        (folder / name).write_bytes(b"\0" * 2000)
    else:
        (folder / name).unlink()

    with pytest.raises(FootageUnreadable, match=name):
        [decoded(run) for run in runs(of_folder(folder)[1:])]


def test_a_folder_without_a_playlist_is_no_footage(tmp_path: Path) -> None:
    with pytest.raises(FootageUnreadable, match="no hour of footage"):
        of_folder(tmp_path)


def test_a_clip_begins_at_0_and_is_known_at_once() -> None:
    (run,) = clip(frame_coded(50, PLAIN))

    found = decoded(run)

    assert found[:2] == [(0, 0), (3600, 1)]
    assert [number for _, number in found] == list(range(len(found)))
    assert (run.clock.at_us(0), run.known_from) == (0, 0)


def test_a_file_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"nothing of the kind")

    with pytest.raises(FootageUnreadable, match=r"a\.mp4"):
        [decoded(run) for run in clip(path)]
