"""Looks at a source for a few seconds and says what it is and what will not work where."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from media.codecs import VideoSetup
from media.decoders import IN_PROCESS, Decoders, FirstPicture
from media.network import CameraNetworks
from media.rtsp_url import parse_rtsp_url
from media.source import Source, Timeouts, Transport, open_source
from media.types import TICKS_PER_SECOND, ProbeReport

_KEYFRAMES_WANTED = 2
"""With a known time, which the stream's very first packet does not have."""
_LONG_GOP_SECONDS = 10.0


def probe(
    url: str,
    networks: CameraNetworks,
    timeout_s: float = 12.0,
    transport: Transport = Transport.TCP,
    decoders: Decoders = IN_PROCESS,
) -> ProbeReport:
    """What a camera sends: blocks until some keyframes came or the time is over.

    The first whole picture comes back as a JPEG.

    Raises:
        RtspUrlError: no address of a camera.
        AddressRefused: not in a network that cameras may be on.
        HostUnknown: the name has no address now.
        SourceError: nothing that can be recorded comes from there.
    """
    ends_at = time.monotonic() + timeout_s
    place = networks.check(parse_rtsp_url(url), timeout_s / 3)
    timeouts = Timeouts(open_s=timeout_s / 2, read_s=timeout_s / 3)
    with open_source(place, transport, timeouts, decoders=decoders) as source:
        seen = _look(source, ends_at)
        stream = replace(source.stream, fps=seen.fps())
        warnings = tuple(_warnings(source, seen))
        return ProbeReport(stream, seen.gop_seconds(), seen.reorders, warnings, seen.jpeg)


@dataclass(slots=True)
class _Seen:
    """Of the video: shown times (ticks) in decode order, and which are keyframes'."""

    times: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    reorders: bool = False
    jpeg: bytes | None = None

    def fps(self) -> float | None:
        span = max(self.times, default=0) - min(self.times, default=0)
        if span < TICKS_PER_SECOND // 2:
            return None
        return round((len(self.times) - 1) * TICKS_PER_SECOND / span, 2)

    def gop_seconds(self) -> float | None:
        gaps = [
            after - before
            for before, after in zip(self.keyframes, self.keyframes[1:], strict=False)
        ]
        return round(max(gaps) / TICKS_PER_SECOND, 3) if gaps else None


def _look(source: Source, ends_at: float) -> _Seen:
    with closing(source.decoders.first_picture(VideoSetup.of(source.video))) as picture:
        return _seen(source, picture, ends_at)


def _seen(source: Source, picture: FirstPicture, ends_at: float) -> _Seen:
    seen = _Seen()
    base = source.video.time_base
    ticks = TICKS_PER_SECOND * base if base else None
    for packet in source.packets():
        if packet.stream_index == source.video.index:
            if seen.jpeg is None:
                seen.jpeg = picture.take(packet)
            if packet.pts is not None and ticks is not None:
                shown = round(packet.pts * ticks)
                seen.reorders |= bool(seen.times) and shown < seen.times[-1]
                seen.times.append(shown)
                if packet.is_keyframe:
                    seen.keyframes.append(shown)
        enough = len(seen.keyframes) >= _KEYFRAMES_WANTED and seen.jpeg is not None
        if enough or time.monotonic() >= ends_at:
            break
    return seen


def _warnings(source: Source, seen: _Seen) -> Iterator[str]:
    stream = source.stream
    if stream.codec == "hevc":
        yield (
            "H.265 is recorded as it is: not every browser plays it, and live view over WebRTC "
            "does not work; set the camera to H.264 for both"
        )
    if seen.reorders:
        yield "B-frames: live view over WebRTC does not work; switch them off in the camera"
    if source.audio is None and source.has_sound:
        yield "the codec of the sound is not known: it is not recorded"
    elif stream.audio_codec not in (None, "aac"):
        yield f"sound is {stream.audio_codec}, which is recorded as AAC"
    gop_seconds = seen.gop_seconds()
    if len(seen.keyframes) < 2:
        yield "no two keyframes came while looking: segments will be long and seeking coarse"
    elif gop_seconds is not None and gop_seconds > _LONG_GOP_SECONDS:
        yield f"keyframes are {gop_seconds:.0f} s apart: segments will be as long"
    if seen.jpeg is None:
        yield "no picture could be decoded"
