"""One run of a camera: its packets stamped, recorded, then shown to whoever looks at them."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVarTuple

from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.clock import Clock
from media.last_sound import last_coding
from media.live.feed import LiveFeed
from media.recorder import Recorder
from media.repair import cut_off, repair
from media.segments import Recording
from media.sound import USUAL_SILENCE
from media.source import Source
from media.timeline import RunTimeline
from media.types import MediaChange

log = logging.getLogger(__name__)

Values = TypeVarTuple("Values")


class PacketConsumer(Protocol):
    """Looks at a camera's video after it has been recorded; called by the camera's thread alone.

    `begin_run` comes before the first packet of a run, or the first that it is shown of one,
    `end_run` after the last. `timeline.clock` is None until it has settled; `timeline.recorded`
    says whether positions lead to footage. A method that raises is called no more until the next
    run: recording goes on. `fault` says in plain words why nothing is looked at, or not as wanted;
    None while all is well.
    """

    @property
    def fault(self) -> str | None:
        """Why it sees nothing now, in plain words; from any thread."""
        ...

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None: ...

    def packet(self, packet: Packet[Stream]) -> None:
        """A video packet in decode order, pts and dts being positions; keyframe first."""
        ...

    def end_run(self, ended_at_us: int) -> None: ...

    def close(self) -> None:
        """Nothing more comes."""
        ...


class Guarded:
    """A consumer whose failures stay with it.

    Another one may take its place at any time; the run, and so recording, goes on.
    """

    def __init__(self, consumer: PacketConsumer | None, camera: str) -> None:
        self._consumer = consumer
        self._camera = camera
        self._in_run = False
        self._run: tuple[VideoStream, RunTimeline] | None = None
        self._successors: deque[PacketConsumer | None] = deque()
        self._failure: str | None = None

    @property
    def fault(self) -> str | None:
        """What is wrong in the present run: it failed, or it says so itself."""
        if self._failure is not None or self._consumer is None:
            return self._failure
        return self._consumer.fault

    def succeed(self, consumer: PacketConsumer | None) -> None:
        """From any thread: `consumer` takes over at the next keyframe; the present one is closed.

        None looks at nothing.
        """
        self._successors.append(consumer)

    def begin_run(self, stream: VideoStream, timeline: RunTimeline) -> None:
        self._take_successor()
        self._run = (stream, timeline)
        consumer = self._consumer
        if consumer is not None:
            self._in_run = True
            self._guard(consumer.begin_run, stream, timeline)

    def packet(self, packet: Packet[Stream]) -> None:
        if self._successors and packet.is_keyframe:
            self._change(packet)
        consumer = self._consumer
        if consumer is not None and self._in_run:
            self._guard(consumer.packet, packet)

    def _change(self, keyframe: Packet[Stream]) -> None:
        """In the middle of a run, once its clock has settled: nothing is looked at before."""
        if self._run is None:
            return
        stream, timeline = self._run
        clock, position = timeline.clock, keyframe.pts
        if clock is not None and position is not None:
            self.end_run(clock.at_us(position))
            self.begin_run(stream, timeline)

    def _take_successor(self) -> None:
        while self._successors:
            self._close_present()
            self._consumer = self._successors.popleft()

    def end_run(self, ended_at_us: int) -> None:
        consumer = self._consumer
        if consumer is not None and self._in_run:
            self._guard(consumer.end_run, ended_at_us)
        self._in_run = False
        self._run = None
        self._failure = None

    def close(self) -> None:
        """The camera's thread ends."""
        self._take_successor()
        self._close_present()

    def _close_present(self) -> None:
        consumer = self._consumer
        if consumer is not None:
            self._guard(consumer.close)

    def _guard(self, call: Callable[[*Values], None], *values: *Values) -> None:
        try:
            call(*values)
        except Exception:
            # Whatever is wrong with detection, recording never waits for it or falls with it.
            log.exception("camera %s: detection failed and is off for this run", self._camera)
            self._in_run = False
            self._failure = "detection failed and is off until the next connection"


class Run:
    """From a connection's packet to where they stop being one run; the camera's thread alone."""

    def __init__(
        self, source: Source, timeline: RunTimeline, recorder: Recorder | None, consumer: Guarded
    ) -> None:
        self.timeline = timeline
        self._source = source
        self._video_index = source.video.index
        self._recorder = recorder
        self._consumer = consumer
        self._shown = False
        self.live: LiveFeed | None = None
        self.releases = contextlib.ExitStack()

    @property
    def is_recorded(self) -> bool:
        return self._recorder is not None

    def take(self, packet: Packet[Stream]) -> None:
        """Handles a packet as it came from the source.

        Raises:
            RunBroken: it is of another run; it has not been changed.
            OSError: it could not be recorded.
            MediaError: what the camera sends can't be recorded.
        """
        for stamped in self.timeline.stamp(packet):
            if self._recorder is not None:
                self._recorder.write(stamped)
            is_video = stamped.stream_index == self._video_index
            if self.live is not None:
                self.live.take(stamped, is_video=is_video)
            if is_video:
                if not self._shown:
                    self._shown = True
                    self._consumer.begin_run(self._source.video, self.timeline)
                self._consumer.packet(stamped)

    def end(self, reason: str, clock: Clock) -> None:
        """Closes what is open; `reason` is why the run ended, in plain words."""
        with self.releases:
            self.timeline.settle()
            if self._recorder is not None:
                self._recorder.end(reason)
            if self._shown:
                settled = self.timeline.clock
                position = self.timeline.end_position
                self._consumer.end_run(settled.at_us(position) if settled else clock.now_us())


def begin_recorded(
    source: Source,
    recording: Recording,
    clock: Clock,
    deliver: Callable[[MediaChange], None],
    consumer: Guarded,
) -> Run:
    """A run that is recorded, after what an earlier one left has been repaired.

    Raises:
        RecordingBusy: another recorder of the same owner writes there.
        CustodyLost: the camera's footage has a later owner.
        OSError: the disk's.
    """
    with contextlib.ExitStack() as stack:
        store, camera = recording.store, recording.camera
        custody = stack.enter_context(store.writing(camera, recording.token))
        if custody.is_new:
            cut_off(store, camera)
        found = repair(store, camera, recording.camera_key, clock.now_us())
        for change in found.changes:
            deliver(change)
        position = max(found.end_position, recording.from_position)
        timeline = RunTimeline(source.video, position, clock)
        held = replace(recording, custody=custody)
        silence = last_coding(store, camera) if source.audio is None else USUAL_SILENCE
        recorder = Recorder(source, timeline, held, deliver, silence)
        run = Run(source, timeline, recorder, consumer)
        run.releases = stack.pop_all()
        return run


def begin_unrecorded(source: Source, clock: Clock, consumer: Guarded) -> Run:
    """A run for looking at alone: its positions lead to no footage."""
    return Run(source, RunTimeline(source.video, 0, clock, recorded=False), None, consumer)
