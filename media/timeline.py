"""Puts the packets of one run on the camera's media timeline, and ties it to wall time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from media.anchor import Anchor, Drift
from media.clock import Clock
from media.decode_times import (
    USUAL_DURATION,
    DecodeTimes,
    rebuild_decode_times,
    rebuild_shown_times,
    reordering_depth,
)
from media.parameters import parameter_sets, read_parameter_sets
from media.playlist import aligned, position_us
from media.types import TICKS_PER_SECOND, MediaError, RunClock

_TICK = Fraction(1, TICKS_PER_SECOND)
_TURN_TICKS = 1 << 33
"""MPEG transport streams count so far (13818-1, 2.4.3.7), 26.5 hours, and begin again."""
_JUMP_TICKS = 10 * TICKS_PER_SECOND
_BACK_TICKS = TICKS_PER_SECOND // 2
_LONGEST_GOP_TICKS = 60 * TICKS_PER_SECOND
_MOST_HELD = 100
_LOOKED_AT_FRAMES = 8
_LOOKED_AT_US = 1_000_000
"""So many, or so long, the first of a run are looked at for how deeply they are reordered."""
_LONGEST_DELAY_FRAMES = 20
"""H.264 and H.265 reorder 16 frames at most. Decode times made from the last presentation times lag
further behind after a gap, by the whole gap for some frames."""
_DRIFT_FRAMES = 16
"""Of so many frames one is compared with wall time."""


class RunBroken(MediaError):
    """The run can't go on; its text is the reason, in plain words.

    `reopen`: the stream has to be opened anew. Otherwise a new run can begin on the same
    connection with the very packet that broke this one.
    """

    def __init__(self, reason: str, *, reopen: bool) -> None:
        super().__init__(reason)
        self.reopen = reopen


@dataclass(slots=True)
class _Track:
    """Times of one stream: a tick of its time base is `ticks` / `per` of ours.

    `last_dts` is that of the last packet taken, as a position; `came` the latest time that the
    stream gave, its turns counted.
    """

    ticks: int
    per: int
    last_dts: int | None = None
    came: int | None = None

    @classmethod
    def of(cls, stream: Stream) -> _Track:
        share = (stream.time_base or _TICK) * TICKS_PER_SECOND
        return cls(share.numerator, share.denominator)

    def scaled(self, time: int) -> int:
        """In ticks of 1/90,000 s, rounded half up."""
        if self.ticks == self.per:
            return time
        return (time * self.ticks + self.per // 2) // self.per

    def unwrap(self, packet: Packet[Stream]) -> None:
        """Adds the turns that its times have made since the stream's first."""
        if packet.pts is None:
            return
        turns = _turns(packet.pts, packet.pts if self.came is None else self.came)
        if turns:
            packet.pts += turns
        if packet.dts is not None and (turns := _turns(packet.dts, packet.pts)):
            packet.dts += turns
        self.came = packet.pts

    def stamp(self, packet: Packet[Stream], pts: int, dts: int, duration: int) -> Packet[Stream]:
        packet.pts = pts
        packet.dts = dts
        packet.duration = duration
        if self.ticks != self.per:
            packet.time_base = _TICK
        return packet


class RunTimeline:
    """Stamps a run's packets; used by the camera's thread alone.

    Invariants: the first keyframe is shown at `start_position`, and nothing before it; a stream's
    dts only grows; `clock` is None until it has settled, and the same from then on. `recorded`
    is False where positions lead to no footage.
    """

    def __init__(
        self, video: Stream, start_position: int, clock: Clock, *, recorded: bool = True
    ) -> None:
        self.run_id = uuid.uuid4()
        self.start_position = start_position
        self.recorded = recorded
        self.clock: RunClock | None = None
        self._wall = clock
        self._codec = video.codec_context.name
        self._video_index = video.index
        self._video = _Track.of(video)
        self._audio: dict[int, _Track] = {}
        extradata = video.codec_context.extradata or b""
        self._announced = read_parameter_sets(extradata, self._codec).sequence
        self._sequence = frozenset(self._announced)
        self._held: list[tuple[Packet[Stream], int]] = []
        self._decode_times: DecodeTimes | None = None
        self._offset: int | None = None
        self._end = start_position
        self._gop_limit = start_position + _LONGEST_GOP_TICKS
        self._frames = 0
        self._delay: int | None = None
        self._began_to_come_us: int | None = None
        self._anchor = Anchor(clock)
        self._drift = Drift(clock)

    @property
    def began(self) -> bool:
        """Whether the first keyframe has been stamped."""
        return self._offset is not None

    @property
    def end_position(self) -> int:
        """Where the last shown frame ends, so far."""
        return aligned(self._end)

    @property
    def fps(self) -> float | None:
        """Frames per second as counted; None before there are two seconds of them."""
        ticks = (self._video.last_dts or 0) - self.start_position + (self._delay or 0)
        if not self._frames or ticks < 2 * TICKS_PER_SECOND:
            return None
        return round((self._frames - 1) * TICKS_PER_SECOND / ticks, 2)

    def guessed_clock(self) -> RunClock:
        """The settled clock, or the best that is known; of use once the run began."""
        if self.clock is not None:
            return self.clock
        return RunClock(self.run_id, self._anchor.wall_us(), self.start_position)

    def settle(self) -> None:
        """Fixes the clock with what is known now; a run that never began stays without."""
        if self.clock is None and self.began:
            self.clock = self.guessed_clock()

    def stamp(self, packet: Packet[Stream]) -> Sequence[Packet[Stream]]:
        """Packets that are ready to be recorded, pts and dts being positions, in decode order.

        Nothing comes out before the first keyframe. RTP carries presentation times alone, and
        of the very first packet not even that. FFmpeg's dts are a guess, unless it may decode
        pictures. So the first 8, or those of a second, are held until they show how deeply they
        are reordered.

        Raises:
            RunBroken: this packet, which is left as it was, is not of the same run.
        """
        self._track(packet).unwrap(packet)
        offset = self._offset
        if offset is None:
            return self._begin(packet, self._wall.monotonic_us())
        if packet.stream_index != self._video_index:
            return self._stamp_audio(packet, offset)
        return self._stamp_video(packet, self._decoded_at(packet), None, offset)

    def _track(self, packet: Packet[Stream]) -> _Track:
        if packet.stream_index == self._video_index:
            return self._video
        if (track := self._audio.get(packet.stream_index)) is None:
            track = self._audio[packet.stream_index] = _Track.of(packet.stream)
        return track

    def _begin(self, packet: Packet[Stream], arrived_us: int) -> Sequence[Packet[Stream]]:
        is_video = packet.stream_index == self._video_index
        if not self._held and not (is_video and packet.is_keyframe):
            return ()
        self._held.append((packet, arrived_us))
        if not is_video or packet.pts is None or not self._can_begin(arrived_us):
            if len(self._held) > _MOST_HELD:
                raise RunBroken("the camera's packets carry no times", reopen=True)
            return ()
        held, self._held = self._held, []
        self._rebuild([one for one, _ in held if one.stream_index == self._video_index])
        first = held[0][0].pts or 0
        self._offset = self.start_position - self._video.scaled(first)
        stamped: list[Packet[Stream]] = []
        for one, at_us in held:
            if one.stream_index != self._video_index:
                stamped += self._stamp_audio(one, self._offset)
            # Leading pictures, shown before the first keyframe, need frames that never came.
            elif one.pts is not None and one.pts >= first:
                stamped += self._stamp_video(one, one.dts, at_us, self._offset)
        return stamped

    def _can_begin(self, arrived_us: int) -> bool:
        count = sum(one.stream_index == self._video_index for one, _ in self._held)
        waited_us = arrived_us - self._held[0][1]
        return count >= _LOOKED_AT_FRAMES or waited_us >= _LOOKED_AT_US

    def _rebuild(self, held: Sequence[Packet[Stream]]) -> None:
        """Gives the first pictures all their times."""
        depth = reordering_depth(held)
        rebuild_shown_times(held)
        self._decode_times = DecodeTimes(depth)
        for one in held:
            one.dts = self._decoded_at(one)
        rebuild_decode_times(held, depth)

    def _decoded_at(self, packet: Packet[Stream]) -> int | None:
        """In the stream's own time base."""
        if self._decode_times is None or packet.pts is None:
            return packet.dts
        return self._decode_times.of(packet.pts)

    def _stamp_video(
        self, packet: Packet[Stream], decoded_at: int | None, arrived_us: int | None, offset: int
    ) -> Sequence[Packet[Stream]]:
        """`arrived_us`: on the monotonic clock, None for now."""
        track = self._video
        at_us = self._wall.monotonic_us() if arrived_us is None else arrived_us
        last_dts = track.last_dts
        duration = track.scaled(packet.duration or 0) or USUAL_DURATION
        time = packet.pts if decoded_at is None else decoded_at
        if time is not None:
            dts = track.scaled(time) + offset
            pts = dts if packet.pts is None else track.scaled(packet.pts) + offset
        else:  # a frame without any time follows the one before
            dts = duration + (self.start_position if last_dts is None else last_dts)
            pts = dts + (self._delay or 0)
        dts = self._decode_time(pts, dts, duration, is_keyframe=packet.is_keyframe)
        if last_dts is not None:
            if pts - self._end > _JUMP_TICKS or pts - last_dts < -_BACK_TICKS:
                raise RunBroken(_jump_words(pts - self._end, pts - last_dts), reopen=True)
            dts = max(dts, last_dts + 1)
        pts = max(dts, pts)
        came_us, self._began_to_come_us = self._began_to_come_us, at_us
        if pts < self.start_position:
            return ()
        if packet.is_keyframe:
            self._check_keyframe(packet, pts)
        elif pts > self._gop_limit:
            raise RunBroken("the camera sends no keyframes", reopen=True)
        track.last_dts = dts
        self._end = max(self._end, pts + duration)
        self._frames += 1
        self._compare(at_us - position_us(duration) if came_us is None else came_us, pts)
        return (track.stamp(packet, pts, dts, duration),)

    def _decode_time(self, pts: int, dts: int, duration: int, *, is_keyframe: bool) -> int:
        """`dts`, or a better one where it lags behind a gap or a keyframe's times tremble.

        All keyframes of a run are decoded equally long before they are shown: recording relies on
        that. Of the others behind a gap, each is decoded a frame after the one before.
        """
        if self._delay is None:
            self._delay = pts - dts
        excess = pts - dts - self._delay
        trembles = is_keyframe and 2 * abs(excess) < duration
        # What was not shown before the keyframe explains what no reordering does.
        gap = pts - self._end + self._delay
        lags = is_keyframe and self._delay + duration < excess <= gap
        if trembles or lags:
            return pts - self._delay
        longest = _LONGEST_DELAY_FRAMES * duration
        if pts - dts <= longest:
            return dts
        follows = duration + (self._video.last_dts or 0)
        return min(follows, pts) if pts - follows <= longest else pts - 2 * self._delay

    def _compare(self, came_us: int, pts: int) -> None:
        """When a frame began to come tells about the clock, or later about drift.

        FFmpeg tells where a frame of RTP ends by the next one: it gives it out as that begins to
        come, so a frame began to come when the one before it came out.
        """
        if self.clock is not None:
            if self._frames % _DRIFT_FRAMES == 0:
                self._drift.saw(self.clock.at_us(pts))
            return
        if self._anchor.saw(came_us, pts - self.start_position):
            self.settle()

    def _check_keyframe(self, packet: Packet[Stream], pts: int) -> None:
        sequence = parameter_sets(packet, self._codec).sequence
        if self._frames == 0 and sequence:
            sent = {_kind(unit) for unit in sequence}
            others = (unit for unit in self._announced if _kind(unit) not in sent)
            self._sequence = frozenset((*sequence, *others))
        if packet.has_sidedata("new_extradata") or not self._sequence.issuperset(sequence):
            raise RunBroken("the camera changed the parameters of its picture", reopen=True)
        if self._drift.found_us is not None:
            seconds = self._drift.found_us / 1_000_000
            raise RunBroken(
                f"the camera's time and the clock drifted {seconds:+.1f} s apart", reopen=False
            )
        self._gop_limit = pts + _LONGEST_GOP_TICKS

    def _stamp_audio(self, packet: Packet[Stream], offset: int) -> Sequence[Packet[Stream]]:
        """Sound never ends a run: what does not fit is left out."""
        track = self._track(packet)
        time = packet.pts if packet.dts is None else packet.dts
        if time is None:
            return ()
        dts = track.scaled(time) + offset
        before = track.last_dts is not None and dts <= track.last_dts
        if before or dts < self.start_position or abs(dts - self._end) > _JUMP_TICKS:
            return ()
        track.last_dts = dts
        return (track.stamp(packet, dts, dts, track.scaled(packet.duration or 0)),)


def _turns(time: int, near: int) -> int:
    """What leads from a time to the nearest one to `near` that looks like it, in whole turns.

    FFmpeg makes up for one turn of a connection; when the second is over it falls back by both.
    """
    return (near - time + _TURN_TICKS // 2) // _TURN_TICKS * _TURN_TICKS


def _kind(unit: bytes) -> int:
    """Of a parameter set; some cameras send some kinds with some keyframes alone."""
    return unit[0] & 0x7E


def _jump_words(ahead: int, step: int) -> str:
    """`ahead`: of what was shown so far, `step`: from the last decode time on; in ticks.

    FFmpeg adds 2^32 to times before a connection's first.
    """
    if ahead > _JUMP_TICKS and ahead < 1 << 31:
        return f"the camera's time jumped {ahead / TICKS_PER_SECOND:.1f} s forward"
    back = (1 << 32) - ahead if ahead > 0 else -step
    return f"the camera's time jumped {back / TICKS_PER_SECOND:.1f} s back"
