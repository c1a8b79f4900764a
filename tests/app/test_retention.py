"""The cleaner beside a worker: when it says what, and when it removes footage."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.retention import EVIDENCE, LOCK_NAME, Cleaner
from media.disk import DiskMarks, Room, halted
from media.turns import alone
from models.camera import Camera
from resolvers import tenants
from resolvers.access import Interval, Scope
from resolvers.context import World
from resolvers.evidence import LockWish, evidence_lift, evidence_lock
from resolvers.tenants import PlanChanges
from tests.resolvers.keeping import DAY, HOUR, NOON, at, on_disk, record
from tests.world import add_camera, context

MARKS = DiskMarks(low_bytes=20_000, reserve_bytes=8_000)


@dataclass
class Disk:
    """A disk of a certain size that holds the cameras' footage and what others put there."""

    world: World
    cameras: list[Camera]
    size_bytes: int
    others_bytes: int = 0
    fault: OSError | None = None

    def look(self, _: Path) -> Room:
        if self.fault is not None:
            raise self.fault
        used = sum(one.size_bytes for each in self.cameras for one in on_disk(self.world, each))
        return Room(self.size_bytes, self.size_bytes - used - self.others_bytes)


@pytest.fixture
async def disk(world: World) -> Disk:
    """12,000 of 40,000 bytes are used."""
    later = replace(at(world, NOON + DAY), marks=MARKS)
    camera = await add_camera(world)
    await record(world, camera, [0, 1, 2])
    return Disk(later, [camera], 40_000)


def cleaner_of(disk: Disk) -> Cleaner:
    return Cleaner(disk.world, disk.look)


async def test_little_room_is_said_once_and_costs_no_footage(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "app.retention")
    cleaner = cleaner_of(disk)
    for others in (0, 15_000, 16_000, 0):
        disk.others_bytes = others
        await cleaner.guard_disk()
    assert [each.message for each in caplog.records] == [
        "the disk fills up: 13000 bytes are free",
        "the disk has room again: 28000 bytes are free",
    ]
    assert len(on_disk(disk.world, disk.cameras[0])) == 12


async def test_on_the_last_reserve_the_oldest_footage_makes_room(disk: Disk) -> None:
    disk.others_bytes = 21_000
    await cleaner_of(disk).guard_disk()
    assert disk.look(Path()).free_bytes >= MARKS.reserve_bytes
    assert 0 < len(on_disk(disk.world, disk.cameras[0])) < 12
    assert halted(disk.world.store.root) is None


async def test_recording_waits_when_evidence_fills_the_disk_and_goes_on_later(disk: Disk) -> None:
    (camera,), cleaner = disk.cameras, cleaner_of(disk)
    wish = LockWish(Interval(NOON, NOON + 9 * HOUR), "a case")
    lock = await evidence_lock(context(disk.world), camera.slug, wish)
    disk.size_bytes = 15_000
    await cleaner.guard_disk()
    assert halted(disk.world.store.root) == EVIDENCE
    assert len(on_disk(disk.world, camera)) == 12
    await evidence_lift(context(disk.world), str(lock.id))
    await cleaner.guard_disk()
    await cleaner.guard_disk()
    assert halted(disk.world.store.root) is None
    assert len(on_disk(disk.world, camera)) < 12


async def test_recording_does_not_wait_where_others_fill_the_disk(disk: Disk) -> None:
    disk.others_bytes = 39_000
    await cleaner_of(disk).guard_disk()
    assert on_disk(disk.world, disk.cameras[0]) == []
    assert halted(disk.world.store.root) is None


async def test_of_two_cleaners_one_works(disk: Disk) -> None:
    disk.others_bytes = 39_000
    with alone(disk.world.store.root / LOCK_NAME):
        await cleaner_of(disk)._try(rung=True)
        assert len(on_disk(disk.world, disk.cameras[0])) == 12
    await cleaner_of(disk)._try(rung=True)
    assert on_disk(disk.world, disk.cameras[0]) == []


async def test_what_fails_is_said_once_and_tried_again(
    disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    cleaner = cleaner_of(disk)
    disk.fault = OSError(5, "Input/output error")
    for _ in range(3):
        await cleaner._try(rung=False)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    disk.fault, disk.others_bytes = None, 39_000
    await cleaner._try(rung=False)
    assert on_disk(disk.world, disk.cameras[0]) == []


async def test_a_changed_plan_is_kept_to_at_once(disk: Disk) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(cleaner_of(disk).run(stop))
    try:
        async with asyncio.timeout(30):
            while not (disk.world.store.root / ".spare-room").exists():  # its first look is over
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            admin = context(disk.world, "", Scope.PLATFORM_ADMIN)
            await tenants.tenant_update(admin, "default", PlanChanges(retention_bytes=4000))
            while len(on_disk_now(disk)) > 4:
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await running
    assert len(on_disk(disk.world, disk.cameras[0])) == 4


def on_disk_now(disk: Disk) -> list[object]:
    """While it works, files that are no longer listed may still be there."""
    root = disk.world.store.root
    return list(root.rglob("*.m4s"))
