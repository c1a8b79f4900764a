"""Positions of recorded frames are found by wall time, and lags by the camera's clock."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import cast

import pytest
from av.packet import Packet
from av.stream import Stream

from media.alignment import CameraMoment, MainRun
from media.timeline import RunTimeline
from media.types import RunClock

FRAME = 3600
START = 900_000
ANCHOR_US = 1_780_000_000_000_000
SECOND_US = 1_000_000


@dataclass
class Timeline:
    clock: RunClock | None


def main_run(*, settled: bool = True) -> MainRun:
    clock = RunClock(uuid.UUID(int=1), ANCHOR_US, START)
    return MainRun(cast(RunTimeline, Timeline(clock if settled else None)))


def frame(position: int, dts: int | None = None) -> Packet[Stream]:
    packet: Packet[Stream] = Packet(b"x")
    packet.pts, packet.dts = position, position if dts is None else dts
    return packet


def at_us(position: float) -> int:
    return ANCHOR_US + round((position - START) * SECOND_US / 90_000)


def shown(run: MainRun, count: int) -> None:
    for number in range(count):
        run.add(frame(START + number * FRAME))


@pytest.mark.parametrize(
    ("frames_in", "nearest"), [(0, 0), (1.4, 1), (1.6, 2), (-3.0, 0), (8.9, 9), (9, 9)]
)
def test_the_nearest_frame_is_found(frames_in: float, nearest: int) -> None:
    run = main_run()
    shown(run, 10)

    assert run.nearest(at_us(START + frames_in * FRAME)) == START + nearest * FRAME


def test_frames_that_have_not_come_are_waited_for() -> None:
    run = main_run()
    assert run.nearest(at_us(START)) is None
    shown(run, 10)

    assert run.nearest(at_us(START + 9 * FRAME + 90)) is None


def test_frames_shown_later_than_decoded_are_waited_for() -> None:
    run = main_run()
    for pts, dts in ((2, 0), (5, 1), (3, 2), (4, 3)):
        run.add(frame(START + pts * FRAME, START + dts * FRAME))

    assert run.nearest(at_us(START + 3 * FRAME)) == START + 3 * FRAME
    assert run.nearest(at_us(START + 4 * FRAME)) is None


def test_nothing_is_known_before_the_clock_is() -> None:
    run = main_run(settled=False)
    shown(run, 10)

    assert run.nearest(at_us(START)) is None
    assert run.lag_us(RunClock(uuid.UUID(int=2), ANCHOR_US, 0), CameraMoment(0, 0)) == 0


def test_frames_of_long_ago_are_forgotten() -> None:
    run = main_run()
    shown(run, 5000)

    assert run.nearest(at_us(START)) != START
    assert run.nearest(at_us(START + 4990 * FRAME)) == START + 4990 * FRAME


class Reported:
    """A keyframe of a camera whose sender reports tell its time."""

    is_keyframe = True

    def __init__(self, position: int, camera_us: int) -> None:
        self.pts = self.dts = position
        self._told = camera_us.to_bytes(8, "little", signed=True) + bytes(8)

    def has_sidedata(self, kind: str) -> bool:
        return kind == "prft"

    def get_sidedata(self, _: str) -> bytes:
        return self._told


@pytest.mark.parametrize(
    ("ahead_us", "lag_us"),
    [(0, 0), (300_000, -300_000), (-300_000, 300_000), (2_100_000, 0), (3_600_000_000, 0)],
)
def test_the_camera_tells_how_much_later_a_stream_comes(ahead_us: int, lag_us: int) -> None:
    """Its own clock is an hour slow, which matters to both alike."""
    slow_us = at_us(START) - 3600 * SECOND_US
    run, other = main_run(), RunClock(uuid.UUID(int=2), ANCHOR_US, 0)
    run.add(cast("Packet[Stream]", Reported(START, slow_us)))

    moment = CameraMoment(90_000, slow_us + SECOND_US + ahead_us)

    assert run.lag_us(other, moment) == lag_us
    assert run.lag_us(other, None) == 0
    assert main_run().lag_us(other, moment) == 0
