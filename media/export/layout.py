"""What an init segment says of its tracks, as far as a plain MP4 of the same samples needs it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from media.boxes import VIDEO_TRACK, BoxError, boxes

_FULL_BOX = 12
_SAMPLE_ENTRY_BYTES = {b"vide": 86, b"soun": 36}
"""From a sample entry's start to the boxes in it (14496-12, 12.1.3 and 12.2.3)."""
_RATES = re.compile(rb"(\x04(?:\x80\x80\x80)?[\x00-\x7f]..).{11}\x05", re.DOTALL)
"""In an `esds` (14496-1, 7.2.6.6), behind what the codec is: size of a buffer, two bit rates."""


@dataclass(frozen=True, slots=True)
class TrackLayout:
    """A track's boxes as they were recorded, to be written as they are.

    `described` tells tracks apart that one decoder can't play one behind the other: it is the
    sample description without bit rates, which FFmpeg writes as it measured them.
    """

    id: int
    handler: bytes
    timescale: int
    described: bytes
    header: bytes = field(compare=False)
    sample_description: bytes = field(compare=False)
    media_header: bytes = field(compare=False)
    handler_box: bytes = field(compare=False)
    data_information: bytes = field(compare=False)

    @property
    def is_video(self) -> bool:
        return self.id == VIDEO_TRACK


@dataclass(frozen=True, slots=True)
class Layout:
    """Equal for runs that fit into one MP4 with one sample description for each track."""

    tracks: tuple[TrackLayout, ...]


def read_layout(init: bytes) -> Layout:
    """Of an init segment (`ftyp` and `moov`).

    Raises:
        BoxError: it is damaged, or has no picture.
    """
    try:
        moov = _only(init, b"moov", 0, len(init))
        traks = [place for kind, *place in boxes(init, moov[0] + 8, moov[1]) if kind == b"trak"]
        tracks = tuple(_track(init, *place) for place in traks)
    except (struct.error, IndexError) as fault:
        raise BoxError("an init segment is cut off") from fault
    if not any(each.is_video for each in tracks):
        raise BoxError("an init segment has no picture")
    return Layout(tracks)


def _only(content: bytes, wanted: bytes, start: int, end: int) -> tuple[int, int]:
    for kind, at, box_end in boxes(content, start, end):
        if kind == wanted:
            return at, box_end
    raise BoxError(f"an init segment has no {wanted.decode('ascii')}")


def _track(init: bytes, start: int, end: int) -> TrackLayout:
    def below(kind: bytes, parent: tuple[int, int]) -> tuple[int, int]:
        return _only(init, kind, parent[0] + 8, parent[1])

    trak = (start, end)
    header = init[slice(*below(b"tkhd", trak))]
    media = below(b"mdia", trak)
    mdhd = init[slice(*below(b"mdhd", media))]
    handler_box = init[slice(*below(b"hdlr", media))]
    handler = handler_box[16:20]
    minf = below(b"minf", media)
    stsd = init[slice(*below(b"stsd", below(b"stbl", minf)))]
    is_long = header[8] == 1
    return TrackLayout(
        id=struct.unpack_from(">I", header, 28 if is_long else 20)[0],
        handler=handler,
        timescale=struct.unpack_from(">I", mdhd, 28 if mdhd[8] == 1 else 20)[0],
        described=b"".join(_described(stsd, handler)),
        header=header,
        sample_description=stsd,
        media_header=init[slice(*below(b"vmhd" if handler == b"vide" else b"smhd", minf))],
        handler_box=handler_box,
        data_information=init[slice(*below(b"dinf", minf))],
    )


def _described(stsd: bytes, handler: bytes) -> Iterator[bytes]:
    """A sample description without what was measured of the stream's first seconds."""
    for kind, start, end in boxes(stsd, _FULL_BOX + 4, len(stsd)):
        inside = start + _SAMPLE_ENTRY_BYTES.get(handler, end - start)
        yield kind + stsd[start + 8 : inside]
        for below, at, box_end in boxes(stsd, inside, end):
            content = stsd[at:box_end]
            if below == b"esds":
                content = _RATES.sub(rb"\1", content)
            if below != b"btrt":
                yield content
