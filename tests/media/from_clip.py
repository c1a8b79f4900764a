"""Records runs from a clip instead of a camera, at once, of packets that a test chooses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from media.decoders import IN_PROCESS
from media.last_sound import last_coding
from media.recorder import Recorder
from media.segments import Recording
from media.source import Source
from media.store import RecordingStore
from media.timeline import RunTimeline
from media.types import MediaChange
from tests.media.recorded import CAMERA, KEY
from tests.media.test_anchor import HandClock


class ClipSource:
    """A clip in place of a camera."""

    def __init__(self, container: InputContainer) -> None:
        self.video = container.streams.video[0]
        self.audio = next(iter(container.streams.audio), None)
        self.decoders = IN_PROCESS


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a run's pictures end, and its sound begins and ends.

    In seconds from the first picture's decode time, as packets come.
    """

    pictures_end: float
    sound_begins: float
    sound_ends: float

    def has(self, seconds: float, *, is_sound: bool) -> bool:
        if is_sound:
            return self.sound_begins <= seconds < self.sound_ends
        return seconds < self.pictures_end


def record(store: RecordingStore, clip: Path, ends: Ends, position: int, clock: HandClock) -> int:
    """A run that begins at `position`; where it ends."""
    told: list[MediaChange] = []
    with av.open(str(clip)) as container:
        source = ClipSource(container)
        timeline = RunTimeline(source.video, position, clock)
        recording = Recording(store, CAMERA, KEY, segment_seconds=2.0)
        silence = last_coding(store, CAMERA)
        recorder = Recorder(cast(Source, source), timeline, recording, told.append, silence)
        for packet, seconds in in_order(container):
            if ends.has(seconds, is_sound=packet.stream_index != source.video.index):
                for stamped in timeline.stamp(packet):
                    recorder.write(stamped)
                    if stamped.stream_index == source.video.index:
                        clock.go(40_000)
        recorder.end("the clip is over")
    return timeline.end_position


def in_order(container: InputContainer) -> list[tuple[Packet[Stream], float]]:
    """Packets by decode time, and when that is, in seconds from the first picture's."""
    demuxed = container.demux()
    packets = [one for one in demuxed if one.pts is not None and one.dts is not None and one.size]
    packets.sort(key=lambda one: ((one.dts or 0) * one.time_base, one.stream_index))
    start = min((one.dts or 0) * one.time_base for one in packets if one.stream.type == "video")
    return [(one, float((one.dts or 0) * one.time_base - start)) for one in packets]
