"""Opens a camera's RTSP stream and yields its packets, or says in plain words why it can't."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self, cast

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media.codecs import LIMITS
from media.decoders import IN_PROCESS, Decoders
from media.libav import Allows, opening
from media.network import CheckedAddresses
from media.source_errors import (
    SourceEnded,
    SourceGarbage,
    SourceRedirected,
    SourceStalled,
    SourceUnreachable,
    SourceUnsupported,
    open_fault,
    read_fault,
)
from media.types import StreamInfo
from media.watchdog import WATCHDOG, Approach, Grip, Watch

log = logging.getLogger(__name__)

VIDEO_CODECS = frozenset({"h264", "hevc"})
_PROTOCOLS = {"rtsp": "rtsp,rtp,tcp,udp", "rtsps": "rtsp,rtsps,rtp,tcp,udp,tls,crypto"}
_WAITED_S = 0.002
"""A read that took longer found nothing there yet."""
_CALM_BYTES = 100_000
"""More in one go is more than sockets buffer: there is no time to rest."""
_MOST_STREAMS = "16"
"""FFmpeg would take 1,000, at 300 kB each. Cameras have a picture, sound, metadata, a way back."""
_UDP_BUFFER_BYTES = str(4 << 20)
"""A keyframe of 4K comes as one burst; 384 KiB, FFmpeg's own, lose part of each over UDP."""
_QUICK = {"probesize": "32768", "analyzeduration": "0", "fpsprobesize": "0"}
_THOROUGH = {"probesize": "5000000", "analyzeduration": "5000000"}
_UNDECODED = {
    "skip_frame": "all",
    "pixel_format": "yuv420p",  # any: else it waits for what only a decoded picture tells
    "max_ts_probe": "1",
    "codec_whitelist": "h264,hevc",
}
"""FFmpeg decodes nothing on opening: pictures are decoded elsewhere (docs/isolation.md)."""


class Transport(StrEnum):
    """How packets travel. Over UDP, lost ones go unnoticed: 1 % loss is not even reported."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until an attempt to open, or to read on, is given up."""

    open_s: float = 8.0
    read_s: float = 5.0


DEFAULT_TIMEOUTS = Timeouts()


class Source:
    """An open stream. Only the thread that opened it may read or close it (FFmpeg's rule).

    `audio` is None when there is none that can be decoded. `rest_s` may be set by any
    thread: to let packets gather for so long and take them together costs a fifth less CPU than
    to wake for each, at the price of so much latency. Not over UDP, where they could get lost.
    `decoders` are for what comes of it.
    """

    def __init__(self, opened: _Opened, video: VideoStream, decoders: Decoders) -> None:
        self._container = container = opened.container
        self._grip = opened.held
        self._watch = Watch(opened.held, opened.read_timeout.limit_s) if opened.held else None
        self.rest_s = 0.0
        self.decoders = decoders
        self.video = video
        self.audio = _recordable_audio(container)
        self.has_sound = bool(container.streams.audio)
        audio = _codec(self.audio) if self.audio else None
        context = video.codec_context
        self.stream = StreamInfo(context.name, context.width, context.height, None, audio)

    def packets(self) -> Iterator[Packet[Stream]]:
        """Packets of the video and audio stream as they come, in decode order; it never just stops.

        Raises:
            SourceStalled: none came for the read time-out.
            SourceEnded: the camera hung up, or `cut` was called.
            SourceGarbage: what comes can't be read.
        """
        watch = self._watch
        if watch is not None:
            WATCHDOG.add(watch)
        try:
            yield from self._read(watch or Watch(None, 0.0))
        except av.error.FFmpegError as fault:
            if watch is None or not watch.barked:  # over TLS, what was cut is an error
                raise read_fault(fault) from None
        finally:
            if watch is not None:
                WATCHDOG.remove(watch)
        if watch is not None and watch.barked:
            raise SourceStalled("the camera stopped sending")
        raise SourceEnded("the camera ended the stream")

    def _read(self, watch: Watch) -> Iterator[Packet[Stream]]:
        """The watchdog is over each read, not over what is done with the packet.

        After a packet that had to be waited for comes the rest, then those that came meanwhile.
        """
        streams: list[Stream] = [self.video, self.audio] if self.audio else [self.video]
        packets = self._container.demux(streams)
        asked_at = time.monotonic()
        taken_bytes = 0
        watch.reading = True
        for packet in packets:
            watch.count += 1
            size_bytes = packet.size
            if not size_bytes:
                continue  # the last ones, at the end, are empty
            watch.reading = False
            waited = time.monotonic() - asked_at > _WAITED_S
            taken_bytes += size_bytes
            yield packet
            if waited:
                if self.rest_s and taken_bytes < _CALM_BYTES:
                    time.sleep(self.rest_s)
                taken_bytes = 0
            watch.reading = True
            asked_at = time.monotonic()

    def cut(self) -> None:
        """From any thread: ends a read that waits for the network. Not everywhere possible."""
        if self._grip is not None:
            self._grip.cut()

    def close(self) -> None:
        self._container.close()
        if self._grip is not None:
            self._grip.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_source(
    place: CheckedAddresses,
    transport: Transport = Transport.TCP,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    attempt: int = 0,
    decoders: Decoders = IN_PROCESS,
) -> Source:
    """Connects and learns what the stream is; blocks up to about twice the open time-out.

    Probing is kept small (0.05 to 0.2 s instead of 1 to 2 s; without counting frames, or slow
    streams would take seconds) and done again, larger, when the stream's parameters are not known
    afterwards. The connection goes to an address of `place` itself, the host name is not looked
    up again: that address has been checked, and FFmpeg's own look-up could find another (DNS
    rebinding). RTSP does not need the name; over TLS certificates aren't verified, cameras' being
    self-signed.

    Args:
        place: the address and where its host was found to be.
        transport: how packets shall travel.
        timeouts: when to give up.
        attempt: number of earlier attempts; of several addresses the next one is tried.
        decoders: what decodes the stream.

    Raises:
        SourceError: any but SourceEnded.
    """
    address = place.addresses[attempt % len(place.addresses)]
    target = place.url.at_address(address)
    options = {
        "rtsp_transport": transport.value,
        "protocol_whitelist": _PROTOCOLS[place.url.scheme],
        "buffer_size": _UDP_BUFFER_BYTES,
        "max_streams": _MOST_STREAMS,
        **LIMITS,
        **_UNDECODED,
    }
    read_timeout = _ReadTimeout(timeouts.read_s)
    allows = place.allows if transport is Transport.UDP else None
    limits = _Limits((timeouts.open_s, read_timeout), allows)
    with Approach(address, place.url.port) as approach:
        container = _open(target, options | _QUICK, limits)
        if not _knows_parameters(container):
            container.close()
            container = _open(target, options | _THOROUGH, limits)
        held = approach.grip()
    if held is not None:
        read_timeout.leave_to_watchdog()
    try:
        opened = _Opened(container, held, read_timeout)
        return Source(opened, _recordable_video(container), decoders)
    except BaseException:
        container.close()
        if held is not None:
            held.release()
        raise


class _ReadTimeout:
    """PyAV asks for its value when reading begins: later than it takes the object."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._asked_s = limit_s

    def leave_to_watchdog(self) -> None:
        self._asked_s = -1.0  # none: its interrupt callback then costs next to nothing

    def __float__(self) -> float:
        return self._asked_s


@dataclass(frozen=True, slots=True)
class _Opened:
    container: InputContainer
    held: Grip | None
    read_timeout: _ReadTimeout


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of an attempt: time-outs to open and to read, and who may send over UDP."""

    timeout: tuple[float, _ReadTimeout]
    allows: Allows | None


def _open(target: str, options: dict[str, str], limits: _Limits) -> InputContainer:
    with opening(limits.timeout[0], limits.allows) as attempt:
        try:
            timeout = cast(tuple[float, float], limits.timeout)
            container = av.open(target, mode="r", options=options, timeout=timeout)
        except (av.error.FFmpegError, UnicodeError) as fault:
            if attempt.redirected:  # then it never succeeds: it is held up until it times out
                raise SourceRedirected(
                    "the camera redirects to another address: set that one instead"
                    if limits.allows is None
                    else "the camera leads to another address: set that one instead, or use TCP"
                ) from None
            if attempt.is_over:  # FFmpeg often calls it invalid data then
                raise SourceUnreachable("no answer from the camera in time") from None
            raise open_fault(fault) from None
        if attempt.is_over and not _knows_parameters(container):
            container.close()
            raise SourceStalled("the camera answers, but nothing that can be read comes")
        return container


def _knows_parameters(container: InputContainer) -> bool:
    if not container.streams.video:
        return False
    video = container.streams.video[0]
    if _codec(video) not in VIDEO_CODECS:
        return True  # more would not help
    context = video.codec_context
    known = context.width > 0 and context.height > 0 and bool(context.extradata)
    return known and all(_rate(sound) > 0 for sound in container.streams.audio if _codec(sound))


def _recordable_video(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise SourceUnsupported("the camera sends no video")
    stream = container.streams.video[0]
    name = _codec(stream)
    if name not in VIDEO_CODECS:
        raise SourceUnsupported(
            f"the camera's video is {name or 'of an unknown codec'}; H.264 and H.265 are recorded"
        )
    if stream.codec_context.width <= 0 or stream.codec_context.height <= 0:
        raise SourceGarbage("the camera does not say how large its picture is")
    if not stream.codec_context.extradata:
        raise SourceGarbage("the camera sends no parameters of its video")
    return stream


def _recordable_audio(container: InputContainer) -> AudioStream | None:
    for stream in container.streams.audio:
        if _codec(stream) is not None and _rate(stream) > 0:
            return stream
    if container.streams.audio:
        log.warning("a camera's sound is left out: its codec is not known")
    return None


def _codec(stream: Stream) -> str | None:
    """PyAV's stubs don't say so, but a stream without a decoder has no codec context."""
    name: str | None = getattr(stream.codec_context, "name", None)
    return name


def _rate(stream: AudioStream) -> int:
    return stream.codec_context.sample_rate
