"""Records one run: packets in, segments and playlists on disk out."""

from __future__ import annotations

import logging
from collections.abc import Callable

from av.packet import Packet
from av.stream import Stream

from media.boxes import FragmentSplitter, read_fragment
from media.custody import CustodyLost
from media.muxing import Muxing
from media.segments import Recording, SegmentWriter
from media.sound import USUAL_SILENCE, Coding
from media.source import Source
from media.timeline import RunTimeline
from media.types import MediaChange, RunBegan, RunEnded

log = logging.getLogger(__name__)


class Recorder:
    """Muxes a run's packets and has its fragments written; used by the camera's thread alone.

    FFmpeg's own HLS muxer would not do: it takes PROGRAM-DATE-TIME from the time of its start
    plus durations, has one folder, overwrites the init segment when it appends, and dies of a
    dts that steps back.
    """

    def __init__(
        self,
        source: Source,
        timeline: RunTimeline,
        recording: Recording,
        deliver: Callable[[MediaChange], None],
        silence: Coding = USUAL_SILENCE,
    ) -> None:
        """`silence` is recorded where the camera announces no sound."""
        self._source = source
        self._timeline = timeline
        self._camera_key = recording.camera_key
        self._deliver = deliver
        self._silence = silence
        self._splitter = FragmentSplitter()
        self._segments = SegmentWriter(recording, deliver)
        self._muxing: Muxing | None = None
        self._announced = False
        self._failed = False

    def write(self, packet: Packet[Stream]) -> None:
        """Records a stamped packet and gives it back as it was; the first is a keyframe.

        Raises:
            OSError: the disk's. Only `end` may be called then.
            RunBroken: the muxer can't take what the camera sends.
            CustodyLost: another worker has the camera; only `end` may be called then.
        """
        if self._muxing is None:
            self._muxing = Muxing(self._source, packet, self._splitter, self._silence)
        self._muxing.add(packet)
        if self._announced and not self._splitter.has_whole:
            return
        self._announce()
        try:
            self._write_fragments()
        except OSError:
            self._failed = True
            raise

    def end(self, reason: str) -> None:
        """Closes the last segment and tells that the run is over; does nothing the second time.

        After a disk error what can still be closed is closed; the rest is left to repair.
        """
        muxing = self._muxing
        if muxing is None or not muxing.close():
            return
        self._timeline.settle()
        self._announce()
        try:
            if not self._failed:
                self._write_fragments()
            self._segments.close()
        except CustodyLost as fault:
            self._segments.abandon()
            log.warning("a segment is not listed: %s", fault)
        except OSError as fault:
            self._segments.abandon()
            log.warning("a segment is left to repair: %s", fault.strerror)
        if self._announced and self._timeline.clock is not None:
            ended_at_us = self._timeline.clock.at_us(self._timeline.end_position)
            run_id = self._timeline.run_id
            self._deliver(RunEnded(self._camera_key, run_id, ended_at_us, reason))

    def _announce(self) -> None:
        clock = self._timeline.clock
        if clock is not None and not self._announced:
            self._announced = True
            self._deliver(RunBegan(self._camera_key, clock.run_id, clock.anchor_us))

    def _write_fragments(self) -> None:
        timeline = self._timeline
        self._segments.set_clock(timeline.guessed_clock(), settled=timeline.clock is not None)
        for moof, *body in self._splitter.take():
            head = self._muxing.settled(moof) if self._muxing else moof
            self._segments.append(self._splitter.init, [head, *body], read_fragment(head))
