"""Whatever ends the recorder, at whichever step on the disk: what was promised is there."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from media.boxes import RUN_BOX_BYTES, RunBox, init_name, scan
from media.playlist import Segment
from media.repair import repair
from media.segments import Recording, SegmentWriter
from media.store import RecordingStore
from media.types import MediaChange, RunClock, SegmentClosed
from tests.media.disk import CAMERA, GOP, KEY, RUN, START_US
from tests.media.faulty_disk import Died, Fault, FaultyDisk
from tests.media.fragments import INIT, gop

NEAR_THE_TURN_US = START_US + 3_596_000_000
GOPS = 10
AFTER_US = NEAR_THE_TURN_US + 60_000_000


@dataclass
class Recorder:
    """Records ten GOPs in segments of two, over the turn of an hour; remembers what was promised.

    `whole` is the end of the last GOP that was taken, `told` what was said to be on disk.
    """

    store: RecordingStore
    whole: int = 0
    told: list[SegmentClosed] = field(default_factory=list)

    def run(self) -> None:
        recording = Recording(self.store, CAMERA, KEY, segment_seconds=2.0)
        writer = SegmentWriter(recording, self._tell)
        try:
            writer.set_clock(RunClock(RUN, NEAR_THE_TURN_US, 0), settled=True)
            for number in range(GOPS):
                writer.append(INIT, *gop(number * GOP))
                self.whole = (number + 1) * GOP
            writer.close()
        except OSError:  # as media.recorder does: what is whole is closed where that is possible
            with suppress(OSError):
                writer.close()
            writer.abandon()

    def _tell(self, change: MediaChange) -> None:
        assert isinstance(change, SegmentClosed)
        self.told.append(change)


def listed(store: RecordingStore) -> list[Segment]:
    """Every listed segment; each must be whole, as long as it says, and have its init segment."""
    found = []
    for date in store.dates(CAMERA):
        for hour in store.hours(CAMERA, date):
            folder = store.hour_path(CAMERA, hour)
            for each in store.playlist(CAMERA, hour).segments:
                content = (folder / each.name).read_bytes()
                assert len(content) == each.size_bytes
                box = RunBox.decoded(content[:RUN_BOX_BYTES])
                assert box is not None
                with (folder / each.name).open("rb") as file:
                    whole = scan(file)
                assert whole is not None
                assert (whole.size_bytes, whole.position) == (each.size_bytes, each.position)
                assert (folder / init_name(INIT)).read_bytes() == INIT
                found.append(each)
    found.sort(key=lambda each: each.position)
    for before, after in itertools.pairwise(found):
        assert before.end_position <= after.position
    return found


def mended(root: Path) -> list[Segment]:
    """After repair, which must come to an end that repairing again leaves as it is."""
    store = RecordingStore(root)
    repair(store, CAMERA, KEY, AFTER_US)
    once = contents(root)
    repair(store, CAMERA, KEY, AFTER_US)
    assert contents(root) == once
    return listed(store)


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def steps_of_recording(folder: Path) -> int:
    root = folder / "whole"
    root.mkdir()
    with FaultyDisk(root).watching() as disk:
        recorder = Recorder(RecordingStore(root))
        recorder.run()
    assert recorder.whole == GOPS * GOP
    assert [each.position for each in mended(root)] == [n * 2 * GOP for n in range(GOPS // 2)]
    return disk.steps


def interrupted(folder: Path, fault: Fault) -> Iterator[tuple[Path, Recorder, FaultyDisk]]:
    """The recorder, met by the fault at each of its steps in turn."""
    for at in range(steps_of_recording(folder)):
        root = folder / f"at-{at}"
        root.mkdir()
        recorder = Recorder(RecordingStore(root))
        with FaultyDisk(root, at, fault).watching() as disk:
            with suppress(Died):
                recorder.run()
            yield root, recorder, disk


@pytest.mark.parametrize("fault", [Fault.KILL, Fault.KILL_IN_WRITE])
def test_a_kill_at_any_step_loses_no_whole_gop(tmp_path: Path, fault: Fault) -> None:
    killed = 0
    for root, recorder, disk in interrupted(tmp_path, fault):
        assert disk.is_dead
        disk.is_dead, disk.at = False, None
        assert covers(mended(root), recorder.whole), root.name
        assert told_is_listed(root, recorder)
        killed += 1
    assert killed > 50


@pytest.mark.parametrize(
    "fault", [Fault.FULL_ONCE, Fault.FULL_FROM_THEN, Fault.BROKEN_FROM_THEN], ids=lambda f: f.name
)
def test_an_error_at_any_step_loses_no_whole_gop(tmp_path: Path, fault: Fault) -> None:
    for root, recorder, disk in interrupted(tmp_path, fault):
        disk.at = None  # the disk is well again
        assert covers(mended(root), recorder.whole), root.name
        assert told_is_listed(root, recorder)


@pytest.mark.parametrize("keep_names", [False, True])
def test_a_power_cut_at_any_step_keeps_what_was_told(tmp_path: Path, *, keep_names: bool) -> None:
    for root, recorder, disk in interrupted(tmp_path, Fault.KILL):
        disk.is_dead, disk.at = False, None
        left = tmp_path / f"left-{root.name}"
        disk.cut_power(left, keep_names=keep_names)
        mended(left)
        assert told_is_listed(left, recorder), root.name


def test_repair_that_is_killed_at_any_step_is_done_by_the_next(tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for number, (root, _, disk) in enumerate(interrupted(tmp_path, Fault.KILL_IN_WRITE)):
        if number % 7 == 0:
            disk.is_dead, disk.at = False, None
            shutil.copytree(root, crashed / root.name)
    for before in sorted(crashed.iterdir()):
        check_killed_repairs(tmp_path, before)


def check_killed_repairs(folder: Path, before: Path) -> None:
    wanted = again(folder, before, None)
    for at in itertools.count():
        if (found := again(folder, before, at)) is None:
            return
        assert found == wanted, (before.name, at)


def again(folder: Path, before: Path, at: int | None) -> list[Segment] | None:
    """What is listed after a repair that was killed at a step, and another; None without it."""
    root = folder / f"repaired-{before.name}-{at}"
    shutil.copytree(before, root)
    if at is not None:
        with FaultyDisk(root, at, Fault.KILL).watching() as disk, suppress(Died):
            repair(RecordingStore(root), CAMERA, KEY, AFTER_US)
        if not disk.is_dead:
            return None
    return mended(root)


def covers(segments: list[Segment], whole: int) -> bool:
    reached = 0
    for each in segments:
        if each.position != reached:
            return False
        reached = each.end_position
    return reached >= whole


def told_is_listed(root: Path, recorder: Recorder) -> bool:
    names = {each.name: each for each in listed(RecordingStore(root))}
    return all(
        each.name in names and names[each.name].size_bytes >= each.size_bytes
        for each in recorder.told
    )
