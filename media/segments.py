"""Writes one run's fragments as segments and playlists, so that a crash loses next to nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from media import playlist
from media.boxes import RUN_BOX_BYTES, Fragment, RunBox, init_name
from media.custody import Custody, CustodyLost
from media.disk import check_not_halted
from media.playlist import ENDLIST, PLAYLIST_NAME, Segment, aligned
from media.store import CameraFolder, Hour, RecordingStore, replace_file, sync_folder
from media.turns import turn
from media.types import TICKS_PER_SECOND, MediaChange, RunClock, SegmentClosed

_TOLERANCE_TICKS = TICKS_PER_SECOND // 20
"""A keyframe this little early still ends a segment: cameras' times tremble."""
_NAMES_IN_A_MILLISECOND = 1000
_MOST_PIECES = 1024
"""What one call may write (IOV_MAX on Linux)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Whose segments, where they go, and how long they are.

    `token` is that of the camera's lease; `custody` what it gives for one run. No run begins before
    `from_position`: another store has footage up to there.
    """

    store: RecordingStore
    camera: CameraFolder
    camera_key: UUID
    segment_seconds: float = 4.0
    token: int = 0
    custody: Custody | None = None
    from_position: int = 0


@dataclass(slots=True)
class _Open:
    """The segment being written. `size_bytes` counts whole fragments alone."""

    path: Path
    descriptor: int
    box: RunBox
    position: int
    end_position: int
    size_bytes: int


class SegmentWriter:
    """Segments of one run; used by the camera's thread alone.

    Fragments are appended, unbuffered, to `<name>.m4s.part`. A segment ends at the first keyframe
    after its time, or in another hour. Then, in this order: sync the file, give it its name, sync
    the folder, append its lines to the playlist. So a listed segment is whole on disk, and what
    a crash leaves unlisted is found by repair. Each of these steps is for who has the custody of
    the folder alone: another's segment is never listed.

    The wall clock may still settle while the first segment is being written: its box, name and
    folder follow.
    """

    def __init__(self, recording: Recording, deliver: Callable[[MediaChange], None]) -> None:
        self._recording = recording
        self._deliver = deliver
        self._init = b""
        self._clock: RunClock | None = None
        self._settled = False
        self._open: _Open | None = None
        self._hour: Hour | None = None
        self._previous: Segment | None = None
        self._only_open: Hour | None = None

    def set_clock(self, clock: RunClock, *, settled: bool) -> None:
        """The run's clock as far as it is known; the open segment moves to where it puts it.

        To be called before the first fragment, and until it has settled: no segment ends before.

        Raises:
            OSError: the disk's.
        """
        self._settled = settled
        if clock == self._clock:
            return
        self._clock = clock
        segment = self._open
        if segment is None:
            return
        segment.box = RunBox(clock, segment.box.init)
        os.pwrite(segment.descriptor, segment.box.encoded(), 0)
        folder, stem = self._place(segment.position, clock)
        if (folder, stem) != (segment.path.parent, segment.path.name[: len(stem)]):
            self._make_hour(self._recording.store.hour_of(clock.at_us(segment.position)))
            path = free_name(folder, stem)
            segment.path.rename(path)
            segment.path = path

    def append(self, init: bytes, pieces: Sequence[bytes], fragment: Fragment | None) -> None:
        """Adds a whole fragment.

        Args:
            init: the run's init segment.
            pieces: the fragment's bytes, `moof` first.
            fragment: its video; None when it has sound alone.

        Raises:
            OSError: the disk's. What was whole before still is, and the segment can be closed.
            CustodyLost: the folder is another's, and the `.part` is gone.
        """
        self._init = init
        if fragment is not None and fragment.starts_with_keyframe:
            self._check_custody(self._open)
            if self._open is not None and self._is_full(self._open, fragment.position):
                self.close(fragment.position)
            if self._open is None and self._clock is not None:
                self._begin(fragment.position, self._clock)
        segment = self._open
        if segment is not None:
            _write_all(segment.descriptor, pieces, segment.size_bytes)
            segment.size_bytes += sum(map(len, pieces))
            if fragment is not None:
                segment.end_position = max(segment.end_position, fragment.end_position)

    def close(self, next_position: int | None = None) -> None:
        """Makes the open segment, if any, a listed one.

        Args:
            next_position: where the run goes on, and so where the segment ends. None at the
                run's end.

        Raises:
            OSError: the disk's; the `.part` is left to repair.
            CustodyLost: the folder is another's, and the `.part` is gone.
        """
        segment, self._open = self._open, None
        if segment is None:
            return
        try:
            os.fsync(segment.descriptor)
            self._check_custody(segment)
        finally:
            os.close(segment.descriptor)
        if segment.size_bytes == RUN_BOX_BYTES:
            segment.path.unlink()
            return
        final = segment.path.with_suffix("")
        try:
            segment.path.rename(final)
        except FileNotFoundError:
            self._check_custody(None)  # a new owner may have taken it just now
            raise
        sync_folder(final.parent)
        self._list(segment, next_position or aligned(segment.end_position))

    def _check_custody(self, segment: _Open | None) -> None:
        """When it is lost, the segment that is being written goes with it."""
        custody = self._recording.custody
        if custody is None:
            return
        try:
            custody.check()
        except CustodyLost:
            if segment is not None:
                _remove(segment)
            raise

    def abandon(self) -> None:
        """Lets go of the open segment as it is, for repair to find."""
        segment, self._open = self._open, None
        if segment is not None:
            os.close(segment.descriptor)

    def _is_full(self, segment: _Open, position: int) -> bool:
        if not self._settled or position <= segment.position:
            return False
        wanted = round(self._recording.segment_seconds * TICKS_PER_SECOND) - _TOLERANCE_TICKS
        if position - segment.position >= wanted:
            return True
        clock, hour_of = segment.box.clock, self._recording.store.hour_of
        return hour_of(clock.at_us(position)) != hour_of(clock.at_us(segment.position))

    def _place(self, position: int, clock: RunClock) -> tuple[Path, str]:
        """The folder and the name, without suffix, of a segment that begins there."""
        at_us = clock.at_us(position)
        store = self._recording.store
        moment = playlist.iso_milliseconds(at_us)
        stem = f"{moment[11:13]}{moment[14:16]}{moment[17:19]}_{moment[20:23]}"
        return store.hour_path(self._recording.camera, store.hour_of(at_us)), stem

    def _begin(self, position: int, clock: RunClock) -> None:
        check_not_halted(self._recording.store.root)
        self._make_hour(self._recording.store.hour_of(clock.at_us(position)))
        folder, stem = self._place(position, clock)
        path = free_name(folder, stem)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o644)
        box = RunBox(clock, init_name(self._init))
        self._open = _Open(path, descriptor, box, position, position, RUN_BOX_BYTES)
        _write_all(descriptor, [box.encoded()], 0)

    def _make_hour(self, hour: Hour) -> None:
        """Prepares an hour's folder: made, noted as open, with the init segment."""
        store, camera = self._recording.store, self._recording.camera
        folder = store.make_hour(camera, hour)
        if hour != self._hour:
            noted = store.open_hours(camera) or []
            store.note_open_hours(camera, [*(one for one in noted if one != hour), hour])
            self._hour = hour
            self._previous = _last_listed(folder / PLAYLIST_NAME)
        init = folder / init_name(self._init)
        if not init.exists():
            replace_file(init, self._init)

    def _list(self, segment: _Open, end_position: int) -> None:
        clock = segment.box.clock
        hour = self._recording.store.hour_of(clock.at_us(segment.position))
        previous = self._previous
        listed = Segment(
            clock.run_id,
            segment.path.with_suffix("").name,
            segment.box.init,
            clock.at_us(segment.position),
            segment.position,
            end_position,
            segment.size_bytes,
            discontinuity=previous is not None and previous.run_id != clock.run_id,
        )
        lines = playlist.entry(listed, previous)
        append_lines(segment.path.parent / PLAYLIST_NAME, lines, self._recording.custody)
        self._previous = listed
        if hour != self._only_open:
            self._end_earlier(hour)
        self._deliver(closed(self._recording.camera_key, hour, listed, clock))

    def _end_earlier(self, hour: Hour) -> None:
        """This hour has its first segment: nothing will be added to those before it."""
        store, camera = self._recording.store, self._recording.camera
        later = []
        for noted in store.open_hours(camera) or []:
            if store.hour_bounds(noted) >= store.hour_bounds(hour):
                later.append(noted)
                continue
            path = store.hour_path(camera, noted) / PLAYLIST_NAME
            if path.exists() and not playlist.parse(path.read_text("ascii", "replace")).ended:
                append_lines(path, ENDLIST, self._recording.custody)
        store.note_open_hours(camera, later)
        self._only_open = hour


def _remove(segment: _Open) -> None:
    """Unless its place has gone to another's file."""
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(segment.descriptor), segment.path.stat()):
            segment.path.unlink()


def closed(camera_key: UUID, hour: Hour, segment: Segment, clock: RunClock) -> SegmentClosed:
    """What is told about a segment once it is listed."""
    return SegmentClosed(
        camera_key,
        segment.run_id,
        hour.date,
        hour.hour,
        segment.name,
        segment.start_us,
        clock.at_us(segment.end_position),
        segment.position,
        segment.end_position,
        segment.size_bytes,
    )


def append_lines(path: Path, lines: str, custody: Custody | None = None) -> None:
    """Adds to a disk playlist, or begins it, so that the lines are all there or none is.

    Custody is checked with the file open: a new owner first takes custody and then puts a copy in
    the playlist's place, so what a writer adds that has been paused in between goes nowhere.

    Raises:
        OSError: the disk's; the playlist is as it was.
        CustodyLost: the folder is another's; the playlist is as it was.
    """
    with turn(path.parent):
        _append_lines(path, lines, custody)


def _append_lines(path: Path, lines: str, custody: Custody | None) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    try:
        if custody is not None:
            custody.check()
        size_bytes = os.fstat(descriptor).st_size
        text = lines if size_bytes else playlist.header() + lines
        _write_all(descriptor, [text.encode("ascii")], size_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size_bytes:
        sync_folder(path.parent)


def _write_all(descriptor: int, pieces: Sequence[bytes], size_bytes: int) -> None:
    """Appends to a file of `size_bytes`; when that fails, the file is cut back to it."""
    try:
        written = os.writev(descriptor, pieces[:_MOST_PIECES])
        if written < sum(map(len, pieces)):
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except OSError:
        os.ftruncate(descriptor, size_bytes)
        os.lseek(descriptor, size_bytes, os.SEEK_SET)
        raise


def _last_listed(path: Path) -> Segment | None:
    try:
        segments = playlist.parse(path.read_text("ascii", "replace")).segments
    except FileNotFoundError:
        return None
    return segments[-1] if segments else None


def free_name(folder: Path, stem: str) -> Path:
    """A `.part` whose segment's name is free: two runs may begin in one millisecond."""
    for number in range(1, _NAMES_IN_A_MILLISECOND):
        name = f"{stem}.m4s" if number == 1 else f"{stem}-{number}.m4s"
        if not (folder / name).exists() and not (folder / f"{name}.part").exists():
            return folder / f"{name}.part"
    raise FileExistsError(f"no free name for a segment {stem}")
