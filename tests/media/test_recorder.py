"""What a camera sends lies on disk as HLS, frame by frame at its position."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from media.clock import SystemClock
from media.playlist import Playlist
from media.repair import repair
from media.simulator import Simulator, SimulatorThread, read_clip
from media.store import Hour, RecordingStore
from media.types import CameraState, RunBegan, RunEnded, SegmentClosed, StatusChanged
from tests.clips import Encoding, frame_coded
from tests.media.recorded import (
    CAMERA,
    KEY,
    MovableClock,
    Shown,
    Told,
    Wishes,
    hours,
    play,
    running,
    until,
    world,
)

FRAME = 3600
"""Ticks of a frame at 25 frames a second."""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running_simulator:
        yield running_simulator


def runs_of(found: Playlist, shown: Sequence[Shown]) -> list[list[Shown]]:
    """The pictures of each run of a playlist."""
    first = found.segments[0].position
    parts: list[list[Shown]] = []
    for _, group in itertools.groupby(found.segments, key=lambda one: one.run_id):
        segments = list(group)
        begin, end = segments[0].position - first, segments[-1].end_position - first
        parts.append([one for one in shown if begin <= one.ticks < end])
    return parts


def check_listed(found: Playlist) -> None:
    """Positions have no holes, and each run begins with a discontinuity."""
    for before, after in itertools.pairwise(found.segments):
        assert before.end_position == after.position
        assert after.discontinuity == (before.run_id != after.run_id)


def check_exact(store: RecordingStore, hour: Hour) -> None:
    """Pictures stand where their numbers say."""
    found, shown = play(store, hour)
    check_listed(found)
    assert shown[-1].ticks < found.segments[-1].end_position - found.segments[0].position
    parts = runs_of(found, shown)
    assert sum(map(len, parts)) == len(shown)
    begin = 0
    for part, (_, segments) in zip(
        parts, itertools.groupby(found.segments, key=lambda one: one.run_id), strict=True
    ):
        assert part[0].ticks == begin
        for one in part:
            assert one.ticks - begin == (one.number - part[0].number) * FRAME
        begin += sum(one.end_position - one.position for one in segments)


def check_nearly_exact(store: RecordingStore, hour: Hour, late_frames: int) -> None:
    """Pictures stand where their numbers say, or at most so many frames later.

    FFmpeg guesses from a playlist's first GOP how deep B-frames lie, and that may be a short one.
    """
    found, shown = play(store, hour)
    check_listed(found)
    begin, rest = 0, list(shown)
    for _, segments in itertools.groupby(found.segments, key=lambda one: one.run_id):
        ticks = sum(one.end_position - one.position for one in segments)
        first = rest[0].number
        while rest and 0 <= rest[0].number - first < ticks // FRAME:
            one = rest.pop(0)
            late = one.ticks - begin - (one.number - first) * FRAME
            assert 0 <= late <= late_frames * FRAME
        begin += ticks
    assert rest == []


@pytest.mark.parametrize(("codec", "bframes"), [("h264", 0), ("h264", 2), ("hevc", 3)], ids=str)
def test_every_frame_stands_at_its_position_over_a_reconnect_and_the_turn_of_an_hour(
    simulator: Simulator, tmp_path: Path, codec: str, bframes: int
) -> None:
    encoding = Encoding(gop=10, codec="hevc" if codec == "hevc" else "h264", bframes=bframes)
    mount = simulator.add("gate", frame_coded(300, encoding))
    here = world(tmp_path, hour_seconds=3)
    told = Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(2)
        mount.kick()
        told.wait_for_runs(2)
        told.wait(lambda all_: len({c.hour for c in all_ if isinstance(c, SegmentClosed)}) >= 2)

    found = hours(here.store)
    assert len(found) >= 2
    for hour in found:
        if codec == "h264":
            check_nearly_exact(here.store, hour, bframes)
        else:  # FFmpeg may guess another depth for each run and then shows one of them late
            check_listed(here.store.playlist(CAMERA, hour))
    playlists = [here.store.playlist(CAMERA, hour) for hour in found]
    for before, after in itertools.pairwise(playlists):
        assert before.segments[-1].end_position == after.segments[0].position
        assert before.ended
    assert playlists[0].segments[0].position == 0


def test_what_is_told_is_what_is_on_disk(simulator: Simulator, tmp_path: Path) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    here, told = world(tmp_path), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(3)

    (began,), (ended,) = told.of(RunBegan), told.of(RunEnded)
    closed = told.of(SegmentClosed)
    (hour,) = {Hour(one.date, one.hour) for one in closed}
    listed = here.store.playlist(CAMERA, hour)
    assert [
        (one.run_id, one.name, one.start_us, one.position, one.end_position, one.size_bytes)
        for one in listed.segments
    ] == [
        (
            one.run_id,
            one.name,
            one.start_us,
            one.start_position,
            one.end_position,
            one.size_bytes,
        )
        for one in closed
    ]
    folder = here.store.hour_path(CAMERA, hour)
    assert [(folder / one.name).stat().st_size for one in closed] == [
        one.size_bytes for one in closed
    ]
    assert began.started_at_us == closed[0].start_us
    assert [one.end_us for one in closed[:-1]] == [one.start_us for one in closed[1:]]
    assert (ended.run_id, ended.reason) == (began.run_id, "recording was stopped")
    assert ended.ended_at_us == closed[-1].end_us
    kinds = [type(one) for one in told.all if not isinstance(one, StatusChanged)]
    assert kinds == [RunBegan, *[SegmentClosed] * len(closed), RunEnded]


def test_segments_begin_when_their_pictures_were_taken(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    here, told, clock = world(tmp_path), Told(), SystemClock()
    before_us = clock.now_us()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(2)
    after_us = clock.now_us()

    assert before_us - 100_000 <= told.of(SegmentClosed)[0].start_us
    assert told.of(SegmentClosed)[-1].end_us <= after_us + 100_000


def test_a_listed_segment_is_whole_for_ffprobe(simulator: Simulator, tmp_path: Path) -> None:
    if shutil.which("ffprobe") is None:
        pytest.skip("no ffprobe on this machine")
    simulator.add("gate", frame_coded(300, Encoding(gop=10, bframes=2, audio="aac")))
    here, told = world(tmp_path), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(2)

    folder = here.store.hour_path(CAMERA, hours(here.store)[0])
    segment = here.store.playlist(CAMERA, hours(here.store)[0]).segments[0]
    joined = tmp_path / "joined.mp4"
    joined.write_bytes((folder / segment.init).read_bytes() + (folder / segment.name).read_bytes())
    fields = "stream=codec_name,codec_tag_string,width,height,nb_read_frames"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", fields]
    run = subprocess.run(
        [*command, "-of", "json", str(joined)], capture_output=True, text=True, check=True
    )
    video, sound = json.loads(run.stdout)["streams"]
    assert run.stderr == ""
    assert (video["codec_name"], video["width"], video["height"]) == ("h264", 320, 240)
    frames = (segment.end_position - segment.position) // FRAME
    assert int(video["nb_read_frames"]) == frames
    assert sound["codec_name"] == "aac"


def test_a_change_of_resolution_begins_another_run_with_its_own_init_segment(
    simulator: Simulator, tmp_path: Path
) -> None:
    mount = simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    other = read_clip(frame_coded(300, Encoding(gop=10, size=(640, 480))))
    here, told = world(tmp_path), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(1)
        mount.switch(other)
        told.wait_for_runs(2)

    first, *_, last = here.store.playlist(CAMERA, hours(here.store)[0]).segments
    assert first.init != last.init
    reasons = [one.reason for one in told.of(RunEnded)]
    assert reasons == [
        "the camera changed the parameters of its picture",
        "recording was stopped",
    ]
    stream = told.of(StatusChanged)[-1].stream
    assert stream is not None
    assert (stream.width_px, stream.height_px) == (640, 480)


@pytest.mark.parametrize(("seconds", "direction"), [(30, "forward"), (-3, "back")])
def test_a_jump_of_the_camera_s_clock_begins_another_run(
    simulator: Simulator, tmp_path: Path, seconds: int, direction: str
) -> None:
    mount = simulator.add("gate", frame_coded(300, Encoding(gop=10, bframes=2)))
    here, told = world(tmp_path), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(1)
        mount.jump(seconds)
        told.wait_for_runs(2)

    reason = told.of(RunEnded)[0].reason
    assert reason.startswith("the camera's time jumped ")
    assert reason.endswith(f" s {direction}")
    check_exact(here.store, hours(here.store)[0])


RECORD = """
import sys, time
from pathlib import Path
from tests.media.recorded import Told, running, world
told = Told()
with running(world(Path(sys.argv[1]), segment_seconds=2.0), sys.argv[2], told):
    told.wait_for_segments(1)
    print("recorded", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("moment_s", [0.0, 0.5, 1.1])
def test_a_kill_loses_nothing_but_the_unfinished_gop(
    simulator: Simulator, tmp_path: Path, moment_s: float
) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10, bframes=2)))
    command = [sys.executable, "-c", RECORD, str(tmp_path), simulator.url("gate")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"recorded\n"
        time.sleep(moment_s)
        os.kill(child.pid, signal.SIGKILL)
    killed_us = SystemClock().now_us()
    store = RecordingStore(tmp_path)

    found = repair(store, CAMERA, KEY, killed_us)

    (hour,) = hours(store)
    check_exact(store, hour)
    segments = store.playlist(CAMERA, hour).segments
    folder = store.hour_path(CAMERA, hour)
    assert {path.name for path in folder.glob("*.m4s*")} == {one.name for one in segments}
    # The clip's GOPs last 0.4 s; a finished one reaches the disk with the next keyframe, which
    # may have waited 0.1 s for its fellows.
    assert killed_us - segments[-1].end_us < 1_200_000
    assert found.end_position == segments[-1].end_position
    assert repair(store, CAMERA, KEY, killed_us).done == ()


def test_a_camera_that_comes_back_goes_on_where_its_footage_ended(
    simulator: Simulator, tmp_path: Path
) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    here = world(tmp_path)
    for _ in range(2):
        told = Told()
        with running(here, simulator.url("gate"), told):
            told.wait_for_segments(1)

    check_exact(here.store, hours(here.store)[0])


def test_a_full_disk_is_a_status_and_recording_comes_back(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    here, told = world(tmp_path), Told()
    full = False
    write = os.writev

    def writev(descriptor: int, pieces: Sequence[bytes]) -> int:
        if full:
            os.write(descriptor, pieces[0][:10])
            raise OSError(28, "No space left on device")
        return write(descriptor, pieces)

    monkeypatch.setattr(os, "writev", writev)
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(2)
        full = True
        told.wait_for_state(CameraState.ERROR)
        full = False
        already = len(told.all)
        told.wait_for_state(CameraState.ONLINE, already)

    reason = "not recording: the disk failed: no space left on device"
    assert (CameraState.ERROR, reason) in told.statuses
    assert told.of(RunEnded)[0].reason == reason
    check_exact(here.store, hours(here.store)[0])


def test_two_recorders_of_one_camera_do_not_meet(simulator: Simulator, tmp_path: Path) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    here, told, other = world(tmp_path), Told(), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(1)
        with running(here, simulator.url("gate"), other):
            other.wait_for_state(CameraState.ERROR)
            assert other.of(SegmentClosed) == []
            assert (
                other.statuses[-1][1] == "not recording: another recorder still writes its footage"
            )


def test_an_unrecorded_camera_leaves_no_trace_on_disk(simulator: Simulator, tmp_path: Path) -> None:
    simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    here, told = world(tmp_path), Told()
    with running(here, simulator.url("gate"), told, Wishes(record=False)):
        told.wait_for_state(CameraState.ONLINE)

    assert [type(one) for one in told.all if not isinstance(one, StatusChanged)] == []
    assert list(tmp_path.iterdir()) == []


def test_the_hour_a_recording_ended_in_is_closed_while_the_camera_is_away(
    simulator: Simulator, tmp_path: Path
) -> None:
    mount = simulator.add("gate", frame_coded(300, Encoding(gop=10)))
    clock = MovableClock()
    here, told = replace(world(tmp_path, hour_seconds=4), clock=clock), Told()
    with running(here, simulator.url("gate"), told):
        told.wait_for_segments(1)
        mount.refuse()
        mount.kick()
        told.wait_for_state(CameraState.ERROR)
        last = told.of(SegmentClosed)[-1]
        assert not here.store.playlist(CAMERA, Hour(last.date, last.hour)).ended
        clock.ahead_us = 30_000_000
        until(lambda: here.store.playlist(CAMERA, Hour(last.date, last.hour)).ended)
