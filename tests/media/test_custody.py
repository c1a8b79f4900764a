"""A camera's folder has one writer, and whoever was paused meanwhile publishes nothing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.custody import Custody, CustodyLost, RecordingBusy, custody_of, highest_token
from media.playlist import PLAYLIST_NAME
from media.repair import DIED, Repaired, cut_off, repair, told_again
from media.segments import Recording, SegmentWriter, append_lines
from media.store import RecordingStore
from media.types import MediaChange, RunClock, RunEnded, SegmentClosed
from tests.media.disk import CAMERA, GOP, HOUR, KEY, NEXT_RUN, NOW_US, RUN, START_US
from tests.media.fragments import INIT, gop


def test_a_higher_token_takes_the_folder_from_a_lower_one(tmp_path: Path) -> None:
    with custody_of(tmp_path, 1) as first, custody_of(tmp_path, 2) as second:
        assert (first.is_new, second.is_new) == (False, True)
        second.check()
        with pytest.raises(CustodyLost) as lost:
            first.check()

    assert lost.value.token == 2
    assert [each.name for each in tmp_path.iterdir()] == ["owner.2"]


def test_a_lower_token_gets_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with custody_of(tmp_path, 7) as owner:
        with pytest.raises(CustodyLost) as lost, custody_of(tmp_path, 6):
            pass
        owner.check()

    assert lost.value.token == 7
    assert [each.name for each in tmp_path.iterdir()] == ["owner.7"]


def test_of_one_owner_s_recorders_one_writes_at_a_time(tmp_path: Path) -> None:
    with custody_of(tmp_path, 3) as owner:
        with pytest.raises(RecordingBusy), custody_of(tmp_path, 3):
            pass
        owner.check()
    with custody_of(tmp_path, 3) as again:
        assert not again.is_new


def test_an_owner_who_was_replaced_never_comes_back(tmp_path: Path) -> None:
    with custody_of(tmp_path, 1):
        pass
    with custody_of(tmp_path, 10):
        pass
    with pytest.raises(CustodyLost), custody_of(tmp_path, 9):
        pass

    assert highest_token(tmp_path) == 10


def test_with_the_folder_custody_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "camera"
    folder.mkdir()
    with custody_of(folder, 1) as owner:
        shutil.rmtree(folder)
        with pytest.raises(CustodyLost) as lost:
            owner.check()

    assert lost.value.token is None


def test_other_files_in_the_folder_are_no_tokens(tmp_path: Path) -> None:
    for name in ("owner.x", "owner.", "owner.99999999999999999999", "open-hours"):
        (tmp_path / name).touch()

    assert highest_token(tmp_path) == 0


@dataclass
class Scene:
    """A camera's folder between two owners, of whom the first falls asleep somewhere."""

    store: RecordingStore
    told: list[MediaChange]

    def writer(self, custody: Custody) -> SegmentWriter:
        recording = Recording(self.store, CAMERA, KEY, segment_seconds=1.0, custody=custody)
        writer = SegmentWriter(recording, self.told.append)
        writer.set_clock(RunClock(RUN, START_US, 0), settled=True)
        return writer

    def taken_over(self) -> Repaired:
        """The second owner has come, put all in order, and recorded a second of its own."""
        with self.store.writing(CAMERA, 2) as custody:
            cut_off(self.store, CAMERA)
            found = repair(self.store, CAMERA, KEY, NOW_US)
            recording = Recording(self.store, CAMERA, KEY, segment_seconds=1.0, custody=custody)
            writer = SegmentWriter(recording, lambda _: None)
            start = found.end_position
            writer.set_clock(RunClock(NEXT_RUN, NOW_US, start), settled=True)
            writer.append(INIT, *gop(start))
            writer.close()
            return found

    def listed(self) -> list[tuple[int, int]]:
        segments = self.store.playlist(CAMERA, HOUR).segments
        return [(each.position, each.end_position) for each in segments]

    def files(self) -> dict[str, bytes]:
        folder = self.store.hour_path(CAMERA, HOUR)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(RecordingStore(tmp_path), [])


@pytest.mark.parametrize("waking", ["append", "close", "both"])
def test_who_wakes_up_replaced_publishes_nothing(scene: Scene, waking: str) -> None:
    with scene.store.writing(CAMERA, 1) as custody:
        writer = scene.writer(custody)
        for number in range(3):
            writer.append(INIT, *gop(number * GOP))
        told = list(scene.told)
        scene.taken_over()
        before = scene.files()

        if waking != "close":
            with pytest.raises(CustodyLost):
                writer.append(INIT, *gop(3 * GOP))
        if waking != "append":
            with pytest.raises(CustodyLost):
                writer.close()
        writer.abandon()

    assert scene.listed() == [(n * GOP, (n + 1) * GOP) for n in range(4)]
    assert scene.files() == before
    assert scene.told == told


def test_what_a_sleeper_writes_on_with_goes_into_no_listed_file(scene: Scene) -> None:
    with scene.store.writing(CAMERA, 1) as custody:
        writer = scene.writer(custody)
        writer.append(INIT, *gop(0))
        scene.taken_over()
        before = scene.files()
        writer.append(INIT, *gop(FRAMES_ON, keyframe=False))
        writer.abandon()

    assert scene.files() == before


FRAMES_ON = 5 * GOP


@dataclass(frozen=True, slots=True)
class Sleepy(Custody):
    """Finds all well, and is paused right behind the look for as long as a take-over takes."""

    scene: Scene | None = None
    naps: tuple[int, ...] = ()
    looks: tuple[list[int], ...] = ([],)

    def check(self) -> None:
        Custody.check(self)
        looks = self.looks[0]
        looks.append(1)
        if self.scene is not None and len(looks) in self.naps:
            self.scene.taken_over()


@pytest.mark.parametrize("nap", [1, 2, 3])
def test_a_nap_right_behind_any_look_makes_no_second_copy(scene: Scene, nap: int) -> None:
    with scene.store.writing(CAMERA, 1) as custody:
        sleepy = Sleepy(
            custody.token,
            custody.is_new,
            custody._file,
            custody._descriptor,
            scene,
            (nap,),
            ([],),
        )
        writer = scene.writer(sleepy)
        with suppress(CustodyLost):
            writer.append(INIT, *gop(0))
            writer.close()
        writer.abandon()

    whole = [(0, GOP), (GOP, 2 * GOP)] if nap > 1 else [(0, GOP)]
    assert scene.listed() == whole
    names = [name for name in scene.files() if ".m4s" in name and not name.endswith(".part")]
    assert len(names) == len(whole)
    assert repair(scene.store, CAMERA, KEY, NOW_US).recovered == ()
    assert scene.listed() == whole
    assert not [name for name in scene.files() if name.endswith(".part")]


def test_lines_that_come_too_late_are_in_no_playlist(scene: Scene) -> None:
    with scene.store.writing(CAMERA, 1) as custody:
        writer = scene.writer(custody)
        writer.append(INIT, *gop(0))
        writer.close()
        path = scene.store.hour_path(CAMERA, HOUR) / PLAYLIST_NAME
        with path.open("a") as opened_before:
            scene.taken_over()
            opened_before.write("#EXT-X-ENDLIST\n")
        with pytest.raises(CustodyLost):
            append_lines(path, "#EXT-X-ENDLIST\n", custody)

    assert not scene.store.playlist(CAMERA, HOUR).ended


def test_what_was_listed_before_a_death_can_be_told_again_to_the_letter(scene: Scene) -> None:
    with scene.store.writing(CAMERA, 1) as custody:
        writer = scene.writer(custody)
        for number in range(3):
            writer.append(INIT, *gop(number * GOP))
        writer.close()

    again = told_again(scene.store, CAMERA, KEY)

    assert again[:3] == scene.told
    last = again[2]
    assert isinstance(last, SegmentClosed)
    assert again[3:] == [RunEnded(KEY, RUN, last.end_us, DIED)]
