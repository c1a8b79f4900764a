"""A camera of two streams: the main one is recorded, and its substream is looked at."""

from __future__ import annotations

import threading
from collections import deque

from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.alignment import CameraMoment, MainRun, camera_moment
from media.clock import Clock
from media.run import PacketConsumer
from media.timeline import RunTimeline
from media.types import MediaChange, StatusChanged

FALL_BACK_US = 30_000_000
"""When the substream has shown nothing for so long, the main stream is looked at."""
_MOST_WAITING = 300
"""Packets of the substream that wait for the main stream's; more are given up."""


class TwoStreams:
    """Shows one consumer the substream while it comes, else, after a while, the main stream.

    `main` is the consumer of the main stream's pipeline, `substream` that of the substream's, which
    records nothing and tells its states to `told`. Each is called by the thread of its stream; the
    true consumer by whichever has the turn, so by one at a time, and neither thread ever waits
    for the other. What the consumer is shown has positions of frames of the main stream.
    """

    def __init__(
        self, consumer: PacketConsumer, clock: Clock, fall_back_us: int = FALL_BACK_US
    ) -> None:
        self.consumer, self.clock = consumer, clock
        self.run: MainRun | None = None
        self.main = MainStream(self)
        self.substream = Substream(self)
        self._fall_back_us = fall_back_us
        self._lock = threading.Lock()
        self._turn: MainStream | Substream | None = None
        self._shown_us = clock.monotonic_us()
        self._claimed = False
        self._closed: set[MainStream | Substream] = set()
        self._reason: str | None = None

    @property
    def fault(self) -> str | None:
        """Why the substream is not looked at, in plain words."""
        if self.consumer.fault is not None:
            return self.consumer.fault
        if self._reason is None:
            return None
        if self._turn is self.main:
            return f"the main stream is looked at, not the substream: {self._reason}"
        return f"nothing is looked at, as the substream fails: {self._reason}"

    def told(self, change: MediaChange) -> None:
        """From the substream's pipeline."""
        if isinstance(change, StatusChanged):
            self._reason = change.reason

    def take_turn(self, stream: MainStream | Substream, since_us: int = 0) -> bool:
        """Whether this stream may be looked at from now on, until it gives its turn back.

        The substream may when the main stream is not looked at, which it is asked to leave; the
        main stream when the substream has shown nothing for long, at least since `since_us`.
        """
        with self._lock:
            if stream is self.substream:
                self._shown_us = self.clock.monotonic_us()
                self._claimed = self._turn is self.main
            elif self.clock.monotonic_us() - max(self._shown_us, since_us) < self._fall_back_us:
                return False
            if self._turn is None:
                self._turn = stream
            return self._turn is stream

    @property
    def is_claimed(self) -> bool:
        """Whether the main stream is to be left, because the substream is back."""
        return self._claimed

    def shows(self) -> None:
        """The substream comes."""
        self._shown_us = self.clock.monotonic_us()

    def give_back(self, stream: MainStream | Substream) -> None:
        with self._lock:
            if self._turn is stream:
                self._turn, self._claimed = None, False

    def close(self, stream: MainStream | Substream) -> None:
        """Nothing more comes of it: after the other, too, the consumer is closed."""
        with self._lock:
            self._closed.add(stream)
            is_last = len(self._closed) == 2
        if is_last:
            self.consumer.close()


class MainStream:
    """What the main stream's thread shows: where its frames are and, in need, the frames."""

    def __init__(self, both: TwoStreams) -> None:
        self._both = both
        self._stream: VideoStream | None = None
        self._began_us = 0
        self._looking = False

    @property
    def fault(self) -> str | None:
        return self._both.fault

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None:
        self._both.give_back(self)
        self._looking = False
        self._stream, self._began_us = stream, self._both.clock.monotonic_us()
        self._both.run = MainRun(timeline)

    def packet(self, packet: Packet[Stream]) -> None:
        both, run = self._both, self._both.run
        if run is None or self._stream is None:
            return
        run.add(packet)
        clock = run.timeline.clock
        if self._looking and clock is not None and both.is_claimed:
            self._leave(clock.at_us(packet.pts or 0))
        elif not self._looking and clock is not None and packet.is_keyframe:
            self._looking = both.take_turn(self, self._began_us)
            if self._looking:
                both.consumer.begin_run(self._stream, run.timeline)
        if self._looking:
            both.consumer.packet(packet)

    def end_run(self, ended_at_us: int) -> None:
        self._both.run = None
        if self._looking:
            self._leave(ended_at_us)

    def close(self) -> None:
        self._both.close(self)

    def _leave(self, at_us: int) -> None:
        self._looking = False
        try:
            self._both.consumer.end_run(at_us)
        finally:
            self._both.give_back(self)


class Substream:
    """What the substream's thread shows, once the main stream has come as far.

    A packet waits until the frames of the main stream around it are known. Then it is shown with
    the position of the one that was taken at the same moment.
    """

    fault: str | None = None

    def __init__(self, both: TwoStreams) -> None:
        self._both = both
        self._stream: VideoStream | None = None
        self._timeline: RunTimeline | None = None
        self._moment: CameraMoment | None = None
        self._waiting: deque[Packet[Stream]] = deque()
        self._run: MainRun | None = None

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None:
        self._leave()
        self._waiting.clear()
        self._stream, self._timeline, self._moment = stream, timeline, None

    def packet(self, packet: Packet[Stream]) -> None:
        if packet.is_keyframe:
            self._moment = camera_moment(packet) or self._moment
            if not self._are_settled:  # what came before is not looked at any more
                self._waiting.clear()
        elif len(self._waiting) >= _MOST_WAITING:
            self._leave()
            self._waiting.clear()
        if self._waiting or self._run is not None or packet.is_keyframe:
            self._waiting.append(packet)
        self._show_waiting()

    def end_run(self, ended_at_us: int) -> None:
        self._leave(ended_at_us)
        self._waiting.clear()

    def close(self) -> None:
        self._both.close(self)

    @property
    def _are_settled(self) -> bool:
        """Whether the clocks of both streams' runs are known."""
        run, own = self._both.run, self._timeline
        if run is None or own is None:
            return False
        return run.timeline.clock is not None and own.clock is not None

    def _show_waiting(self) -> None:
        run = self._both.run
        if run is not self._run:
            self._leave()
        while run is not None and self._waiting:
            at_us = self._at_us(run, self._waiting[0])
            position = None if at_us is None else run.nearest(at_us)
            if at_us is None or position is None:
                return
            packet = self._waiting.popleft()
            if self._may_show(run, packet, at_us):
                packet.pts = packet.dts = position
                self._both.shows()
                self._both.consumer.packet(packet)

    def _at_us(self, run: MainRun, packet: Packet[Stream]) -> int | None:
        """The wall time of the main stream's frame of the same moment, once clocks have settled."""
        clock = self._timeline.clock if self._timeline is not None else None
        if clock is None or packet.pts is None:
            return None
        return clock.at_us(packet.pts) - run.lag_us(clock, self._moment)

    def _may_show(self, run: MainRun, packet: Packet[Stream], at_us: int) -> bool:
        """Whether it is looked at; that begins with a keyframe."""
        if self._run is run:
            return True
        clock, stream = run.timeline.clock, self._stream
        if clock is None or stream is None or at_us < clock.anchor_us or not packet.is_keyframe:
            return False
        if not self._both.take_turn(self):
            return False
        self._run = run
        self._both.consumer.begin_run(stream, run.timeline)
        return True

    def _leave(self, ended_at_us: int | None = None) -> None:
        """Ends what is looked at, at the latest where the main stream's run ends."""
        run, self._run = self._run, None
        if run is None:
            return
        clock = run.timeline.clock
        end_us = clock.at_us(run.timeline.end_position) if clock else ended_at_us
        try:
            if end_us is not None:
                self._both.consumer.end_run(min(end_us, ended_at_us or end_us))
        finally:
            self._both.give_back(self)
