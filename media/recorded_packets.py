"""Footage and clips as the packets they were made of, their times being positions again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast
from uuid import UUID

import av
from av.packet import Packet
from av.stream import Stream

from media import playlist
from media.anchor import SETTLE_US
from media.boxes import RUN_BOX_BYTES, RunBox
from media.playlist import LONGEST_SEGMENT_SECONDS, PLAYLIST_NAME, Segment
from media.store import CameraFolder, Hour, RecordingNotFound, RecordingStore
from media.types import TICKS_PER_SECOND, MediaError, RunClock

Packets: TypeAlias = "Iterator[Packet[Stream]]"

_CLIP = UUID(int=0)
_TICK = Fraction(1, TICKS_PER_SECOND)
_PROBE = {"probesize": "32768", "analyzeduration": "0"}


class FootageUnreadable(MediaError):
    """A file of footage, or a clip, is not what it should be."""


@dataclass(frozen=True, slots=True)
class Part:
    """A video stream and its packets in decoding order, to be read before the next part."""

    stream: av.VideoStream
    packets: Packets


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run, or what there is of it, to be read once.

    Attributes:
        clock: ties its positions to wall time.
        parts: it, in order. Raises FootageUnreadable.
        known_from: the position from which on live analysis knew the clock, and looked.
        end_position: None where that is not known before it is read.
    """

    clock: RunClock
    parts: Iterator[Part]
    known_from: int
    end_position: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedSegment:
    """A listed segment, and who opens files of its folder by their names."""

    segment: Segment
    open: Callable[[str], BinaryIO] = field(repr=False)


def between(
    store: RecordingStore, camera: CameraFolder, from_us: int, to_us: int
) -> list[RecordedSegment]:
    """The segments of a store that overlap [from_us, to_us) of wall time, by position."""
    found = []
    hour = store.hour_of(from_us - LONGEST_SEGMENT_SECONDS * 1_000_000)
    while store.hour_bounds(hour)[0] < to_us:
        found += [
            each
            for each in _of_hour(store, camera, hour)
            if each.segment.start_us < to_us and each.segment.end_us > from_us
        ]
        hour = store.next_hour(hour)
    return sorted(found, key=lambda each: each.segment.position)


def _of_hour(store: RecordingStore, camera: CameraFolder, hour: Hour) -> list[RecordedSegment]:
    def opened(name: str) -> BinaryIO:
        return store.open_file(camera, hour, name)

    try:
        listed = store.playlist(camera, hour).segments
    except RecordingNotFound:
        return []
    return [RecordedSegment(each, opened) for each in listed]


def of_folder(folder: Path) -> list[RecordedSegment]:
    """The segments of an hour's folder, wherever it was copied to.

    Raises:
        FootageUnreadable: there is no playlist in it.
    """

    def opened(name: str) -> BinaryIO:
        return (folder / name).open("rb")

    try:
        text = (folder / PLAYLIST_NAME).read_text("ascii", "replace")
    except OSError as error:
        raise FootageUnreadable(f"{folder} is no hour of footage: {error.strerror}") from error
    return [RecordedSegment(each, opened) for each in playlist.parse(text).segments]


def runs(segments: Sequence[RecordedSegment]) -> Iterator[RecordedRun]:
    """Segments in order, run by run. Raises FootageUnreadable."""
    for _, of_run in groupby(segments, key=lambda each: each.segment.run_id):
        run = list(of_run)
        first, last = run[0].segment, run[-1].segment
        with _opened(run[0], first.name) as file:
            box = RunBox.decoded(file.read(RUN_BOX_BYTES))
        if box is None:
            raise FootageUnreadable(f"{first.name} is no segment of ours")
        known_from = first.position
        if known_from == box.clock.start_position:
            known_from += SETTLE_US * TICKS_PER_SECOND // 1_000_000
        yield RecordedRun(box.clock, _parts(run), known_from, last.end_position)


def _parts(run: Sequence[RecordedSegment]) -> Iterator[Part]:
    for each in run:
        name = each.segment.name
        with _opened(each, each.segment.init) as init, _opened(each, name) as file:
            movie = io.BytesIO(init.read() + file.read())
        yield from _demuxed(movie, name, _as_written)


def _opened(segment: RecordedSegment, name: str) -> BinaryIO:
    try:
        return segment.open(name)
    except (OSError, RecordingNotFound) as error:
        raise FootageUnreadable(f"{name} is not there (any more)") from error


def clip(path: Path) -> Iterator[RecordedRun]:
    """A clip as one run that began at 1970-01-01T00:00:00Z. Raises FootageUnreadable."""
    yield RecordedRun(RunClock(_CLIP, 0, 0), _demuxed(str(path), path.name, _from_zero), 0)


def _demuxed(
    movie: str | io.BytesIO, name: str, stamped: Callable[[Packets], Packets]
) -> Iterator[Part]:
    options = {} if isinstance(movie, str) else _PROBE
    try:
        with av.open(movie, "r", options=options) as container:
            if not container.streams.video:
                raise FootageUnreadable(f"{name} has no video")
            stream = container.streams.video[0]
            source = cast(Packets, container.demux(stream))
            yield Part(stream, _read(stamped(source), name))
    except (av.FFmpegError, OSError) as error:
        raise FootageUnreadable(f"{name} cannot be read: {error}") from error


def _read(source: Packets, name: str) -> Packets:
    try:
        yield from source
    except av.FFmpegError as error:
        raise FootageUnreadable(f"{name} cannot be read to its end: {error}") from error


def _as_written(source: Packets) -> Packets:
    """Of a segment.

    FFmpeg shows B-frames late (docs/time.md). In the files a keyframe is decoded at its position
    (`media/retiming.py`): its two times tell how late.
    """
    late = 0
    for packet in source:
        if packet.pts is None or packet.dts is None:
            continue
        if packet.is_keyframe:
            late = packet.pts - packet.dts
        packet.pts -= late
        yield packet


def _from_zero(source: Packets) -> Packets:
    """Of a clip: the first picture that is decoded is at 0."""
    first: int | None = None
    for packet in source:
        time = packet.dts if packet.pts is None else packet.pts
        if time is None or packet.time_base is None:
            continue
        first = time if first is None else first
        ticks = packet.time_base * TICKS_PER_SECOND
        packet.pts = round((time - first) * ticks)
        packet.dts = round(((time if packet.dts is None else packet.dts) - first) * ticks)
        packet.duration = round((packet.duration or 0) * ticks)
        packet.time_base = _TICK
        yield packet
