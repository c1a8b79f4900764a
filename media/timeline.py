"""Puts the packets of one run on the camera's media timeline, and ties it to wall time."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from av.packet import Packet
from av.stream import Stream

from media.clock import Clock
from media.parameters import parameter_sets, read_parameter_sets
from media.playlist import aligned, position_us
from media.types import TICKS_PER_SECOND, MediaError, RunClock

SETTLE_US = 1_000_000
DRIFT_US = 2_000_000
DRIFT_WINDOW_US = 10_000_000
_JUMP_TICKS = 10 * TICKS_PER_SECOND
_BACK_TICKS = TICKS_PER_SECOND // 2
_LONGEST_GOP_TICKS = 60 * TICKS_PER_SECOND
_TICK = Fraction(1, TICKS_PER_SECOND)
_MOST_HELD = 100
_USUAL_DURATION = 3000


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
    """Times of one stream: a tick of its time base is `ticks` / `per` of ours."""

    ticks: int
    per: int
    last_dts: int | None = None

    @classmethod
    def of(cls, stream: Stream) -> _Track:
        share = (stream.time_base or _TICK) * TICKS_PER_SECOND
        return cls(share.numerator, share.denominator)

    def scaled(self, time: int) -> int:
        return (time * self.ticks + self.per // 2) // self.per

    def stamp(self, packet: Packet[Stream], pts: int, dts: int) -> Packet[Stream]:
        packet.pts = pts
        packet.dts = dts
        if self.ticks != self.per:
            packet.time_base = _TICK
        return packet


@dataclass(frozen=True, slots=True)
class _Frame:
    packet: Packet[Stream]
    pts: int
    dts: int
    duration: int


class _Decoding:
    """Chooses decode times that make every player agree with positions, B-frames or not.

    A player's zero is the first frame's presentation time (FFmpeg) or decode time (browsers
    with hls.js). So a keyframe that begins a closed GOP is decoded when it is shown, and
    the next few frames quickly after it, until decode times are again what they were.
    Negative composition offsets would do the same for hls.js, but FFmpeg then shows the video
    late against sound. Whether a GOP is closed tells the packet after its keyframe.
    """

    def __init__(self, track: _Track) -> None:
        self._track = track
        self._keyframe: _Frame | None = None
        self._written: int | None = None
        self._step = 1

    def take(self, frame: _Frame) -> list[Packet[Stream]]:
        """Frames in decode order; a keyframe of a stream with B-frames waits for the next one."""
        ready = []
        keyframe, self._keyframe = self._keyframe, None
        if keyframe is not None:
            ready.append(self._write_keyframe(keyframe, is_closed=frame.pts > keyframe.pts))
        if frame.packet.is_keyframe and frame.dts < frame.pts:
            self._keyframe = frame
        else:
            ready.append(self._write(frame))
        return ready

    def _write_keyframe(self, frame: _Frame, *, is_closed: bool) -> Packet[Stream]:
        if not is_closed:
            return self._write(frame)
        behind = (frame.pts - frame.dts) // frame.duration
        self._step = max(1, frame.duration // (2 * behind + 2))
        return self._write(replace(frame, dts=frame.pts))

    def _write(self, frame: _Frame) -> Packet[Stream]:
        pts, dts = frame.pts, frame.dts
        if self._written is not None and dts <= self._written:
            dts = max(self._written + 1, min(self._written + self._step, pts))
        self._written = dts
        return self._track.stamp(frame.packet, max(pts, dts), dts)


class _Anchor:
    """Finds the wall time of a run's start: the smallest (arrival - time since the start).

    Measured on the monotonic clock, so that setting the machine's clock does not harm it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._earliest_us: int | None = None
        self._first_us = 0

    def saw(self, arrived_us: int, ticks: int) -> bool:
        """A frame shown `ticks` after the start arrived. Whether enough has been seen."""
        start_us = arrived_us - position_us(ticks)
        if self._earliest_us is None:
            self._earliest_us = start_us
            self._first_us = arrived_us
        self._earliest_us = min(self._earliest_us, start_us)
        return arrived_us - self._first_us >= SETTLE_US

    def wall_us(self) -> int:
        now_us = self._clock.now_us()
        return now_us - self._clock.monotonic_us() + (self._earliest_us or 0)


class _Drift:
    """Compares run time with wall time as frames arrive.

    A frame may be late (a stalled network delivers everything at last), so late counts only when
    all of a window's frames were; early is never the network's doing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window_ends_us = 0
        self._least_us: int | None = None
        self.found_us: int | None = None

    def saw(self, due_us: int) -> None:
        now_us = self._clock.now_us()
        late_us = now_us - due_us
        if late_us < -DRIFT_US:
            self.found_us = late_us
        monotonic_us = self._clock.monotonic_us()
        if monotonic_us >= self._window_ends_us:
            if self._least_us is not None and self._least_us > DRIFT_US:
                self.found_us = self._least_us
            self._least_us = None
            self._window_ends_us = monotonic_us + DRIFT_WINDOW_US
        self._least_us = late_us if self._least_us is None else min(self._least_us, late_us)


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
        self._tracks = {video.index: _Track.of(video)}
        extradata = video.codec_context.extradata or b""
        self._sequence = read_parameter_sets(extradata, self._codec).sequence
        self._held: list[tuple[Packet[Stream], int]] = []
        self._offset: int | None = None
        self._end = start_position
        self._last_keyframe = start_position
        self._frames = 0
        self._decoding = _Decoding(self._tracks[video.index])
        self._anchor = _Anchor(clock)
        self._drift = _Drift(clock)

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
        ticks = self._end - self.start_position
        if ticks < 2 * TICKS_PER_SECOND:
            return None
        return round(self._frames * TICKS_PER_SECOND / ticks, 2)

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

        Nothing comes out before the first keyframe. RTP carries presentation times alone:
        FFmpeg rebuilds dts, and the first packets lack it, the very first one pts as well. They
        are held until a packet with a dts tells what theirs were.

        Raises:
            RunBroken: this packet, which is left as it was, is not of the same run.
        """
        arrived_us = self._wall.monotonic_us()
        if self._offset is None:
            return self._begin(packet, arrived_us)
        if packet.stream_index != self._video_index:
            return self._stamp_audio(packet, self._offset)
        return self._stamp_video(packet, arrived_us, self._offset)

    def _begin(self, packet: Packet[Stream], arrived_us: int) -> Sequence[Packet[Stream]]:
        is_video = packet.stream_index == self._video_index
        if not self._held and not (is_video and packet.is_keyframe):
            return ()
        self._held.append((packet, arrived_us))
        if len(self._held) > _MOST_HELD:
            if not is_video or packet.pts is None:
                raise RunBroken("the camera's packets carry no times", reopen=True)
            packet.dts = packet.dts or packet.pts
        if not is_video or packet.dts is None or packet.pts is None:
            return ()
        held, self._held = self._held, []
        _rebuild_times([one for one, _ in held if one.stream_index == self._video_index])
        first = held[0][0].pts or 0
        self._offset = self.start_position - self._tracks[self._video_index].scaled(first)
        stamped: list[Packet[Stream]] = []
        for one, at_us in held:
            if one.stream_index != self._video_index:
                stamped += self._stamp_audio(one, self._offset)
            # Leading pictures, shown before the first keyframe, need frames that never came.
            elif one.pts is not None and one.pts >= first:
                stamped += self._stamp_video(one, at_us, self._offset)
        return stamped

    def _stamp_video(
        self, packet: Packet[Stream], arrived_us: int, offset: int
    ) -> Sequence[Packet[Stream]]:
        track = self._tracks[self._video_index]
        time = packet.pts if packet.dts is None else packet.dts
        if time is None:
            return ()
        dts = track.scaled(time) + offset
        if track.last_dts is not None:
            _check_step(dts - track.last_dts)
            dts = max(dts, track.last_dts + 1)
        pts = dts if packet.pts is None else max(dts, track.scaled(packet.pts) + offset)
        if pts < self.start_position:
            return ()
        self._check_gop(packet, pts)
        track.last_dts = dts
        duration = track.scaled(packet.duration or 0) or _USUAL_DURATION
        self._end = max(self._end, pts + duration)
        self._frames += 1
        if self.clock is not None:
            self._drift.saw(self.clock.at_us(pts))
        elif self._anchor.saw(arrived_us, pts - self.start_position):
            self.settle()
        return self._decoding.take(_Frame(packet, pts, dts, duration))

    def _check_gop(self, packet: Packet[Stream], pts: int) -> None:
        if pts - self._last_keyframe > _LONGEST_GOP_TICKS:
            raise RunBroken("the camera sends no keyframes", reopen=True)
        if not packet.is_keyframe:
            return
        sequence = parameter_sets(packet, self._codec).sequence
        if self._frames == 0:
            self._sequence = sequence or self._sequence
        if packet.has_sidedata("new_extradata") or (sequence and sequence != self._sequence):
            raise RunBroken("the camera changed the parameters of its picture", reopen=True)
        if self._drift.found_us is not None:
            seconds = self._drift.found_us / 1_000_000
            raise RunBroken(
                f"the camera's time and the clock drifted {seconds:+.1f} s apart", reopen=False
            )
        self._last_keyframe = pts

    def _stamp_audio(self, packet: Packet[Stream], offset: int) -> Sequence[Packet[Stream]]:
        """Sound never ends a run: what does not fit is left out."""
        track = self._tracks.get(packet.stream_index)
        if track is None:
            track = self._tracks[packet.stream_index] = _Track.of(packet.stream)
        time = packet.pts if packet.dts is None else packet.dts
        if time is None:
            return ()
        dts = track.scaled(time) + offset
        before = track.last_dts is not None and dts <= track.last_dts
        if before or dts < self.start_position or abs(dts - self._end) > _JUMP_TICKS:
            return ()
        track.last_dts = dts
        return (track.stamp(packet, dts, dts),)


def _check_step(ticks: int) -> None:
    seconds = abs(ticks) / TICKS_PER_SECOND
    if ticks > _JUMP_TICKS:
        raise RunBroken(f"the camera's time jumped {seconds:.1f} s forward", reopen=True)
    if ticks < -_BACK_TICKS:
        raise RunBroken(f"the camera's time jumped {seconds:.1f} s back", reopen=True)


def _rebuild_times(held: Sequence[Packet[Stream]]) -> None:
    """Gives the first packets of a stream the times that FFmpeg could not know yet.

    Only the last has a dts. Decode times before it are one frame apart. The first packet, a
    keyframe, may lack its pts: it is shown one frame before the earliest of the others.
    """
    last = held[-1]
    known = sorted(one.pts for one in held if one.pts is not None)
    steps = [after - before for before, after in itertools.pairwise(known)]
    duration = last.duration or min((step for step in steps if step > 0), default=_USUAL_DURATION)
    if held[0].pts is None:
        held[0].pts = known[0] - duration
    count = len(held) - 1
    decode_times = [(last.dts or 0) - (count - n) * duration for n in range(count)]
    shown_times = [one.pts if one.pts is not None else known[0] for one in held]
    excess = max((d - p for d, p in zip(decode_times, shown_times, strict=False)), default=0)
    for one, decode_time in zip(held, decode_times, strict=False):
        one.dts = decode_time - max(0, excess)
