"""A clip that a simulated camera plays: what it holds, and how long one lap of it is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from media.simulator.parameter_sets import (
    ParameterSets,
    h264_parameter_sets,
    hevc_parameter_sets,
)
from media.types import TICKS_PER_SECOND, MediaError

_CODECS = frozenset({"h264", "hevc", "aac", "opus", "pcm_alaw", "pcm_mulaw"})
_OPUS_CLOCK_HZ = 48_000


class SimulatorError(MediaError):
    """A simulated camera can't do what was asked of it."""


@dataclass(frozen=True, slots=True)
class Track:
    """One elementary stream of a clip.

    `index` is its place in the file, `clock_hz` its RTP clock (90,000 for video). `extradata` is
    the codec's set-up as the container stores it; `parameter_sets` is None for audio.
    """

    index: int
    codec: str
    clock_hz: int
    channels: int
    extradata: bytes
    parameter_sets: ParameterSets | None

    @property
    def is_video(self) -> bool:
        return self.parameter_sets is not None


@dataclass(frozen=True, slots=True)
class Clip:
    """A playable file.

    `tracks` is the video, then the sound if any. `start` is the first picture's presentation time
    and `length` how long all are shown, in ticks of 1/90,000 s. Invariant: `length` > 0. `delay` is
    how much before it is shown a picture is decoded at most, in ticks: 0 without B-frames.
    """

    path: Path
    tracks: tuple[Track, ...]
    start: int
    length: int
    delay: int

    @property
    def formats(self) -> tuple[str, ...]:
        """Codec and RTP clock of each track: what a running session can't change."""
        return tuple(f"{track.codec}/{track.clock_hz}" for track in self.tracks)


def read_clip(path: Path) -> Clip:
    """Read a file's headers and packet times; nothing is decoded.

    Raises:
        SimulatorError: the file can't be read, or holds no H.264 or H.265 video.
    """
    try:
        with av.open(str(path)) as container:
            tracks = _tracks(container)
            if not tracks or not tracks[0].is_video:
                raise SimulatorError(f"{path.name}: no H.264 or H.265 video in it")
            shown, delay = _shown(container, tracks[0])
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SimulatorError(f"{path.name}: {error}") from error
    return Clip(path, tracks, shown.start, len(shown), delay)


def ticks(count: int, time_base: Fraction) -> int:
    """`count` units of `time_base` in 1/90,000 s, rounded to the nearest."""
    return rescaled(count, time_base, TICKS_PER_SECOND)


def rescaled(count: int, time_base: Fraction, per_second: int) -> int:
    """`count` units of `time_base` in units of 1/`per_second` s, rounded to the nearest."""
    divisor = 2 * time_base.denominator
    return (2 * count * time_base.numerator * per_second + time_base.denominator) // divisor


def _tracks(container: InputContainer) -> tuple[Track, ...]:
    """At most one video and one audio track, video first, as cameras have them."""
    found = [
        *(_video_track(stream) for stream in container.streams.video[:1] if _is_known(stream)),
        *(_audio_track(stream) for stream in container.streams.audio[:1] if _is_known(stream)),
    ]
    return tuple(found)


def _is_known(stream: av.VideoStream | av.AudioStream) -> bool:
    return stream.codec_context.name in _CODECS


def _video_track(stream: av.VideoStream) -> Track:
    codec = stream.codec_context.name
    extradata = stream.codec_context.extradata or b""
    parse = hevc_parameter_sets if codec == "hevc" else h264_parameter_sets
    return Track(stream.index, codec, TICKS_PER_SECOND, 0, extradata, parse(extradata))


def _audio_track(stream: av.AudioStream) -> Track:
    context = stream.codec_context
    extradata = context.extradata or b""
    if context.name == "aac" and not extradata:
        raise ValueError("AAC without an AudioSpecificConfig")
    clock_hz = _OPUS_CLOCK_HZ if context.name == "opus" else context.sample_rate
    return Track(stream.index, context.name, clock_hz, context.channels, extradata, None)


def _shown(container: InputContainer, track: Track) -> tuple[range, int]:
    """From the first picture's begin to the last one's end, and `Clip.delay`, in ticks."""
    starts: list[int] = []
    end = delay = 0
    for packet in container.demux(container.streams[track.index]):
        if packet.pts is None or packet.time_base is None:
            continue
        starts.append(ticks(packet.pts, packet.time_base))
        end = max(end, starts[-1] + ticks(packet.duration or 0, packet.time_base))
        if packet.dts is not None:
            delay = max(delay, ticks(packet.pts - packet.dts, packet.time_base))
    if len(starts) < 2:
        raise ValueError("fewer than two packets with times")
    first, last = min(starts), max(starts)
    if end <= last:  # a container that stores no durations
        end = last + (last - first) // (len(starts) - 1)
    return range(first, end), delay
