"""Decoders that are waited for: what they make of a packet is needed before the next."""

from __future__ import annotations

from collections.abc import Sequence

import av
from av.packet import Packet
from av.stream import Stream

from media.decoding.decoder import Came, Decoder, DecoderLost, Home
from media.decoding.messages import Check, Coded, Hear, Heard, Jpeg, Refused, Show, ShowStill, Whole
from media.decoding.recovery import Recovery
from media.snapshot import SnapshotError


class _Asked:
    """A decoder that is made when it is first asked; used by one thread."""

    def __init__(self, home: Home, task: Check | Show | ShowStill | Hear) -> None:
        self._home, self._task = home, task
        self._decoder: Decoder | None = None

    def ask(self, packets: Sequence[Coded]) -> list[Came]:
        """Raises DecoderLost, which has been noted."""
        try:
            if self._decoder is None:
                self._decoder = self._home.make(self._task)
            return list(self._decoder.ask(packets))
        except DecoderLost as loss:
            self._decoder = None
            self._home.note(self._task, loss)
            raise

    def close(self) -> None:
        decoder, self._decoder = self._decoder, None
        if decoder is not None:
            decoder.close()


class AskedCheck:
    """See `media.picture_check.PictureCheck`.

    A stream that its decoder does not survive counts as passed: it is recorded, unchecked.
    """

    def __init__(self, home: Home, task: Check) -> None:
        self._asked = _Asked(home, task)
        self._in_step = False

    def passes(self, packet: Packet[Stream]) -> bool:
        self._in_step |= packet.is_keyframe
        if not self._in_step:
            return False
        try:
            came = self._asked.ask([Coded.of(packet)])
        except DecoderLost:
            return True
        return any(isinstance(each, Whole) and each.passed for each in came) or any(
            isinstance(each, Refused) for each in came
        )

    def close(self) -> None:
        self._asked.close()


class AskedPicture:
    """See `media.snapshot.FirstPicture`."""

    def __init__(self, home: Home, task: Show) -> None:
        self._asked = _Asked(home, task)
        self._in_step = self._lost = False

    def take(self, packet: Packet[Stream]) -> bytes | None:
        self._in_step |= packet.is_keyframe
        if not self._in_step or self._lost:
            return None
        try:
            return _jpeg(self._asked.ask([Coded.of(packet)]))
        except DecoderLost:
            self._lost = True
            return None

    def close(self) -> None:
        self._asked.close()


class AskedSound:
    """See `media.decoders.SoundDecoder`. Without a decoder there is no sound for a while."""

    def __init__(self, home: Home, task: Hear, recovery: Recovery) -> None:
        self._asked = _Asked(home, task)
        self._recovery = recovery
        self._began = False

    def decode(self, packet: Packet[Stream]) -> list[av.AudioFrame]:
        if not self._recovery.is_over:
            return []
        if not self._began:
            self._began = True
            self._recovery.begin()
        try:
            came = self._asked.ask([Coded.of(packet)])
        except DecoderLost:
            self._began = False
            self._recovery.lose()
            return []
        return [_frame(each) for each in came if isinstance(each, Heard)]

    def close(self) -> None:
        self._asked.close()


def still_of(home: Home, codec: str, keyframe: bytes) -> bytes:
    """See `media.snapshot.picture_of`. Raises SnapshotError."""
    asked = _Asked(home, ShowStill(codec))
    try:
        came = asked.ask([Coded(keyframe, None, None, is_keyframe=True)])
    except DecoderLost as loss:
        raise SnapshotError(f"the decoder of a picture {loss}") from loss
    finally:
        asked.close()
    jpeg = _jpeg(came)
    if jpeg is None:
        refusals = [each.reason for each in came if isinstance(each, Refused)]
        raise SnapshotError(refusals[0] if refusals else f"nothing of a {codec} keyframe")
    return jpeg


def _jpeg(came: Sequence[Came]) -> bytes | None:
    return next((each.content for each in came if isinstance(each, Jpeg)), None)


def _frame(heard: Heard) -> av.AudioFrame:
    """Raises ValueError where it is none."""
    frame = av.AudioFrame(heard.form, heard.layout, heard.samples)
    for plane, content in zip(frame.planes, heard.planes, strict=True):
        plane.update(content.ljust(plane.buffer_size, b"\0")[: plane.buffer_size])
    frame.sample_rate = heard.rate_hz
    return frame
