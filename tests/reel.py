"""Frame-coded clips laid down as a recorder does it, without waiting for a camera to send them.

Real pictures in real fragments, through the recorder's own muxer options and retiming.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal
from uuid import UUID, uuid4

import av

from media.boxes import FragmentSplitter, RunBox, init_name, read_fragment
from media.muxing import OPTIONS
from media.playlist import PLAYLIST_NAME, Playlist, Segment, dump, joined, parse
from media.retiming import Reordering
from media.store import CameraFolder, Hour, RecordingStore
from media.types import TICKS_PER_SECOND, RunClock
from tests.clips import Encoding, frame_coded, read_frame_number

FPS = 25
FRAME = TICKS_PER_SECOND // FPS
GOP = 10
FRAME_US = 1_000_000 // FPS


@dataclass(frozen=True, slots=True)
class Reel:
    """A clip's init segment, and the fragment of each of its groups of pictures from position 0."""

    init: bytes
    moofs: Sequence[bytes]
    bodies: Sequence[bytes]

    def fragment(self, number: int, position: int) -> bytes:
        """A group's fragment moved to a position."""
        moved = bytearray(self.moofs[number])
        at = moved.index(b"tfdt") + 8
        moved[at : at + 8] = position.to_bytes(8, "big")
        return bytes(moved) + self.bodies[number]


def encoding(codec: str = "h264", bframes: int = 0, width: int = 320) -> Encoding:
    kind: Literal["h264", "hevc"] = "hevc" if codec == "hevc" else "h264"
    return Encoding(gop=GOP, codec=kind, bframes=bframes, size=(width, 240))


@functools.cache
def reel(coded: Encoding, frames: int = 100) -> Reel:
    out = FragmentSplitter()
    with (
        av.open(str(frame_coded(frames, coded))) as clip,
        av.open(out, mode="w", format="mp4", options=OPTIONS) as muxer,
    ):
        stream = muxer.add_stream_from_template(clip.streams.video[0], opaque=True)
        if coded.codec == "hevc":
            stream.codec_context.codec_tag = "hvc1"
        packets = [one for one in clip.demux(video=0) if one.dts is not None]
        share = (packets[0].time_base or Fraction(1)) * TICKS_PER_SECOND
        first = packets[0].pts or 0
        retiming = Reordering(round((first - (packets[0].dts or 0)) * share))
        for each in packets:
            each.pts, each.dts = (
                retiming.late(round(((at or 0) - first) * share)) for at in (each.pts, each.dts)
            )
            each.time_base, each.stream = Fraction(1, TICKS_PER_SECOND), stream
            muxer.mux_one(each)
    whole = out.take()
    moofs = [retiming.settled(pieces[0]) for pieces in whole]
    assert all(read_fragment(each) for each in moofs)
    return Reel(out.init, moofs, [b"".join(pieces[1:]) for pieces in whole])


@dataclass(frozen=True, slots=True)
class Shot:
    """A run to be laid down: groups [first, end) of a reel, `each` of them in a segment."""

    reel: Reel
    first: int
    end: int
    start_us: int
    position: int
    each: int = 2


def lay(store: RecordingStore, folder: CameraFolder, *shots: Shot) -> list[Segment]:
    """Writes runs into hour folders and their playlists; names are those of files alone."""
    made: list[tuple[Hour, Segment]] = []
    for shot in shots:
        run_id = uuid4()
        for first in range(shot.first, shot.end, shot.each):
            made.append(_segment(store, folder, shot, run_id, first))
    for hour in dict.fromkeys(hour for hour, _ in made):
        path = store.hour_path(folder, hour) / PLAYLIST_NAME
        there = parse(path.read_text()).segments if path.exists() else ()
        listed = joined([*there, *(one for each, one in made if each == hour)])
        path.write_text(dump(Playlist(listed, ended=True)))
    return [segment for _, segment in made]


def _segment(
    store: RecordingStore, folder: CameraFolder, shot: Shot, run_id: UUID, first: int
) -> tuple[Hour, Segment]:
    groups = range(first, min(first + shot.each, shot.end))
    begin = shot.position + (first - shot.first) * GOP * FRAME
    clock = RunClock(run_id, shot.start_us, shot.position)
    init = init_name(shot.reel.init)
    pieces = [shot.reel.fragment(each, begin + n * GOP * FRAME) for n, each in enumerate(groups)]
    content = RunBox(clock, init).encoded() + b"".join(pieces)
    at_us = clock.at_us(begin)
    hour = store.hour_of(at_us)
    path = store.make_hour(folder, hour)
    second, micros = divmod(at_us % 86_400_000_000, 1_000_000)
    name = f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}_{micros // 1000:03d}.m4s"
    (path / name).write_bytes(content)
    (path / init).write_bytes(shot.reel.init)
    end = begin + len(groups) * GOP * FRAME
    return hour, Segment(run_id, name, init, at_us, begin, end, len(content))


def shown(path: str) -> list[tuple[float, int]]:
    """Seconds from the start and number of each picture that FFmpeg shows of a file."""
    with av.open(path) as container:
        return [
            (round(frame.time or 0, 6), read_frame_number(frame))
            for frame in container.decode(video=0)
        ]
