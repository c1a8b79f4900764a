"""Brings a camera's folder back in order after whatever ended its last recording."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace

from media import playlist
from media.boxes import RUN_BOX_BYTES, RunBox, scan
from media.playlist import PLAYLIST_NAME, Playlist, Segment, aligned
from media.segments import closed, free_name
from media.store import CameraFolder, Hour, RecordingStore, replace_file, sync_folder
from media.turns import turn
from media.types import RunEnded, SegmentClosed

log = logging.getLogger(__name__)

DIED = "the recorder stopped without warning"
"""Why a run ended that nobody ended."""

_UNTOLD = 8
"""More segments than are listed in the time that telling takes, while the database is there."""

_OVER_US = 10_000_000
"""How long after its end an hour counts as over: a run's clock may lag behind by 2 s."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was found and done.

    `end_position` is where the camera's recorded footage ends, 0 without any. `recovered` are
    segments that were not listed before. `done` says what was changed, in words for a log.
    """

    end_position: int
    recovered: tuple[SegmentClosed, ...]
    done: tuple[str, ...]

    @property
    def changes(self) -> tuple[SegmentClosed | RunEnded, ...]:
        """What there is to tell: recovered segments, and that their runs are over."""
        last = {segment.run_id: segment for segment in self.recovered}
        ends = [RunEnded(s.camera_key, s.run_id, s.end_us, DIED) for s in last.values()]
        return (*self.recovered, *ends)


@dataclass(slots=True)
class _Findings:
    camera_key: UUID
    recovered: list[SegmentClosed] = field(default_factory=list)
    done: list[str] = field(default_factory=list)


def repair(store: RecordingStore, camera: CameraFolder, camera_key: UUID, now_us: int) -> Repaired:
    """Makes every whole GOP on disk listed and everything listed there; closes hours that are over.

    Must run before a recording begins, while no other writes to this camera. Only hours noted as
    open are looked at, so it is quick however much has been recorded; without a note, or when no
    footage is left in those, all are. Running it again changes nothing.

    Raises:
        OSError: the disk's.
    """
    noted = store.open_hours(camera)
    findings = _Findings(camera_key)
    ends = _repair_hours(store, camera, noted or _all_hours(store, camera), now_us, findings)
    if noted and ends.last is None:  # what was noted is lost; positions go on after what is not
        ends = _repair_hours(store, camera, _all_hours(store, camera), now_us, findings)
    keep = list(ends.open_hours)
    if ends.last is not None and ends.last not in keep:
        keep.append(ends.last)
    if keep != (noted or []):
        store.note_open_hours(camera, keep)
    for words in findings.done:
        log.info("repaired recording %s/%s: %s", camera.tenant_id, camera.name, words)
    return Repaired(ends.end_position, tuple(findings.recovered), tuple(findings.done))


def cut_off(store: RecordingStore, camera: CameraFolder) -> None:
    """Puts copies in the place of open playlists: an earlier owner that wakes adds to the old ones.

    To be called with the camera in custody, before `repair`: a segment that was being listed just
    now is unlisted then, and so found. Raises OSError, the disk's.
    """
    for hour in store.open_hours(camera) or []:
        path = store.hour_path(camera, hour) / PLAYLIST_NAME
        if path.exists():
            with turn(path.parent):
                replace_file(path, path.read_bytes())


def told_again(
    store: RecordingStore, camera: CameraFolder, camera_key: UUID
) -> list[SegmentClosed | RunEnded]:
    """What an earlier owner listed last, and may have died before telling. Telling twice is fine.

    Raises OSError, the disk's.
    """
    found: list[SegmentClosed] = []
    for hour in store.open_hours(camera) or []:
        folder = store.hour_path(camera, hour)
        if not (folder / PLAYLIST_NAME).exists():
            continue
        for segment in store.playlist(camera, hour).segments[-_UNTOLD:]:
            with (folder / segment.name).open("rb") as file:
                box = RunBox.decoded(file.read(RUN_BOX_BYTES))
            if box is not None:
                found.append(closed(camera_key, hour, segment, box.clock))
    ends = {each.run_id: RunEnded(camera_key, each.run_id, each.end_us, DIED) for each in found}
    return [*found, *ends.values()]


@dataclass(slots=True)
class _Ends:
    """Hours that stay open, the one with the last footage, and where that ends."""

    open_hours: list[Hour] = field(default_factory=list)
    last: Hour | None = None
    end_position: int = 0


def _repair_hours(
    store: RecordingStore,
    camera: CameraFolder,
    hours: Iterable[Hour],
    now_us: int,
    findings: _Findings,
) -> _Ends:
    ends = _Ends()
    for hour in hours:
        folder = store.hour_path(camera, hour)
        if not folder.is_dir():
            continue
        is_over = store.hour_bounds(hour)[1] + _OVER_US <= now_us
        with turn(folder):
            repaired = _repair_hour(folder, hour, is_over, findings)
        if not repaired.ended:
            ends.open_hours.append(hour)
        if repaired.segments and repaired.segments[-1].end_position >= ends.end_position:
            ends.end_position, ends.last = repaired.segments[-1].end_position, hour
    return ends


def _all_hours(store: RecordingStore, camera: CameraFolder) -> Iterator[Hour]:
    """Every hour folder, with a playlist or without."""
    for date in store.dates(camera):
        for number in sorted(os.listdir(store.camera_path(camera) / date)):
            hour = Hour(date, number)
            if store.is_hour(hour):
                yield hour


def _repair_hour(folder: Path, hour: Hour, is_over: bool, findings: _Findings) -> Playlist:
    path = folder / PLAYLIST_NAME
    before = path.read_text("ascii", "replace") if path.exists() else ""
    listed = playlist.parse(before)
    names = sorted(os.listdir(folder))
    there = frozenset(names)
    for name in names:
        if name.startswith(".") and name.endswith(".tmp"):
            (folder / name).unlink()
            findings.done.append(f"removed the unfinished {hour}/{name}")
    playable = (segment for segment in listed.segments if segment.init in there)
    found = (_still_there(folder, segment) for segment in playable)
    kept = [segment for segment in found if segment is not None]
    if kept != list(listed.segments):
        findings.done.append(f"took what is missing from the playlist of {hour}")
    known = {segment.name for segment in kept}
    for name in names:
        if name.endswith(".m4s.part") or (name.endswith(".m4s") and name not in known):
            kept += _recovered(folder / name, hour, kept, findings)
    segments = playlist.joined(sorted(kept, key=lambda one: one.position))
    ended = is_over or (listed.ended and segments == listed.segments)
    after = Playlist(segments, ended, listed.removed)
    if (segments or before) and playlist.dump(after) != before:
        replace_file(path, playlist.dump(after).encode("ascii"))
        findings.done.append(f"rewrote the playlist of {hour}, {len(segments)} segments")
    return after


def _still_there(folder: Path, segment: Segment) -> Segment | None:
    """A listed segment as far as it is on disk; None when nothing of it can be played."""
    path = f"{folder}/{segment.name}"  # a `Path` for each of very many costs as much as the look
    try:
        if os.stat(path).st_size >= segment.size_bytes:
            return segment
    except FileNotFoundError:
        return None
    with open(path, "rb") as file:
        whole = scan(file)
    if whole is None:
        return None
    end_position = min(segment.end_position, aligned(whole.end_position))
    return replace(segment, end_position=end_position, size_bytes=whole.size_bytes)


def _recovered(
    path: Path, hour: Hour, kept: Sequence[Segment], findings: _Findings
) -> list[Segment]:
    """Turns what is whole of an unlisted file into a segment; nothing whole, and it goes.

    No position is recorded twice: what `kept` covers already is a second copy, written by an owner
    who did not know yet that he was none, and goes too.
    """
    with path.open("rb") as file:
        box = RunBox.decoded(file.read(RUN_BOX_BYTES))
        whole = scan(file)
    if box is None or whole is None:
        if path.suffix == ".part":
            path.unlink()
            findings.done.append(f"removed {hour}/{path.name}: nothing in it is whole")
        return []
    if not (path.parent / box.init).exists():
        findings.done.append(f"left {hour}/{path.name} unlisted: its {box.init} is missing")
        return []
    end_position = aligned(whole.end_position)
    if any(one.position < end_position and whole.position < one.end_position for one in kept):
        path.unlink()
        findings.done.append(f"removed {hour}/{path.name}: it is recorded already")
        return []
    final = _finished(path, whole.size_bytes)
    segment = Segment(
        box.clock.run_id,
        final.name,
        box.init,
        box.clock.at_us(whole.position),
        whole.position,
        end_position,
        whole.size_bytes,
    )
    findings.recovered.append(closed(findings.camera_key, hour, segment, box.clock))
    findings.done.append(f"listed {hour}/{final.name}, {whole.size_bytes} bytes")
    return [segment]


def _finished(path: Path, size_bytes: int) -> Path:
    """The file under a segment's name, cut to what is whole.

    A `.part` is copied: who wrote it may only be asleep, and still has it open.
    """
    if path.suffix != ".part":
        os.truncate(path, size_bytes)
        return path
    final = path.with_suffix("")
    if final.exists():
        final = free_name(path.parent, path.name[:10]).with_suffix("")
    with path.open("rb") as file:
        replace_file(final, file.read(size_bytes))
    path.unlink()
    sync_folder(path.parent)
    return final
