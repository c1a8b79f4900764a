"""Finds out whether a stream is more than bytes: whether a picture comes of it."""

from __future__ import annotations

import logging

import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from media.codecs import CodecUnknown, VideoSetup, video_decoder

log = logging.getLogger(__name__)


class PictureCheck:
    """Decodes from the first keyframe until one picture is whole: usually that keyframe alone.

    Decoding is lenient: cameras whose streams are not quite right do record and play. Of random
    bytes behind good headers it makes no whole picture.
    """

    def __init__(self, setup: VideoSetup) -> None:
        self._in_step = False
        self._decoder: VideoCodecContext | None = None
        try:
            self._decoder = video_decoder(setup)
        except CodecUnknown as error:
            log.warning("%s: its pictures are not checked", error)

    def passes(self, packet: Packet[Stream]) -> bool:
        """Whether a whole picture has come, with this video packet; to be called until it has."""
        if self._decoder is None:
            return True
        self._in_step |= packet.is_keyframe
        if not self._in_step:
            return False
        try:
            return any(not frame.is_corrupt for frame in self._decoder.decode(packet))
        except av.error.FFmpegError:
            return False

    def close(self) -> None:
        self._decoder = None
