"""A camera's own clock is known from its sender reports, and not without."""

from __future__ import annotations

import itertools
import time

import pytest

from media.camera_time import camera_us
from media.simulator import MountOptions, SimulatorThread
from media.source import open_source
from tests.clips import frame_coded
from tests.media.recorded import place


@pytest.mark.parametrize("offset_us", [0, -3_600_000_000, 86_400_000_000])
def test_reports_tell(offset_us: int) -> None:
    with SimulatorThread() as simulator:
        simulator.add("gate", frame_coded(100), MountOptions(clock_offset_us=offset_us))
        with open_source(place(simulator.url("gate"))) as source:
            told = [camera_us(packet) for packet in itertools.islice(source.packets(), 30)]
    now_us = time.time_ns() // 1000

    known = [each for each in told if each is not None]
    assert len(known) == 30
    assert {after - before for before, after in itertools.pairwise(known)} <= {
        39_999,
        40_000,
        40_001,
    }
    assert abs(known[-1] - now_us - offset_us) < 10_000_000


@pytest.mark.parametrize(
    "options",
    [
        MountOptions(sends_reports=False),
        MountOptions(clock_offset_us=-(time.time_ns() // 1000) - 86_400_000_000),
    ],
    ids=["no reports", "no clock"],
)
def test_nothing_is_known_without_a_clock_in_reports(options: MountOptions) -> None:
    with SimulatorThread() as simulator:
        simulator.add("gate", frame_coded(100), options)
        with open_source(place(simulator.url("gate"))) as source:
            told = {camera_us(packet) for packet in itertools.islice(source.packets(), 30)}

    assert told == {None}
