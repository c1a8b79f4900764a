"""Decoders in tests: which processes there are, and packets that go to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.packet import Packet
from av.stream import Stream

from media.clock import SystemClock
from media.codecs import VideoSetup
from media.decoders import Owner, Sampled, Sampling
from media.decoding.cradle import Nursery
from media.decoding.isolated import Decoding
from tests.clips import read_frame_number
from tests.media.restamped import restamped

RIGGED = "tests.media.decoding.rigged_nursery"
GATE, YARD = Owner("acme", "cam-gate"), Owner("acme", "cam-yard")
PATIENCE_S = 30.0


class LeapingClock(SystemClock):
    ahead_us = 0

    def monotonic_us(self) -> int:
        return super().monotonic_us() + self.ahead_us


@contextmanager
def decoding(module: str | None = None, limit_s: float = 20.0) -> Iterator[Decoding]:
    made = Decoding(LeapingClock(), limit_s, Nursery(module) if module else None)
    try:
        yield made
    finally:
        made.close()


def decoders_of(nursery: int | None) -> list[int]:
    """Pids, of those that wait to be collected too."""
    if nursery is None:
        return []
    return [
        int(pid) for pid in Path(f"/proc/{nursery}/task/{nursery}/children").read_text().split()
    ]


def until(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < ends_at, "in vain"
        time.sleep(0.01)


@dataclass
class Watched:
    """A sampling of a clip, and the numbers of the frames that came of it."""

    sampling: Sampling
    seen: list[int] = field(default_factory=list)

    def show(self, packets: Sequence[Packet[Stream]]) -> None:
        for packet in packets:
            self.sampling.take(packet)
            assert self.sampling.settle(PATIENCE_S)


@contextmanager
def watching(
    decoders: Decoding, clip: Path, owner: Owner = GATE, fps: float = 25
) -> Iterator[tuple[Watched, list[Packet[Stream]]]]:
    with restamped(clip) as (stream, packets):
        seen: list[int] = []

        def consider(sampled: Sampled) -> None:
            seen.append(read_frame_number(sampled.frame))

        sampling = decoders.of(owner).sampling(VideoSetup.of(stream), fps, consider)
        try:
            yield Watched(sampling, seen), list(packets)
        finally:
            sampling.close()


def worded(word: bytes, like: Packet[Stream]) -> Packet[Stream]:
    """A packet in the place of another one."""
    made: Packet[Stream] = av.Packet(word)
    made.pts, made.dts, made.is_keyframe = like.pts, like.dts, like.is_keyframe
    return made
