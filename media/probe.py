"""Looks at a source for a few seconds and says what it is and what will not work where."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from av.packet import Packet
from av.stream import Stream

from media.camera_time import camera_us
from media.clock import SystemClock
from media.codecs import VideoSetup
from media.decoders import IN_PROCESS, Decoders, FirstPicture
from media.live.feed import LiveStream
from media.network import CameraNetworks
from media.rtsp_url import parse_rtsp_url
from media.source import Source, Timeouts, Transport, open_source
from media.types import TICKS_PER_SECOND, ProbeReport

_KEYFRAMES_WANTED = 2
"""With a known time, which the stream's very first packet does not have."""
_LONG_GOP_SECONDS = 10.0
_REPORT_WITHIN_S = 4.0
"""A first sender report comes by then, or not soon (RFC 3550, 6.2: 2.5 s, more or less)."""
_WRONG_CLOCK_US = 3_000_000
_CLOCK = SystemClock()


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
        return ProbeReport(
            stream, seen.gop_seconds(), seen.reorders, warnings, seen.jpeg, seen.clock_ahead_us
        )


@dataclass(slots=True)
class _Seen:
    """Of the video: shown times (ticks) in decode order, and which are keyframes'.

    `clock_ahead_us`: a picture comes after it was taken, so what the camera's clock said then is
    behind what it says now; of all pictures, least behind for the one that was quickest.
    """

    times: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    reorders: bool = False
    jpeg: bytes | None = None
    clock_ahead_us: int | None = None

    def note_clock(self, packet: Packet[Stream]) -> None:
        taken_us = camera_us(packet)
        if taken_us is not None:
            ahead_us = taken_us - _CLOCK.now_us()
            known_us = self.clock_ahead_us
            self.clock_ahead_us = ahead_us if known_us is None else max(ahead_us, known_us)

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
    reported_by = time.monotonic() + _REPORT_WITHIN_S
    base = source.video.time_base
    ticks = TICKS_PER_SECOND * base if base else None
    for packet in source.packets():
        if packet.stream_index == source.video.index:
            seen.note_clock(packet)
            if seen.jpeg is None:
                seen.jpeg = picture.take(packet)
            if packet.pts is not None and ticks is not None:
                shown = round(packet.pts * ticks)
                seen.reorders |= bool(seen.times) and shown < seen.times[-1]
                seen.times.append(shown)
                if packet.is_keyframe:
                    seen.keyframes.append(shown)
        now = time.monotonic()
        enough = len(seen.keyframes) >= _KEYFRAMES_WANTED and seen.jpeg is not None
        told = seen.clock_ahead_us is not None or now >= reported_by
        if (enough and told) or now >= ends_at:
            break
    return seen


def _warnings(source: Source, seen: _Seen) -> Iterator[str]:
    stream = source.stream
    if stream.codec == "hevc":
        yield (
            "H.265 is recorded as it is: not every browser plays it, and live view over WebRTC "
            "does not work; set the camera to H.264 for both"
        )
    elif (live := LiveStream.of(source)).is_deep:
        yield (
            f"H.264 {live.profile} is recorded as it is: not every browser plays it, and live "
            "view over WebRTC does not work; set the camera to 8 bits (High or Main)"
        )
    if seen.reorders:
        yield "B-frames: live view over WebRTC does not work; switch them off in the camera"
    yield from _sound_warnings(source, is_live=stream.codec == "h264" and not seen.reorders)
    gop_seconds = seen.gop_seconds()
    if len(seen.keyframes) < 2:
        yield "no two keyframes came while looking: segments will be long and seeking coarse"
    elif gop_seconds is not None and gop_seconds > _LONG_GOP_SECONDS:
        yield f"keyframes are {gop_seconds:.0f} s apart: segments will be as long"
    if abs(seen.clock_ahead_us or 0) > _WRONG_CLOCK_US:
        yield _clock_warning(seen.clock_ahead_us or 0)
    if seen.jpeg is None:
        yield "no picture could be decoded"


def _clock_warning(ahead_us: int) -> str:
    side = "ahead of" if ahead_us > 0 else "behind"
    return (
        f"the camera's clock is {abs(ahead_us) / 1_000_000:.0f} s {side} ours: what it writes into "
        "its pictures is wrong, recordings and events have our time; set NTP in the camera"
    )


def _sound_warnings(source: Source, *, is_live: bool) -> Iterator[str]:
    """`is_live`: whether live view over WebRTC has a picture."""
    codec = source.stream.audio_codec
    if source.audio is None and source.has_sound:
        yield "the codec of the sound is not known: it is not recorded"
    elif codec not in (None, "aac"):
        yield f"sound is {codec}, which is recorded as AAC"
    if is_live and codec is not None and LiveStream.of(source).web_sound is None:
        yield (
            f"sound is {codec}, which live view over WebRTC leaves out: recordings have it; set "
            "the camera to G.711 (8 kHz, mono) or Opus for both"
        )
