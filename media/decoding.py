"""Chooses decode times that make every player agree with positions, B-frames or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from media.types import TICKS_PER_SECOND

TICK = Fraction(1, TICKS_PER_SECOND)


@dataclass(slots=True)
class Track:
    """Times of one stream: a tick of its time base is `ticks` / `per` of ours.

    `last_dts` is that of the last packet taken, as a position.
    """

    ticks: int
    per: int
    last_dts: int | None = None

    @classmethod
    def of(cls, stream: Stream) -> Track:
        share = (stream.time_base or TICK) * TICKS_PER_SECOND
        return cls(share.numerator, share.denominator)

    def scaled(self, time: int) -> int:
        """In ticks of 1/90,000 s, rounded half up."""
        if self.ticks == self.per:
            return time
        return (time * self.ticks + self.per // 2) // self.per

    def stamp(self, packet: Packet[Stream], pts: int, dts: int) -> Packet[Stream]:
        """Writes positions into the packet."""
        packet.pts = pts
        packet.dts = dts
        if self.ticks != self.per:
            packet.time_base = TICK
        return packet


@dataclass(frozen=True, slots=True)
class Frame:
    """A packet and its times as positions; dts <= pts, duration > 0."""

    packet: Packet[Stream]
    pts: int
    dts: int
    duration: int


class Decoding:
    """Stamps the packets of a stream with B-frames.

    A player's zero is the first frame's presentation time (FFmpeg) or its decode time (hls.js).
    So a keyframe that begins a closed GOP is decoded when it is shown, and the next few frames
    quickly after it, until decode times are again what they were. Negative composition offsets
    would do the same for hls.js, but with them FFmpeg shows the video late against the sound.
    Whether a GOP is closed tells the packet after its keyframe, which so waits for it.
    """

    def __init__(self, track: Track, written: int | None) -> None:
        """`written`: the dts that was stamped last, None at a run's start."""
        self._track = track
        self._written = written
        self._keyframe: Frame | None = None
        self._step = 1

    def take(self, frame: Frame) -> list[Packet[Stream]]:
        """What is ready, in decode order: nothing for a keyframe, then two packets at once."""
        ready = []
        keyframe, self._keyframe = self._keyframe, None
        if keyframe is not None:
            ready.append(self._write_keyframe(keyframe, is_closed=frame.pts > keyframe.pts))
        if frame.packet.is_keyframe and frame.dts < frame.pts:
            self._keyframe = frame
        else:
            ready.append(self._write(frame))
        return ready

    def _write_keyframe(self, frame: Frame, *, is_closed: bool) -> Packet[Stream]:
        if not is_closed:
            return self._write(frame)
        behind = (frame.pts - frame.dts) // frame.duration
        self._step = max(1, frame.duration // (2 * behind + 2))
        return self._write(replace(frame, dts=frame.pts))

    def _write(self, frame: Frame) -> Packet[Stream]:
        pts, dts = frame.pts, frame.dts
        if self._written is not None and dts <= self._written:
            dts = max(self._written + 1, min(self._written + self._step, pts))
        self._written = dts
        return self._track.stamp(frame.packet, max(pts, dts), dts)
