"""Workers come, go, die and fall asleep: every camera has one recorder, and its footage one copy."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from media.custody import highest_token
from media.simulator import MountOptions, Simulator, SimulatorThread
from media.store import CameraFolder
from models.camera import Camera
from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera_delete, camera_update
from tests.audit import audited, listed
from tests.clips import Encoding, frame_coded
from tests.crew import Crew, crew, until
from tests.servers import Postgres, Valkey
from tests.world import context

DIED = "the recorder stopped without warning"
HANDED_OVER = "handed over to another worker"
STOPPED = "the worker that recorded it was stopped"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Six cameras with a keyframe twice a second, whose frames are numbered over all the test."""
    clip = frame_coded(1500, Encoding(fps=10, gop=5, size=(160, 120)))
    with SimulatorThread() as running:
        for number in range(1, 7):
            running.add(f"cam-{number}", clip, MountOptions(linger_seconds=600))
        yield running


@pytest.fixture
async def team(database: str, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(database, valkey.url, tmp_path) as made:
        yield made


async def recorded_again(team: Crew, cameras: list[Camera], after: list[int]) -> None:
    """Until each camera has one more listed segment than it had."""

    async def more() -> bool:
        now = [len(listed(team.world.store, each)) for each in cameras]
        return all(a < b for a, b in zip(after, now, strict=True))

    await until(more)


async def counted(team: Crew, cameras: list[Camera]) -> list[int]:
    return [len(listed(team.world.store, each)) for each in cameras]


async def all_ended(team: Crew) -> None:
    alive = [each for each in team.processes if each.running.returncode is None]
    await asyncio.gather(*(each.end(signal.SIGTERM) for each in alive))


async def test_cameras_are_shared_and_change_hands(team: Crew, simulator: Simulator) -> None:
    cameras = await team.add_cameras(simulator.url, 6)
    first, second = await team.start(), await team.start()
    await team.owning(3, 3)
    third = await team.start()
    await team.owning(2, 2, 2)
    await recorded_again(team, cameras, await counted(team, cameras))

    await second.end(signal.SIGTERM)
    await team.owning(3, 0, 3)
    await recorded_again(team, cameras, await counted(team, cameras))
    third.signal(signal.SIGKILL)
    await team.owning(6, 0, 0)
    await recorded_again(team, cameras, await counted(team, cameras))

    tokens = [lease.token for lease in await team.leases()]
    await first.end(signal.SIGTERM)
    reasons = set()
    for camera in cameras:
        found = await audited(team.world, camera)
        reasons |= {reason for _, reason in found.gaps}
        assert all(seconds < 8 for seconds, _ in found.gaps), found.gaps
    assert {DIED, STOPPED} <= reasons <= {DIED, STOPPED, HANDED_OVER}
    assert max(tokens) >= 3
