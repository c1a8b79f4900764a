"""What goes wrong with a camera during a soak: at random, but the same for the same seed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random

from media.clock import Clock
from media.playlist import iso_milliseconds
from media.simulator import Garbage, Mount, Refusal, read_clip
from tests.benchmarks.soak.line import Line

FPS, BFRAMES = 10, 2
HEALTHY_SECONDS = (15.0, 45.0)
FAR_SECONDS = (-3600.0, -30.0, 30.0, 3600.0)
BEFORE_US, AFTER_US = 2_000_000, 5_000_000
"""How far a gap may lie from its fault: wall times of footage are those of arrival, and a run may
end with the keyframe that follows."""


class Harm(Enum):
    """What a fault does to footage."""

    NONE = "none"
    SOME = "some"
    GAP = "gap"


@dataclass(eq=False, slots=True)
class Subject:
    """A camera with its faults. `clips` follow each other where parameters change."""

    name: str
    mount: Mount
    line: Line
    clips: tuple[Path, ...]
    random: Random
    playing: int = 0
    injected: list[Injected] = field(default_factory=list)

    def play_next(self) -> None:
        self.playing = (self.playing + 1) % len(self.clips)
        self.mount.switch(read_clip(self.clips[self.playing]))

    def slow(self, is_slow: bool) -> None:
        self.line.is_slow = is_slow


@dataclass(frozen=True, slots=True)
class Injected:
    fault: Fault
    from_us: int
    to_us: int

    def __str__(self) -> str:
        begin, end = (iso_milliseconds(each) for each in (self.from_us, self.to_us))
        return f"{self.fault.name} from {begin} to {end}"

    def explains(self, from_us: int, to_us: int) -> bool:
        """Whether a gap of that time may come of it."""
        return (
            self.fault.harm is not Harm.NONE
            and from_us <= self.to_us + AFTER_US
            and to_us >= self.from_us - BEFORE_US
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """`begin` and `end` are called with so many `seconds` (from, to) between them."""

    name: str
    harm: Harm
    begin: Callable[[Subject], None]
    end: Callable[[Subject], None] = lambda _: None
    seconds: tuple[float, float] = (0.0, 0.0)

    async def inject(self, subject: Subject, clock: Clock) -> None:
        from_us = clock.now_us()
        self.begin(subject)
        try:
            await asyncio.sleep(subject.random.uniform(*self.seconds))
        finally:
            self.end(subject)
            subject.injected.append(Injected(self, from_us, clock.now_us()))


def _garbled(garbage: Garbage) -> Fault:
    def begin(subject: Subject) -> None:
        subject.mount.garble(garbage)

    return Fault(f"garbage: {garbage}", Harm.SOME, begin, lambda s: s.mount.clear(), (2, 15))


def _refused(refusal: Refusal) -> Fault:
    def begin(subject: Subject) -> None:
        subject.mount.refuse(refusal)
        subject.mount.kick()

    return Fault(f"refused: {refusal}", Harm.GAP, begin, lambda s: s.mount.accept(), (3, 20))


def _wrong_password(subject: Subject) -> None:
    subject.mount.unauthorize()
    subject.mount.kick()


def _silent_line(subject: Subject) -> None:
    subject.mount.blackhole()
    subject.mount.kick()


FAULTS = (
    Fault("disconnected", Harm.GAP, lambda s: s.mount.kick()),
    Fault("stalled", Harm.GAP, lambda s: s.mount.stall(), lambda s: s.mount.resume(), (9, 25)),
    Fault(
        "stalled a bit", Harm.NONE, lambda s: s.mount.stall(), lambda s: s.mount.resume(), (1, 3)
    ),
    # Whoever connects meanwhile is sent what was held back: then nothing is missing.
    Fault("held", Harm.SOME, lambda s: s.mount.hold(), lambda s: s.mount.resume(), (9, 20)),
    Fault("held a bit", Harm.SOME, lambda s: s.mount.hold(), lambda s: s.mount.resume(), (1, 4)),
    Fault("a byte a second", Harm.GAP, lambda s: s.slow(True), lambda s: s.slow(False), (10, 30)),
    Fault("lossy", Harm.SOME, lambda s: s.mount.lose(0.3), lambda s: s.mount.clear(), (3, 15)),
    *map(_garbled, Garbage),
    *map(_refused, Refusal),
    Fault("wrong password", Harm.GAP, _wrong_password, lambda s: s.mount.authorize(), (5, 20)),
    Fault("answers nothing", Harm.GAP, _silent_line, lambda s: s.mount.answer(), (5, 20)),
    Fault("other parameters", Harm.GAP, Subject.play_next),
    Fault("clock set far", Harm.GAP, lambda s: s.mount.jump(s.random.choice(FAR_SECONDS))),
    Fault(
        "clock set a bit",
        Harm.NONE,
        lambda s: s.mount.jump(0.3),
        lambda s: s.mount.jump(-0.3),
        (2, 9),
    ),
    Fault("muted", Harm.NONE, lambda s: s.mount.mute(), lambda s: s.mount.unmute(), (3, 15)),
)


async def suffer(subject: Subject, clock: Clock, stop: asyncio.Event) -> None:
    """One fault after the other, each after a healthy while; after `stop` the last runs out."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), subject.random.uniform(*HEALTHY_SECONDS))
            return
        await subject.random.choice(FAULTS).inject(subject, clock)
