"""Who decodes a camera's streams: what can be asked for, and the way that needs no other process.

`media.decoding` does the same in processes of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from media import picture_check, snapshot
from media.codecs import VideoSetup
from media.sampler import Sampler


class Owner(NamedTuple):
    """Whose streams they are; `camera` is its public id."""

    tenant: str
    camera: str


@dataclass(frozen=True, slots=True)
class Sampled:
    """A frame that is due; its `pts` is the position in ticks.

    `pixel_aspect` is the width of a pixel by its height, None where the stream does not say.
    """

    frame: av.VideoFrame
    pixel_aspect: Fraction | None


Consider = Callable[[Sampled], None]
"""Is given each frame that is due, in order, on one thread at a time."""


@dataclass(frozen=True, slots=True)
class SamplingCounts:
    """`errors` in the stream, frames `decoded`, packets left out as decoding was `late`.

    `left_out`: frames that were due but for `Sampling.slow`.
    """

    errors: int = 0
    decoded: int = 0
    late: int = 0
    left_out: int = 0

    def __add__(self, other: SamplingCounts) -> SamplingCounts:
        return SamplingCounts(
            self.errors + other.errors,
            self.decoded + other.decoded,
            self.late + other.late,
            self.left_out + other.left_out,
        )


class Sampling(Protocol):
    """The frames of one run that are due; used by the camera's thread."""

    @property
    def counts(self) -> SamplingCounts:
        """From any thread."""
        ...

    @property
    def fault(self) -> str | None:
        """Why no frames come now, in plain words; None while they do. From any thread."""
        ...

    def take(self, packet: Packet[Stream]) -> None:
        """A video packet, re-stamped in ticks, in decoding order; raises what `Consider` raised."""
        ...

    def slow(self, by: float) -> None:
        """Of the frames that are due only one in `by` is wanted until further notice; from 1 on."""
        ...

    def settle(self, timeout_s: float) -> bool:
        """Wait until every packet has been dealt with; False if that takes longer."""
        ...

    def close(self) -> None:
        """No frame is considered any more."""
        ...


class PictureCheck(Protocol):
    """See `media.picture_check.PictureCheck`."""

    def passes(self, packet: Packet[Stream]) -> bool: ...

    def close(self) -> None: ...


class FirstPicture(Protocol):
    """See `media.snapshot.FirstPicture`."""

    def take(self, packet: Packet[Stream]) -> bytes | None: ...

    def close(self) -> None: ...


class SoundDecoder(Protocol):
    def decode(self, packet: Packet[Stream]) -> list[av.AudioFrame]:
        """Raises av.FFmpegError."""
        ...

    def close(self) -> None: ...


class Decoders(Protocol):
    """Of one owner, or of none: what is decoded on request."""

    def of(self, owner: Owner) -> Decoders: ...

    def sampling(self, setup: VideoSetup, fps: float, consider: Consider) -> Sampling:
        """Raises CodecUnknown."""
        ...

    def picture_check(self, setup: VideoSetup) -> PictureCheck: ...

    def sound(self, stream: AudioStream) -> SoundDecoder: ...

    def first_picture(self, setup: VideoSetup) -> FirstPicture:
        """Raises CodecUnknown."""
        ...

    def still(self, codec: str, keyframe: bytes) -> bytes:
        """A keyframe as a JPEG: see `media.snapshot.picture_of`. Raises SnapshotError."""
        ...


class InProcess:
    """Decodes where it is called: a codec that crashes takes the process with it."""

    def of(self, _: Owner) -> Decoders:
        return self

    def sampling(self, setup: VideoSetup, fps: float, consider: Consider) -> Sampling:
        return _Sampling(Sampler(setup, fps), consider)

    def picture_check(self, setup: VideoSetup) -> PictureCheck:
        return picture_check.PictureCheck(setup)

    def sound(self, stream: AudioStream) -> SoundDecoder:
        return OwnSound(stream)

    def first_picture(self, setup: VideoSetup) -> FirstPicture:
        return snapshot.FirstPicture(setup)

    def still(self, codec: str, keyframe: bytes) -> bytes:
        return snapshot.picture_of(codec, keyframe)


IN_PROCESS: Decoders = InProcess()


@dataclass(slots=True)
class _Sampling:
    _sampler: Sampler
    _consider: Consider
    fault: str | None = None

    @property
    def counts(self) -> SamplingCounts:
        sampler = self._sampler
        return SamplingCounts(sampler.errors, sampler.decoded, left_out=sampler.left_out)

    def take(self, packet: Packet[Stream]) -> None:
        for frame in self._sampler.frames(packet):
            self._consider(Sampled(frame, self._sampler.pixel_aspect))

    def slow(self, by: float) -> None:
        self._sampler.slowed = by

    def settle(self, _: float) -> bool:
        return True

    def close(self) -> None:
        """Nothing is under way between two packets."""


class OwnSound:
    """Decodes with the context that its stream came with, which knows all of it."""

    def __init__(self, stream: AudioStream) -> None:
        self._context: AudioCodecContext = stream.codec_context

    def decode(self, packet: Packet[Stream]) -> list[av.AudioFrame]:
        return self._context.decode(packet)

    def close(self) -> None:
        """It belongs to the stream."""
