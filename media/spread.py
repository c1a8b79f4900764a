"""Pictures spread evenly over recorded footage, the same ones each time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import av
from av.packet import Packet
from av.stream import Stream

from media.codecs import VideoSetup, video_decoder
from media.recorded_packets import FootageUnreadable, Part, RecordedSegment, runs
from media.types import TICKS_PER_SECOND, MediaError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Moment:
    """A position in a segment, in ticks of the camera's media timeline."""

    segment: RecordedSegment
    position: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded frame, and the moment from which on it is shown."""

    moment: Moment
    frame: av.VideoFrame


def spread(
    segments: Sequence[RecordedSegment], from_us: int, to_us: int, count: int
) -> list[Moment]:
    """`count` moments at equal distances over what is recorded in [from_us, to_us), in order.

    None where nothing is. Gaps count for nothing: the moments after one follow those before it.
    """
    stretches = []
    for each in segments:
        begin_us = max(each.segment.start_us, from_us)
        length_us = min(each.segment.end_us, to_us) - begin_us
        if length_us > 0:
            stretches.append((each, begin_us, length_us))
    total_us = sum(length_us for _, _, length_us in stretches)
    moments, passed_us = list[Moment](), 0
    for each, begin_us, length_us in stretches:
        while len(moments) < count:
            due_us = (2 * len(moments) + 1) * total_us // (2 * count)
            if due_us >= passed_us + length_us:
                break
            moments.append(_at(each, begin_us + due_us - passed_us))
        passed_us += length_us
    return moments


def _at(segment: RecordedSegment, at_us: int) -> Moment:
    later_us = at_us - segment.segment.start_us
    return Moment(segment, segment.segment.position + later_us * TICKS_PER_SECOND // 1_000_000)


def pictures(moments: Iterable[Moment]) -> Iterator[Picture]:
    """The frame that is shown at each moment, once where it is shown at several.

    What is damaged or was removed since is left out, and logged.
    """
    last: Moment | None = None
    for _, of_segment in groupby(moments, key=lambda each: each.segment.segment):
        asked = list(of_segment)
        try:
            for picture in _of_segment(asked):
                if picture.moment != last:
                    yield picture
                last = picture.moment
        except (MediaError, av.FFmpegError) as error:
            log.warning("pictures are left out: %s", error)


def _of_segment(asked: Sequence[Moment]) -> Iterator[Picture]:
    """Raises MediaError, av.FFmpegError."""
    segment = asked[0].segment
    for run in runs([segment]):
        for part in run.parts:
            packets = [each for each in part.packets if each.pts is not None]
            for moment in asked:
                frame = _frame(part, packets, moment.position)
                if frame is None or frame.pts is None:
                    raise FootageUnreadable(f"{segment.segment.name} shows nothing")
                yield Picture(Moment(segment, frame.pts), frame)


def _frame(part: Part, packets: Sequence[Packet[Stream]], position: int) -> av.VideoFrame | None:
    """What is shown at `position`, decoded from the keyframe before it on."""
    decoder = video_decoder(VideoSetup.of(part.stream))
    keys = [index for index, each in enumerate(packets) if each.is_keyframe]
    begin = max((index for index in keys if (packets[index].pts or 0) <= position), default=0)
    shown: av.VideoFrame | None = None
    for packet in (*packets[begin:], None):
        for frame in decoder.decode(packet):
            if shown is not None and (frame.pts or 0) > position:
                return shown
            if not frame.is_corrupt:
                shown = frame
    return shown
