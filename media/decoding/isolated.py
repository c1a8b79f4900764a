"""All decoders of a process that uses them: what `media.decoders` asks for, each a process."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from av.audio.stream import AudioStream

from media.clock import Clock, SystemClock
from media.codecs import SoundSetup, VideoSetup
from media.decoders import (
    Consider,
    Decoders,
    FirstPicture,
    Owner,
    OwnSound,
    PictureCheck,
    Sampling,
    SoundDecoder,
)
from media.decoding.asking import AskedCheck, AskedPicture, AskedSound, still_of
from media.decoding.cradle import NoDecoder, Nursery
from media.decoding.decoder import LIMIT_S, Decoder, DecoderLost, Why
from media.decoding.frame_memory import FrameMemory
from media.decoding.messages import Check, Hear, Sample, Show, ShowStill, Task
from media.decoding.recovery import Recovery
from media.decoding.sampling import DecoderSampling

log = logging.getLogger(__name__)

NOBODY = Owner("", "")
_PURPOSES: Mapping[type[Task], str] = {
    Sample: "detection",
    Check: "check",
    Show: "probe",
    ShowStill: "still",
    Hear: "sound",
}
_PLAIN_SOUND = ("pcm_", "adpcm_g72", "g72")
"""Decoded here: G.711, G.722, G.726 and plain samples take a table or a sum for each byte."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a lost decoder was for (`detection`, `check`, `probe`, `still`, `sound`), and why."""

    owner: Owner
    purpose: str
    why: Why


class Decoding:
    """The nursery, and what became of its decoders; used on any thread."""

    def __init__(
        self, clock: Clock | None = None, limit_s: float = LIMIT_S, nursery: Nursery | None = None
    ) -> None:
        """`limit_s`: how long a decoder may take for an answer."""
        self.nursery = nursery or Nursery()
        self.limit_s, self.memory = limit_s, FrameMemory()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._losses: Counter[Loss] = Counter()
        self._recoveries: dict[tuple[Owner, str], Recovery] = {}

    def start(self) -> None:
        """Has the nursery ready; what fails now is tried again with the first decoder."""
        try:
            self.nursery.start()
        except NoDecoder as error:
            log.warning("%s", error)

    def close(self) -> None:
        """Ends all there are; no more are made."""
        self.nursery.close()

    def of(self, owner: Owner = NOBODY) -> IsolatedDecoders:
        return IsolatedDecoders(self, owner)

    @property
    def losses(self) -> Mapping[Loss, int]:
        with self._lock:
            return dict(self._losses)

    def lose(self, loss: Loss) -> None:
        with self._lock:
            self._losses[loss] += 1

    def recovery(self, owner: Owner, purpose: str) -> Recovery:
        """The same for all runs of a camera."""
        with self._lock:
            made = Recovery(self._clock)
            return self._recoveries.setdefault((owner, purpose), made)


@dataclass(frozen=True, slots=True)
class IsolatedDecoders:
    """See `media.decoders.Decoders`."""

    decoding: Decoding
    owner: Owner

    def of(self, owner: Owner) -> Decoders:
        return self.decoding.of(owner)

    def sampling(self, setup: VideoSetup, fps: float, consider: Consider) -> Sampling:
        setup.demand_decoder()
        return DecoderSampling(self, Sample(setup, fps), consider, self._recovery(Sample))

    def picture_check(self, setup: VideoSetup) -> PictureCheck:
        return AskedCheck(self, Check(setup))

    def sound(self, stream: AudioStream) -> SoundDecoder:
        setup = SoundSetup.of(stream)
        if setup.codec.startswith(_PLAIN_SOUND):
            return OwnSound(stream)
        return AskedSound(self, Hear(setup), self._recovery(Hear))

    def first_picture(self, setup: VideoSetup) -> FirstPicture:
        setup.demand_decoder()
        return AskedPicture(self, Show(setup))

    def still(self, codec: str, keyframe: bytes) -> bytes:
        return still_of(self, codec, keyframe)

    def make(self, task: Task) -> Decoder:
        """Raises DecoderLost."""
        decoding = self.decoding
        return Decoder(decoding.nursery, task, decoding.limit_s, decoding.memory)

    def note(self, task: Task, loss: DecoderLost) -> None:
        purpose = _PURPOSES[type(task)]
        self.decoding.lose(Loss(self.owner, purpose, loss.why))
        whose = f"camera {self.owner.camera}" if self.owner.camera else "a camera that is probed"
        log.error("%s: the decoder for %s %s", whose, purpose, loss)

    def _recovery(self, task: type[Task]) -> Recovery:
        return self.decoding.recovery(self.owner, _PURPOSES[task])
