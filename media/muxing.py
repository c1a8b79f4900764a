"""Muxes the stamped packets of one run into fragments of mp4, with FFmpeg's muxer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import cast

import av
import av.error
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from media.boxes import FragmentSplitter
from media.parameters import parameter_sets, read_parameter_sets
from media.retiming import Reordering
from media.sound import MOST_HELD_US, USUAL_SILENCE, Coding, Sound
from media.source import Source
from media.timeline import RunBroken
from media.types import TICKS_PER_SECOND

log = logging.getLogger(__name__)

_LARGEST_FRAGMENT_BYTES = 8 << 20
"""A GOP larger than this is written in parts, so that one without end does not fill the memory."""
OPTIONS = {
    # A fragment at each keyframe; the header late, when the first packets are known; times as
    # given (frag_discont).
    "movflags": "frag_keyframe+empty_moov+default_base_moof+delay_moov+frag_discont+skip_trailer",
    "frag_size": str(_LARGEST_FRAGMENT_BYTES),
    "avoid_negative_ts": "disabled",
    "use_editlist": "0",
    "video_track_timescale": str(TICKS_PER_SECOND),
    "max_interleave_delta": str(MOST_HELD_US),
}
_BUFFER_BYTES = 1 << 16


class Muxing:
    """From packets to bytes; used by the camera's thread alone."""

    def __init__(
        self,
        source: Source,
        first: Packet[Stream],
        out: FragmentSplitter,
        silence: Coding = USUAL_SILENCE,
    ) -> None:
        """`first`: the run's first packet, a keyframe. `out` gets what the muxer writes.

        `silence` is recorded where the camera announces no sound.
        """
        self._muxer: OutputContainer | None = av.open(
            out, mode="w", format="mp4", options=OPTIONS, buffer_size=_BUFFER_BYTES
        )
        self._video_index = source.video.index
        self._video = _video_stream(self._muxer, source, first)
        position = first.pts or 0
        self._reordering = Reordering(position - (first.dts or 0))
        begin = position + self._reordering.delay
        self._sound = Sound(source.audio or silence, self._muxer, begin, source.decoders)

    def add(self, packet: Packet[Stream]) -> None:
        """A packet, pts and dts being positions, is given back as it was.

        Raises:
            RunBroken: the muxer can't take what the camera sends.
        """
        if packet.stream_index == self._video_index:
            self._add_video(packet)
        else:
            self._add_sound(self._sound.taken(packet))

    def settled(self, moof: bytes) -> bytes:
        """What is to be written for a `moof` that came out."""
        return self._reordering.settled(moof)

    def close(self) -> bool:
        """Lets the muxer write what it still holds. False the second time."""
        if self._muxer is not None:
            self._add_sound(self._sound.rest())
        muxer, self._muxer = self._muxer, None
        try:
            if muxer is not None:
                muxer.close()
        except av.error.FFmpegError as fault:
            log.warning("the end of a run is lost: %s", _words(fault))
        return muxer is not None

    def _add_video(self, packet: Packet[Stream]) -> None:
        source, pts, dts = packet.stream, packet.pts or 0, packet.dts or 0
        delay = self._reordering.delay
        now = pts + delay if packet.is_keyframe else self._reordering.late(dts)
        reach = pts + (packet.duration or 0) + delay
        self._add_sound(self._sound.before(now, reach, is_cut=packet.is_keyframe))
        packet.pts, packet.dts = self._reordering.late(pts), self._reordering.late(dts)
        try:
            self._mux(packet, self._video)
        except (av.error.FFmpegError, ValueError) as fault:
            raise RunBroken(f"the stream can't be recorded: {_words(fault)}", reopen=True) from None
        finally:
            packet.stream, packet.pts, packet.dts = source, pts, dts

    def _add_sound(self, packets: Iterator[Packet[Stream]]) -> None:
        """Sound never ends a recording: what can't be muxed is left out."""
        for packet in packets:
            try:
                self._mux(packet, self._sound.stream)
            except (av.error.FFmpegError, ValueError) as fault:
                log.debug("some sound is left out: %s", _words(fault))

    def _mux(self, packet: Packet[Stream], output: Stream) -> None:
        if self._muxer is not None:
            packet.stream = output
            self._muxer.mux_one(packet)


def _video_stream(muxer: OutputContainer, source: Source, first: Packet[Stream]) -> Stream:
    video = muxer.add_stream_from_template(source.video, opaque=True)
    codec = source.video.codec_context.name
    if codec == "hevc":
        video.codec_context.codec_tag = "hvc1"  # what Safari plays; hev1 it does not
    # Cameras announce old parameters in their description after a change of settings.
    sent = parameter_sets(first, codec)
    announced = read_parameter_sets(source.video.codec_context.extradata or b"", codec)
    if sent.sequence and sent.picture and sent.sequence != announced.sequence:
        video.codec_context.extradata = sent.annex_b()
    return cast(Stream, video)


def _words(fault: Exception) -> str:
    return str(getattr(fault, "strerror", None) or "the packet does not fit the stream").lower()
