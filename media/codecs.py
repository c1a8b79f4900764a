"""What a decoder has to know of a stream, and decoders that are opened within limits."""

from __future__ import annotations

from typing import cast

import av
import msgspec
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from media.types import MediaError

MOST_PIXELS = 36_000_000
"""8K has 33 million. A stream that says more is an attack or a mistake: 16k x 16k would take
400 MB for each picture that its decoder keeps."""
LIMITS = {"max_pixels": str(MOST_PIXELS)}
"""Options of every decoder, also of those that FFmpeg opens itself to see what a stream is."""


class CodecUnknown(MediaError):
    """There is no decoder for the stream: it can be recorded, not looked at."""


class VideoSetup(msgspec.Struct, frozen=True):
    """`codec` is FFmpeg's name; sizes in px, as announced."""

    codec: str
    extradata: bytes | None
    width: int
    height: int

    @classmethod
    def of(cls, stream: VideoStream) -> VideoSetup:
        context = stream.codec_context
        extradata = None if context.extradata is None else bytes(context.extradata)
        return cls(context.name, extradata, context.width, context.height)

    def demand_decoder(self) -> None:
        """Raises CodecUnknown."""
        _codec(self.codec)


class SoundSetup(msgspec.Struct, frozen=True):
    """`layout` is FFmpeg's word for the channels."""

    codec: str
    extradata: bytes | None
    rate_hz: int
    layout: str

    @classmethod
    def of(cls, stream: AudioStream) -> SoundSetup:
        context = stream.codec_context
        extradata = None if context.extradata is None else bytes(context.extradata)
        return cls(context.name, extradata, context.sample_rate, context.layout.name)


def video_decoder(setup: VideoSetup) -> VideoCodecContext:
    """Of one thread. Raises CodecUnknown."""
    decoder = cast(VideoCodecContext, _decoder(setup.codec))
    decoder.extradata = setup.extradata
    decoder.width, decoder.height = setup.width, setup.height
    decoder.options = dict(LIMITS)
    return decoder


def picture_decoder(codec: str) -> VideoCodecContext:
    """Of one thread, for pictures that bring their parameters. Raises CodecUnknown."""
    decoder = cast(VideoCodecContext, _decoder(codec))
    decoder.options = dict(LIMITS)
    return decoder


def sound_decoder(setup: SoundSetup) -> AudioCodecContext:
    """Of one thread. Raises CodecUnknown."""
    decoder = cast(AudioCodecContext, _decoder(setup.codec))
    decoder.extradata = setup.extradata
    decoder.sample_rate = setup.rate_hz
    decoder.layout = setup.layout
    return decoder


def _decoder(codec: str) -> av.CodecContext:
    decoder = av.CodecContext.create(_codec(codec), "r")
    decoder.thread_count = 1
    return decoder


def _codec(name: str) -> av.Codec:
    try:
        return av.Codec(name, "r")
    except (av.FFmpegError, ValueError) as error:
        raise CodecUnknown(f"no decoder for {name}") from error
