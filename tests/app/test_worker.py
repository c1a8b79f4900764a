"""A worker in this process: what it does about cameras that change, fail, or were left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet

from app.supervision import TAKEN
from app.worker import Companion, Worker
from media.clock import SystemClock
from media.orders import SILENCE_S
from media.pipeline import CameraWorld
from media.segments import Recording, SegmentWriter
from media.simulator import Simulator, SimulatorThread
from media.source import Transport
from media.store import CameraFolder, Hour, RecordingStore
from media.types import RunClock
from models.base import select
from models.camera import Camera, CameraTable
from models.lease import WorkerTable, every_lease
from models.recording import RecordingRun, RecordingRunTable
from resolvers import leases
from resolvers.camera_input import CameraChanges, CameraDraft
from resolvers.cameras import camera_create, camera_delete, camera_update
from resolvers.context import World
from resolvers.vault import Vault
from tests.audit import audited, listed
from tests.clips import Encoding, frame_coded
from tests.media.fragments import INIT, gop
from tests.media.recorded import NETWORKS, QUICK, SOON
from tests.world import context


class Patient(SystemClock):
    """Its monotonic time can be set ahead, as if somebody had been silent for long."""

    ahead_us = 0

    def monotonic_us(self) -> int:
        return super().monotonic_us() + self.ahead_us


class HangingStore(RecordingStore):
    """On a disk that does not answer when it is told not to: once, to a camera's thread."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.hang_next = False
        self.hangs, self.free = threading.Event(), threading.Event()

    def make_hour(self, camera: CameraFolder, hour: Hour) -> Path:
        if self.hang_next and threading.current_thread().name.startswith("cam-"):
            self.hang_next = False
            self.hangs.set()
            self.free.wait(60)
        return super().make_hour(camera, hour)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with SimulatorThread() as running:
        for name in ("cam-1", "cam-2"):
            running.add(name, frame_coded(600, Encoding(gop=10)))
        yield running


@dataclass
class Site:
    world: World
    clock: Patient
    spool: Path

    @asynccontextmanager
    async def working(self, *companions: Companion) -> AsyncIterator[Worker]:
        media = CameraWorld(self.world.store, NETWORKS, self.clock, QUICK, SOON, 0.4)
        worker = Worker(self.world, media, Transport.TCP, self.spool, alone=True)
        worker.companions += companions
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            yield worker
        finally:
            stop.set()
            await running

    async def camera(self, name: str, url: str, *, enabled: bool = True) -> Camera:
        draft = CameraDraft(id=name, name=name, rtsp_url=url, enabled=enabled)
        return (await camera_create(context(self.world), draft)).camera

    async def runs(self, camera: Camera) -> list[RecordingRun]:
        rows = RecordingRunTable.within("default").filter(camera_key=camera.key)
        return await select(rows.order_by("started_us"), RecordingRun)

    async def recorded_further(self, camera: Camera, segments: int = 2) -> None:
        before = len(listed(self.world.store, camera))

        async def more() -> bool:
            return len(listed(self.world.store, camera)) >= before + segments

        await until(more)

    async def token(self, camera: Camera) -> int:
        return int((await every_lease().get(camera_key=camera.key)).token)


@pytest.fixture
def site(world: World, tmp_path: Path) -> Site:
    return Site(world, Patient(), tmp_path / "spool")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():
            await asyncio.sleep(0.05)


async def test_name_features_and_fps_change_without_a_gap(site: Site, simulator: Simulator) -> None:
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    async with site.working():
        await site.recorded_further(camera)
        changes = CameraChanges(name="Gate", fps=2.0, features=["person"])
        await camera_update(context(site.world), camera.slug, changes)
        await asyncio.sleep(0.3)
        await site.recorded_further(camera)
        assert len(await site.runs(camera)) == 1

    assert (await audited(site.world, camera)).gaps == []
    assert len(await site.runs(camera)) == 1


async def test_another_address_is_another_run(site: Site, simulator: Simulator) -> None:
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    async with site.working():
        await site.recorded_further(camera)
        changes = CameraChanges(rtsp_url=simulator.url("cam-2"))
        await camera_update(context(site.world), camera.slug, changes)

        async def again() -> bool:
            return len(await site.runs(camera)) == 2

        await until(again)
        await site.recorded_further(camera)

    assert len((await audited(site.world, camera)).gaps) == 1


async def test_an_address_that_cannot_be_opened_holds_up_no_other_camera(
    site: Site, simulator: Simulator
) -> None:
    shut = await site.camera("cam-2", simulator.url("cam-2"))
    sealed = Vault([Fernet.generate_key().decode()]).seal(simulator.url("cam-2"))
    await CameraTable.within("default").filter(key=shut.key).update(rtsp_url_sealed=sealed)
    camera = await site.camera("cam-1", simulator.url("cam-1"))

    async with site.working():
        await site.recorded_further(camera)
        assert listed(site.world.store, shut) == []
        owners = await every_lease().filter(camera_key=shut.key).values_list("worker_id", flat=True)
        assert owners == [None], "it is left to a worker that has the key"

        sealed = site.world.vault.seal(simulator.url("cam-2"))
        await CameraTable.within("default").filter(key=shut.key).update(rtsp_url_sealed=sealed)
        await site.recorded_further(shut)


async def test_a_thread_that_hangs_is_replaced_and_shut_out(
    site: Site, simulator: Simulator
) -> None:
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    disk = HangingStore(site.world.store.root)
    site.world = replace(site.world, store=disk)
    async with site.working():
        await site.recorded_further(camera)
        before = await site.token(camera)
        disk.hang_next = True
        await asyncio.to_thread(disk.hangs.wait, 20)
        site.clock.ahead_us = round((SILENCE_S + 1) * 1_000_000)

        async def replaced() -> bool:
            return await site.token(camera) > before

        await until(replaced)
        await site.recorded_further(camera)
        disk.free.set()
        await site.recorded_further(camera)

    assert len(await site.runs(camera)) == 2
    assert len((await audited(site.world, camera)).gaps) == 1


async def test_tokens_of_a_restored_database_are_raised_above_those_on_disk(
    site: Site, simulator: Simulator
) -> None:
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    with site.world.store.writing(CameraFolder(camera.tenant_id, camera.folder), 1000):
        pass

    async with site.working():
        await site.recorded_further(camera)
        assert await site.token(camera) > 1000

    assert (await audited(site.world, camera)).gaps == []


async def test_what_a_dead_worker_left_of_a_camera_that_is_off_is_listed(site: Site) -> None:
    camera = await site.camera("cam-1", "rtsp://127.0.0.1:1/x", enabled=False)
    folder = CameraFolder(camera.tenant_id, camera.folder)
    recording = Recording(site.world.store, folder, camera.key, 1.0)
    writer = SegmentWriter(recording, lambda _: None)
    writer.set_clock(RunClock(UUID(int=1), SystemClock().now_us(), 0), settled=True)
    for second in range(3):
        writer.append(INIT, *gop(second * 90_000))
    writer.abandon()

    async with site.working():

        async def told() -> bool:
            runs = await site.runs(camera)
            return [run.recorded_until_us - run.started_us for run in runs] == [3_000_000]

        await until(told)

    found = await audited(site.world, camera)
    assert len(found.segments) == 3
    assert [row.worker_id for row in await every_lease().filter(camera_key=camera.key)] == [None]


async def test_a_deleted_camera_leaves_neither_footage_nor_lease(
    site: Site, simulator: Simulator
) -> None:
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    async with site.working():
        await site.recorded_further(camera)
        await camera_delete(context(site.world), camera.slug)

        async def gone() -> bool:
            return not await every_lease().exists()

        await until(gone)

    assert not site.world.store.camera_path(CameraFolder("default", camera.folder)).exists()
    assert await site.runs(camera) == []


async def test_companions_run_beside_and_end_with_the_worker(site: Site) -> None:
    class Beside:
        said: tuple[str, ...] = ()

        async def run(self, stop: asyncio.Event) -> None:
            self.said += ("began",)
            await stop.wait()
            self.said += ("ended",)

    companion = Beside()
    async with site.working(companion):

        async def begun() -> bool:
            return companion.said == ("began",)

        await until(begun)

    assert companion.said == ("began", "ended")


async def test_the_address_of_the_internal_port_is_told_with_the_next_look(site: Site) -> None:
    async with site.working() as worker:
        worker.address = "http://127.0.0.1:9"

        async def known() -> bool:
            rows = await WorkerTable.all()
            return [row.address for row in rows] == ["http://127.0.0.1:9"]

        await until(known)


async def test_whoever_ends_properly_leaves_no_lease_behind(
    site: Site, simulator: Simulator
) -> None:
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    async with site.working():
        await site.recorded_further(camera, 1)

    assert [row.worker_id for row in await every_lease()] == [None]
    (run,) = await site.runs(camera)
    assert run.end_reason == "the worker that recorded it was stopped"


async def test_what_was_recorded_after_the_loss_is_taken_away_again(
    site: Site, simulator: Simulator
) -> None:
    """A worker with a store of its own hears late that another one records the camera."""
    camera = await site.camera("cam-1", simulator.url("cam-1"))
    async with site.working():
        await site.recorded_further(camera, 3)
        lost_us = site.clock.now_us()
        await RecordingRunTable.create(
            run_id=uuid4(),
            tenant_id="default",
            camera_key=camera.key,
            store_id=uuid4(),
            token=99,
            started_us=lost_us,
            recorded_until_us=lost_us,
        )

        async def too_much() -> bool:
            return listed(site.world.store, camera)[-1][1].start_us >= lost_us

        async def withdrawn() -> bool:
            return not await too_much()

        await until(too_much)
        soon_us = site.clock.now_us() + leases.LEASE_US
        await every_lease().update(worker_id=uuid4(), token=99, expires_us=soon_us)
        await until(withdrawn)

    found = listed(site.world.store, camera)
    assert len(found) >= 3
    folder = site.world.store.camera_path(CameraFolder("default", camera.folder))
    assert len(list(folder.rglob("*.m4s*"))) == len(found)
    assert {row.end_reason for row in await site.runs(camera)} == {None, TAKEN}
