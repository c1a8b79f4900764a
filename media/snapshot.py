"""A frame as a JPEG, for people to look at."""

from __future__ import annotations

from fractions import Fraction

import av
from av.codec.context import Flags
from av.packet import Packet
from av.stream import Stream
from av.video.reformatter import ColorRange, Interpolation

from media.codecs import CodecUnknown, VideoSetup, picture_decoder, video_decoder
from media.types import MediaError

MAX_WIDTH_PX = 1280
_PICTURE_TRIES = 90
_QUALITY = 4
"""libav's scale for mjpeg: 2 is best, 31 is worst; 4 is about 80 of 100 elsewhere."""


class SnapshotError(MediaError):
    """A frame cannot be made into a JPEG."""


def encode_jpeg(frame: av.VideoFrame, pixel_aspect: Fraction | None = None) -> bytes:
    """The whole frame at up to MAX_WIDTH_PX, in square pixels and full range.

    Args:
        frame: as decoded.
        pixel_aspect: width of a pixel by its height; None or 0 where the stream does not say.

    Raises:
        SnapshotError: libav refuses the frame.
    """
    width, height = _shown_size(frame.width, frame.height, pixel_aspect or Fraction(1))
    try:
        picture = frame.reformat(
            width,
            height,
            "yuvj420p",
            interpolation=Interpolation.BILINEAR,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        encoder = av.VideoCodecContext.create("mjpeg", "w")
        encoder.width, encoder.height = width, height
        encoder.pix_fmt = "yuvj420p"
        encoder.time_base = Fraction(1, 25)
        encoder.thread_count = 1
        encoder.qmin = encoder.qmax = _QUALITY
        picture.pts = 0
        picture.time_base = encoder.time_base
        return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode()])
    except av.FFmpegError as error:
        raise SnapshotError(f"no picture of a {frame.format.name} frame: {error}") from error


def picture_of(codec: str, keyframe: bytes) -> bytes:
    """A keyframe as a JPEG, like `encode_jpeg`. Takes some 20 ms at 1080p, 80 ms at 4K.

    Args:
        codec: `h264` or `hevc`.
        keyframe: Annex B, with its parameter sets.

    Raises:
        SnapshotError: nothing can be seen of it.
    """
    try:
        decoder = picture_decoder(codec)
    except CodecUnknown as error:
        raise SnapshotError(str(error)) from error
    decoder.flags |= Flags.output_corrupt  # a picture with a fault is better than none
    try:
        frames = [*decoder.decode(Packet(keyframe)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise SnapshotError(f"no picture of a {codec} keyframe: {error}") from error
    if not frames:
        raise SnapshotError(f"nothing can be seen of a {codec} keyframe")
    return encode_jpeg(frames[-1], decoder.sample_aspect_ratio)


class FirstPicture:
    """Makes a JPEG of the first frame of a stream that can be shown whole."""

    def __init__(self, setup: VideoSetup) -> None:
        """Raises CodecUnknown."""
        self._decoder = video_decoder(setup)
        self._packets = 0

    def take(self, packet: Packet[Stream]) -> bytes | None:
        """The JPEG once a frame is complete; gives up after some seconds' worth of packets."""
        if (not self._packets and not packet.is_keyframe) or self._packets > _PICTURE_TRIES:
            return None
        self._packets += 1
        try:
            frames = self._decoder.decode(packet)
            return encode_jpeg(frames[0], self._decoder.sample_aspect_ratio) if frames else None
        except (av.FFmpegError, SnapshotError):
            return None  # who looks for one may do without

    def close(self) -> None:
        """There is nothing to give up."""


def _shown_size(width: int, height: int, pixel_aspect: Fraction) -> tuple[int, int]:
    """Even sides, as chroma has half of them."""
    shown = width * float(pixel_aspect)
    scale = min(1.0, MAX_WIDTH_PX / shown)
    return max(2, round(shown * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
