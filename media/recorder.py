"""Records one run: packets in, segments and playlists on disk out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from media.boxes import FragmentSplitter, read_fragment, with_delay
from media.custody import CustodyLost
from media.parameters import parameter_sets, read_parameter_sets
from media.segments import Recording, SegmentWriter
from media.source import Source
from media.timeline import RunBroken, RunTimeline
from media.types import TICKS_PER_SECOND, MediaChange, RunBegan, RunEnded

log = logging.getLogger(__name__)

_LARGEST_FRAGMENT_BYTES = 8 << 20
"""A GOP larger than this is written in parts, so that one without end does not fill the memory."""
_OPTIONS = {
    # A fragment at each keyframe; the header late, when the first packets are known; times as
    # given (frag_discont).
    "movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov+frag_discont+skip_trailer",
    "frag_size": str(_LARGEST_FRAGMENT_BYTES),
    "avoid_negative_ts": "disabled",
    "use_editlist": "0",
    "video_track_timescale": str(TICKS_PER_SECOND),
    # A camera that announces sound and sends none must not hold the picture back.
    "max_interleave_delta": "500000",
}
_BUFFER_BYTES = 1 << 16


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
    ) -> None:
        self._source = source
        self._timeline = timeline
        self._camera_key = recording.camera_key
        self._deliver = deliver
        self._splitter = FragmentSplitter()
        self._segments = SegmentWriter(recording, deliver)
        self._muxer: OutputContainer | None = None
        self._outputs: dict[int, Stream] = {}
        self._announced = False
        self._failed = False
        self._delay = 0
        self._init = b""

    def write(self, packet: Packet[Stream]) -> None:
        """Records a stamped packet and gives it back as it was, but for audio's time base.

        Raises:
            OSError: the disk's. Only `end` may be called then.
            RunBroken: the muxer can't take what the camera sends.
            CustodyLost: another worker has the camera; only `end` may be called then.
        """
        if self._muxer is None:
            self._muxer = self._open_muxer(packet)
        self._mux(self._muxer, packet)
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
        muxer, self._muxer = self._muxer, None
        if muxer is None:
            return
        self._timeline.settle()
        self._announce()
        try:
            muxer.close()
        except av.error.FFmpegError as fault:
            log.warning("the end of a run is lost: %s", _words(fault))
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

    def _mux(self, muxer: OutputContainer, packet: Packet[Stream]) -> None:
        """Video is muxed as late as `with_delay` says, so that decode times begin at positions.

        The muxer cuts sound where it cuts video, by decode time: so a fragment's sound begins with
        its picture as well, and a player that takes the earlier for its zero is right.
        """
        source, pts, dts = packet.stream, packet.pts, packet.dts
        if packet.stream_index == self._source.video.index and pts is not None and dts is not None:
            packet.pts, packet.dts = pts + self._delay, dts + self._delay
        packet.stream = self._outputs[packet.stream_index]
        try:
            muxer.mux_one(packet)
        except (av.error.FFmpegError, ValueError) as fault:
            raise RunBroken(f"the stream can't be recorded: {_words(fault)}", reopen=True) from None
        finally:
            packet.stream, packet.pts, packet.dts = source, pts, dts

    def _open_muxer(self, first: Packet[Stream]) -> OutputContainer:
        muxer = av.open(
            self._splitter, mode="w", format="mp4", options=_OPTIONS, buffer_size=_BUFFER_BYTES
        )
        source = self._source
        video = muxer.add_stream_from_template(source.video, opaque=True)
        codec = source.video.codec_context.name
        if codec == "hevc":
            video.codec_context.codec_tag = "hvc1"  # what Safari plays; hev1 it does not
        # Cameras announce old parameters in their description after a change of settings.
        sent = parameter_sets(first, codec)
        announced = read_parameter_sets(source.video.codec_context.extradata or b"", codec)
        if sent.sequence and sent.picture and sent.sequence != announced.sequence:
            video.codec_context.extradata = sent.annex_b()
        self._outputs[source.video.index] = video
        self._delay = (first.pts or 0) - (first.dts or 0)
        if source.audio is not None:
            audio = muxer.add_stream_from_template(source.audio)
            self._outputs[source.audio.index] = cast(Stream, audio)
        return muxer

    def _announce(self) -> None:
        clock = self._timeline.clock
        if clock is not None and not self._announced:
            self._announced = True
            self._deliver(RunBegan(self._camera_key, clock.run_id, clock.anchor_us))

    def _write_fragments(self) -> None:
        timeline = self._timeline
        self._segments.set_clock(timeline.guessed_clock(), settled=timeline.clock is not None)
        for moof, *body in self._splitter.take():
            self._init = self._init or with_delay(self._splitter.init, self._delay)
            self._segments.append(self._init, [moof, *body], read_fragment(moof))


def _words(fault: Exception) -> str:
    return str(getattr(fault, "strerror", None) or "the packet does not fit the stream").lower()
