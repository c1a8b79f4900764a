"""Packets to frames at the detection rate."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from enum import Enum
from fractions import Fraction

import av
from av.packet import Packet
from av.stream import Stream

from media.codecs import VideoSetup, video_decoder
from media.types import TICKS_PER_SECOND

logger = logging.getLogger(__name__)

KEYFRAME_TOLERANCE = 1.1
"""Keyframes alone are enough when they come at most this much slower than frames are due."""


class Effort(Enum):
    """How much is decoded, from little to all. A run begins at REFERENCES."""

    KEYFRAMES = "keyframes"
    REFERENCES = "references"
    EVERYTHING = "everything"


class Grid:
    """Tells which frames are due, up to `fps` a second, so that the mean rate is kept."""

    def __init__(self, fps: float) -> None:
        self.period = round(TICKS_PER_SECOND / fps)
        self._due: int | None = None

    def is_due(self, position: int) -> bool:
        return self._due is None or position >= self._due

    def advance(self, position: int) -> None:
        """The frame at `position` is taken."""
        due = (position if self._due is None else self._due) + self.period
        self._due = due if due > position else position + self.period


def keyframes_suffice(length: int, period: int) -> bool:
    """Whether keyframes come often enough; `length` of a group of pictures, in ticks."""
    return length <= period * KEYFRAME_TOLERANCE


class Sampler:
    """Frames of one run at up to `fps` a second, their `pts` the position in ticks.

    Packets must come re-stamped in ticks and in decoding order. Decoding begins at a keyframe, and
    again at the next one after an error. Frames are due on a grid of 1 / fps, so that the mean
    rate is kept whatever the rate of the stream.

    Attributes:
        slowed: of the frames that are due one in so many comes, from 1 on; the others count as
            `left_out`.
        errors: in the stream.
        decoded: frames, whether due or not.
    """

    def __init__(self, setup: VideoSetup, fps: float) -> None:
        """Raises CodecUnknown."""
        self._decoder = video_decoder(setup)
        self._decoder.skip_frame = "NONREF"
        self._grid = Grid(fps)
        self._gop = _Gop()
        self._effort = Effort.REFERENCES
        self._in_step = False
        self.slowed, self._owed = 1.0, 0.0
        self.errors = self.decoded = self.left_out = 0

    @property
    def effort(self) -> Effort:
        return self._effort

    @property
    def pixel_aspect(self) -> Fraction | None:
        """Width of a pixel by its height, as the stream says; None where it does not."""
        return self._decoder.sample_aspect_ratio or None

    def frames(self, packet: Packet[Stream]) -> Iterator[av.VideoFrame]:
        """The frames that are due among those which `packet` completes."""
        if packet.pts is None:
            return
        if packet.is_keyframe:
            self._choose_effort(packet.pts)
            self._in_step = True
        elif not self._in_step or self._effort is Effort.KEYFRAMES:
            return
        self._gop.packets += 1
        if self._effort is not Effort.KEYFRAMES:
            yield from self._due(self._decode(packet))
        elif self._takes(packet.pts):
            whole = self._whole(self._decode_alone(packet))
            yield from (frame for frame in whole if frame.pts == packet.pts)

    def _due(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for frame in self._whole(decoded):
            if frame.pts is not None and self._takes(frame.pts):
                yield frame

    def _whole(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for frame in decoded:
            self._gop.frames += 1
            self.decoded += 1
            if not frame.is_corrupt:
                yield frame

    def _takes(self, position: int) -> bool:
        """Whether a frame there is due, and is not one of those that are left out."""
        if not self._grid.is_due(position):
            return False
        self._grid.advance(position)
        self._owed += 1 / self.slowed
        if self._owed < 1:
            self.left_out += 1
            return False
        self._owed -= 1
        return True

    def _choose_effort(self, position: int) -> None:
        """At each keyframe, from what the group of pictures before it was like."""
        gop, self._gop = self._gop, _Gop(began_at=position)
        if gop.began_at is None or position <= gop.began_at:
            return
        length = position - gop.began_at
        if keyframes_suffice(length, self._grid.period):
            self._effort = Effort.KEYFRAMES
        elif self._effort is Effort.KEYFRAMES:
            self._effort = Effort.REFERENCES
        elif gop.frames < min(gop.packets, length / self._grid.period) * 0.9:
            self._effort = Effort.EVERYTHING
        self._decoder.skip_frame = "NONREF" if self._effort is Effort.REFERENCES else "DEFAULT"

    def _decode(self, packet: Packet[Stream]) -> list[av.VideoFrame]:
        try:
            return list(self._decoder.decode(packet))
        except av.FFmpegError as error:
            self._lose_step(error)
            return []

    def _decode_alone(self, keyframe: Packet[Stream]) -> list[av.VideoFrame]:
        """A keyframe's frame at once, without waiting for the packets that would push it out."""
        try:
            frames = [*self._decoder.decode(keyframe), *self._decoder.decode(None)]
        except av.FFmpegError as error:
            self._lose_step(error)
            return []
        finally:
            self._decoder.flush_buffers()
        return frames

    def _lose_step(self, error: av.FFmpegError) -> None:
        """What follows needs what was lost: begin again at the next keyframe."""
        self._in_step = False
        self.errors += 1
        self._decoder.flush_buffers()
        logger.debug("decoding for detection: %s", error)


class _Gop:
    """What one group of pictures was: how many packets went in and frames came out."""

    def __init__(self, began_at: int | None = None) -> None:
        self.began_at = began_at
        self.packets = 0
        self.frames = 0
