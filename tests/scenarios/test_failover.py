"""Workers come, go, die, fall asleep: every camera has one recorder, and its footage one copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM

import pytest

from media.custody import highest_token
from media.simulator import MountOptions, SimulatorThread
from media.store import CameraFolder
from models.camera import Camera
from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera_delete, camera_update
from tests.audit import audited, frame_numbers, listed
from tests.clips import Encoding, frame_coded
from tests.crew import Crew, crew, until
from tests.servers import Postgres, Valkey
from tests.world import context

DIED = "the recorder stopped without warning"
HANDED_OVER = "handed over to another worker"
STOPPED = "the worker that recorded it was stopped"
SWITCHED_OFF = "the camera was switched off"

Url = Callable[[str], str]


@pytest.fixture
def cameras_url() -> Iterator[Url]:
    """Six cameras, each with an address of its own, whose frames are numbered over all the test."""
    clip = frame_coded(750, Encoding(fps=5, gop=5))
    with ExitStack() as stack:
        simulators = {f"cam-{n}": stack.enter_context(SimulatorThread()) for n in range(1, 7)}
        for path, each in simulators.items():
            each.add(path, clip, MountOptions(linger_seconds=600))
        yield lambda path: simulators[path].url(path)


@pytest.fixture
async def team(database: str, valkey: Valkey, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew(database, valkey.url, tmp_path) as made:
        yield made


async def recorded_further(team: Crew, cameras: list[Camera]) -> None:
    """Until each camera has a listed segment that began after now: what a repair lists is older."""
    now_us = team.world.clock.now_us()

    async def more() -> bool:
        found = [listed(team.world.store, each) for each in cameras]
        return all(any(one.start_us > now_us for _, one in each) for each in found)

    await until(more)


async def test_cameras_are_shared_and_change_hands(team: Crew, cameras_url: Url) -> None:
    cameras = await team.add_cameras(cameras_url, 6)
    first, second = await asyncio.gather(team.start(), team.start())
    await team.owning(3, 3)
    third = await team.start()
    await team.owning(2, 2, 2)
    await second.end(SIGTERM)
    await team.owning(3, 0, 3)
    await recorded_further(team, cameras)
    third.signal(SIGKILL)
    await team.owning(6, 0, 0)
    await recorded_further(team, cameras)

    await first.end(SIGTERM)
    reasons = set()
    for camera in cameras:
        found = await audited(team.world, camera)
        reasons |= {reason for _, reason in found.gaps}
        assert all(seconds < 10 for seconds, _ in found.gaps), found.gaps
    assert {DIED, STOPPED} <= reasons <= {DIED, STOPPED, HANDED_OVER}


async def test_a_worker_that_fell_asleep_writes_no_second_copy(
    team: Crew, cameras_url: Url
) -> None:
    cameras = await team.add_cameras(cameras_url, 2)
    first, second = await asyncio.gather(team.start(), team.start())
    await team.owning(1, 1)
    await recorded_further(team, cameras)
    asleep = next(each for each in await team.leases() if each.worker_id == second.id)

    second.signal(SIGSTOP)
    await team.owning(2, 0)
    await recorded_further(team, cameras)
    second.signal(SIGCONT)
    await team.owning(1, 1)
    await recorded_further(team, cameras)
    await asyncio.gather(first.end(SIGTERM), second.end(SIGTERM))

    for camera in cameras:
        numbers = frame_numbers(team.world, camera)
        assert numbers == sorted(set(numbers)), "no picture twice, and all in order"
        found = await audited(team.world, camera)
        if camera.key == asleep.camera_key:
            assert found.gaps, "there was nobody for some seconds"
    folders = [CameraFolder(each.tenant_id, each.folder) for each in cameras]
    tokens = [highest_token(team.world.store.camera_path(each)) for each in folders]
    assert sorted(tokens) == sorted(each.token for each in await team.leases())


async def test_while_the_database_is_away_recording_goes_on(
    team: Crew, mortal_postgres: Postgres, cameras_url: Url
) -> None:
    cameras = await team.add_cameras(cameras_url, 2)
    first, second = await asyncio.gather(team.start(), team.start())
    await team.owning(1, 1)
    await recorded_further(team, cameras)
    before = {each.camera_key: (each.worker_id, each.token) for each in await team.leases()}

    mortal_postgres.kill()
    await recorded_further(team, cameras)
    await recorded_further(team, cameras)
    mortal_postgres.revive()
    await recorded_further(team, cameras)

    assert before == {each.camera_key: (each.worker_id, each.token) for each in await team.leases()}
    await asyncio.gather(first.end(SIGTERM), second.end(SIGTERM))
    for camera in cameras:
        # Only from before: the first worker had both for a moment.
        assert {reason for _, reason in (await audited(team.world, camera)).gaps} <= {HANDED_OVER}


async def test_what_is_changed_reaches_the_owner(team: Crew, cameras_url: Url) -> None:
    off, gone, renamed = await team.add_cameras(cameras_url, 3)
    owner = await team.start()
    await recorded_further(team, [off, gone, renamed])
    ctx = context(team.world)

    await camera_update(ctx, off.slug, CameraChanges(enabled=False))
    await camera_delete(ctx, gone.slug)
    await camera_update(ctx, renamed.slug, CameraChanges(name="Gate", fps=2, features=["person"]))

    async def alone() -> bool:
        leased = {each.camera_key for each in await team.leases() if each.worker_id}
        return leased == {renamed.key}

    await until(alone)
    assert gone.key not in {each.camera_key for each in await team.leases()}
    assert not team.world.store.camera_path(CameraFolder(gone.tenant_id, gone.folder)).exists()
    await camera_update(ctx, off.slug, CameraChanges(enabled=True))
    await recorded_further(team, [off, renamed])
    await owner.end(SIGTERM)

    assert (await audited(team.world, renamed)).gaps == []
    assert [reason for _, reason in (await audited(team.world, off)).gaps] == [
        SWITCHED_OFF,
        "no picture has come since it was switched on",
    ]
