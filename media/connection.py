"""What happens while one connection to a camera lasts: runs, and the disk's bad moments."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from av.packet import Packet
from av.stream import Stream

from media.clock import Clock
from media.codecs import VideoSetup
from media.counts import Tally
from media.custody import RecordingBusy
from media.decoders import PictureCheck
from media.disk import halted, is_full
from media.live.feed import LiveFeed
from media.orders import LifeSigns, StopOrder
from media.run import Guarded, Run, begin_recorded, begin_unrecorded
from media.segments import Recording
from media.source import Source
from media.source_errors import SourceGarbage, SourceStalled
from media.timeline import RunBroken
from media.types import CameraState, MediaChange, MediaError, SegmentClosed, StreamInfo

log = logging.getLogger(__name__)

_STEADY_US = 10_000_000
_NO_KEYFRAME_US = 60_000_000
_NO_PICTURE_US = 10_000_000
_SOUND_ALONE_US = 10_000_000
_BUSY_RETRY_US = 1_000_000
_FULL_RETRY_US = 1_000_000

Report = Callable[[CameraState, str | None, StreamInfo | None], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done with a camera's packets. `recording` None: nothing is kept.

    `disk_retry_us`: how long recording waits after the disk failed. `rest_s` says how long packets
    may wait for each other once the run's clock has settled. `life` is told of each packet. `live`
    is for those who watch now.
    """

    recording: Recording | None
    consumer: Guarded
    clock: Clock
    deliver: Callable[[MediaChange], None]
    report: Report
    disk_retry_us: int
    rest_s: Callable[[], float]
    life: LifeSigns
    tally: Tally = field(default_factory=Tally)
    live: LiveFeed | None = None


class Connection:
    """Follows one open source; used by the camera's thread alone.

    When the disk fails, detection goes on and recording is tried again after a while.
    """

    def __init__(self, source: Source, job: Job) -> None:
        self._source = source
        self._job = job
        self._run: Run | None = None
        self._fps: float | None = None
        self._disk_fault: str | None = None
        self._record_again_us = 0
        self._opened_us = job.clock.monotonic_us()
        self._video_index = source.video.index
        self._sound_since_us: int | None = None
        setup = VideoSetup.of(source.video)
        self._check: PictureCheck | None = source.decoders.picture_check(setup)
        self._keyframe_us: int | None = None
        self._began_us: int | None = None

    @property
    def is_steady(self) -> bool:
        """Whether it has brought pictures for 10 s."""
        now_us = self._job.clock.monotonic_us()
        return self._began_us is not None and now_us - self._began_us >= _STEADY_US

    def follow(self, stop: StopOrder) -> None:
        """Takes packets until told to stop.

        Raises:
            SourceError: there are no more.
            RunBroken: the stream has to be opened anew.
            CustodyLost: another worker has the camera.
            MediaError: what comes can't be recorded.
        """
        reason = "the recorder failed"
        try:
            for packet in self._source.packets():
                if stop.is_set():
                    break
                self._job.life.give()
                self._take(packet)
            reason = stop.reason
        except MediaError as fault:
            reason = stop.reason if stop.is_set() else str(fault)
            raise
        finally:
            self._end_check()
            self._end_run(reason)

    def _end_check(self) -> None:
        check, self._check = self._check, None
        if check is not None:
            check.close()

    def _take(self, packet: Packet[Stream]) -> None:
        run = self._run
        is_video = packet.stream_index == self._video_index
        if is_video:
            self._sound_since_us = None
            self._job.tally.frames += 1
            self._job.tally.received_bytes += packet.size
        if run is None or not is_video or packet.is_keyframe or self._began_us is None:
            run = self._look_around(packet, is_video)
        try:
            run.take(packet)
        except RunBroken as fault:
            if fault.reopen:
                raise
            self._next_run(str(fault)).take(packet)
        except OSError as fault:
            self._cannot_record(f"the disk failed: {fault.strerror}", self._retry_us(fault))
            self._end_run(self._disk_fault or "")
        if is_video and self._check is not None and self._check.passes(packet):
            self._end_check()

    def _look_around(self, packet: Packet[Stream], is_video: bool) -> Run:
        """What need not be done for every frame. The run that the packet goes to."""
        now_us = self._job.clock.monotonic_us()
        if not is_video:
            self._sound_since_us = self._sound_since_us or now_us
            if now_us - self._sound_since_us > _SOUND_ALONE_US:
                raise SourceStalled("the camera sends sound but no picture")
        run = self._run
        if run is None:
            run = self._next_run("")
        elif is_video and packet.is_keyframe and self._can_record_again(run, now_us):
            run = self._next_run("recording is tried again")
        if self._check is None:
            self._began_us = self._began_us or now_us
            self._report(run)
            if run.timeline.clock is not None:
                self._source.rest_s = self._job.rest_s()
        else:
            self._check_patience(packet.is_keyframe and is_video, now_us)
        return run

    def _check_patience(self, is_keyframe: bool, now_us: int) -> None:
        """No picture yet. Between keyframes a minute may pass, after one a picture must come."""
        if is_keyframe and self._keyframe_us is None:
            self._keyframe_us = now_us
        if self._keyframe_us is None and now_us - self._opened_us > _NO_KEYFRAME_US:
            raise SourceGarbage("no keyframe came within a minute")
        if self._keyframe_us is not None and now_us - self._keyframe_us > _NO_PICTURE_US:
            raise SourceGarbage("nothing that comes can be made into a picture")

    def _can_record_again(self, run: Run, now_us: int) -> bool:
        recording = self._job.recording
        if recording is None or run.is_recorded or now_us < self._record_again_us:
            return False
        waits = halted(recording.store.root)
        if waits is not None:
            self._disk_fault = f"not recording: {waits}"
        return waits is None

    def _retry_us(self, fault: OSError) -> int:
        """A disk that is full soon has room again: retention sees to it."""
        longest_us = self._job.disk_retry_us
        return min(longest_us, _FULL_RETRY_US) if is_full(fault) else longest_us

    def _next_run(self, reason: str) -> Run:
        """Ends the run there is, for that reason, and begins another one."""
        self._end_run(reason)
        run = self._run = self._begin_run()
        if self._job.live is not None:
            self._job.live.begin_run(self._source)
            run.live = self._job.live
        return run

    def _begin_run(self) -> Run:
        job = self._job
        if job.recording is not None and job.clock.monotonic_us() >= self._record_again_us:
            before = self._disk_fault
            try:
                run = begin_recorded(
                    self._source, job.recording, job.clock, self._deliver, job.consumer
                )
            except RecordingBusy as fault:
                self._cannot_record(str(fault), _BUSY_RETRY_US)
            except OSError as fault:
                self._cannot_record(f"the disk failed: {fault.strerror}", self._retry_us(fault))
            else:
                self._disk_fault = before  # a segment found by repair does not prove it well
                return run
        return begin_unrecorded(self._source, job.clock, job.consumer)

    def _end_run(self, reason: str) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.end(reason, self._job.clock)
            if run.live is not None:
                run.live.end_run()

    def _cannot_record(self, reason: str, wait_us: int) -> None:
        self._disk_fault = f"not recording: {reason.lower()}"
        self._record_again_us = self._job.clock.monotonic_us() + wait_us
        self._job.report(CameraState.ERROR, self._disk_fault, self._stream())
        log.warning("a camera is not recorded: %s", reason)

    def _deliver(self, change: MediaChange) -> None:
        if isinstance(change, SegmentClosed):
            self._disk_fault = None
        self._job.deliver(change)

    def _report(self, run: Run) -> None:
        if self._fps is None:
            self._fps = run.timeline.fps
        if self._disk_fault is not None:
            self._job.report(CameraState.ERROR, self._disk_fault, self._stream())
        else:
            self._job.report(CameraState.ONLINE, self._job.consumer.fault, self._stream())

    def _stream(self) -> StreamInfo:
        return replace(self._source.stream, fps=self._fps)
