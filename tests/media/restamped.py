"""A clip's packets as detection gets them: on the media timeline, in ticks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
from av.packet import Packet
from av.stream import Stream

from media.types import TICKS_PER_SECOND

Packets: TypeAlias = "Iterator[Packet[Stream]]"


@contextmanager
def restamped(path: Path, start: int = 0) -> Iterator[tuple[av.VideoStream, Packets]]:
    """The clip's video stream and its packets, the first picture at position `start`."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        source = cast(Packets, container.demux(stream))
        yield stream, _packets(source, start)


def _packets(source: Packets, start: int) -> Packets:
    first: int | None = None
    for packet in source:
        if packet.pts is None or packet.dts is None:
            continue
        ticks = packet.time_base * TICKS_PER_SECOND
        first = packet.pts if first is None else first
        packet.pts = start + round((packet.pts - first) * ticks)
        packet.dts = start + round((packet.dts - first) * ticks)
        packet.time_base = Fraction(1, TICKS_PER_SECOND)
        yield packet
