"""The media worker: one pipeline for each enabled camera, and their changes into the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from tortoise.exceptions import BaseORMException

from app import metrics
from app.writer import ChangeWriter
from media.analysis import Analysis, AnalysisConfig
from media.bridge import Bridge
from media.detect.pool import DetectorPool
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.repair import DIED, Repaired, repair
from media.source import Transport
from media.store import CameraFolder, RecordingStore
from media.types import MediaChange, MediaError, Snapshot
from models.camera import Camera, CameraDeletion
from resolvers import ingest
from resolvers.bus import CAMERA_CONFIG, wait_for_ring
from resolvers.context import World
from resolvers.errors import VmsError

log = logging.getLogger(__name__)

LOOK_ANYWAY_SECONDS = 2.0
STOP_SECONDS = 2.0
LAST_WORDS_SECONDS = 3.0
"""For what is not written yet when the worker is told to stop."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Keeps one camera's snapshots in the store."""

    store: RecordingStore
    camera: CameraFolder

    def save(self, at_us: int, jpeg: bytes) -> Snapshot:
        return self.store.save_snapshot(self.camera, at_us, jpeg)


@dataclass(slots=True)
class Worker:
    """Keeps running pipelines equal to the cameras in the database.

    `pool` is None where no model is installed: cameras are recorded and nothing is detected.
    """

    world: World
    media: CameraWorld
    transport: Transport
    pool: DetectorPool | None = None
    _running: dict[UUID, CameraPipeline] = field(default_factory=dict)
    _seen: set[UUID] = field(default_factory=set)
    _complaint: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Supervises until `stop`, then ends every recording properly."""
        log.info("the worker looks after its cameras")
        await asyncio.to_thread(self.media.store.empty_trash)
        bridge: Bridge[MediaChange] = Bridge(asyncio.get_running_loop())
        writer = ChangeWriter(self.world, bridge)
        writing = asyncio.create_task(writer.run(), name="change-writer")
        try:
            await self._supervise(bridge.deliver, writer, stop)
        finally:
            await self._stop(list(self._running))
            bridge.close()
            await _last_words(writing, bridge)

    async def _supervise(
        self, deliver: Callable[[MediaChange], None], writer: ChangeWriter, stop: asyncio.Event
    ) -> None:
        async with self.world.bus.bell(CAMERA_CONFIG) as bell:
            stopping = asyncio.create_task(stop.wait())
            stopping.add_done_callback(lambda _: bell.set())
            while not stop.is_set():
                bell.clear()
                try:
                    await self._follow(deliver, writer)
                except VmsError as error:
                    self._complain(str(error))
                except (BaseORMException, OSError):
                    log.exception("cameras could not be read; those that run go on")
                else:
                    self._complaint = None
                await wait_for_ring(bell, LOOK_ANYWAY_SECONDS)
            await stopping

    def _complain(self, complaint: str) -> None:
        """Once, not at every look while the database is away."""
        if complaint != self._complaint:
            log.warning("cameras could not be read, those that run go on: %s", complaint)
        self._complaint = complaint

    async def _follow(self, deliver: Callable[[MediaChange], None], writer: ChangeWriter) -> None:
        """One look: stops what is gone or changed, removes footage, starts what is new."""
        cameras = await ingest.cameras_of_all_tenants()
        writer.know(cameras)
        wanted = {each.key: self._config(each) for each in cameras if each.enabled}
        outdated = [
            key for key, pipeline in self._running.items() if wanted.get(key) != pipeline.config
        ]
        await self._stop(outdated)
        for deletion in await ingest.deletions_with_footage():
            await self._remove_footage(deletion)
        for camera in cameras:
            if camera.key not in self._seen:
                await self._put_in_order(camera, deliver)
        for key, config in wanted.items():
            if key not in self._running:
                self._start(config, deliver)
        metrics.cameras.set(len(self._running))

    def _config(self, camera: Camera) -> CameraConfig:
        return CameraConfig(
            key=camera.key,
            tenant_id=camera.tenant_id,
            folder=camera.folder,
            url=self.world.vault.open(camera.rtsp_url_sealed),
            transport=self.transport,
            record=camera.record,
            features=tuple(camera.features),
            fps=camera.fps,
        )

    async def _put_in_order(self, camera: Camera, deliver: Callable[[MediaChange], None]) -> None:
        """Lists what a worker that died left unlisted, whether or not the camera is there now."""
        await ingest.close_open_runs(camera.tenant_id, camera.key, DIED)
        try:
            found = await asyncio.to_thread(self._repaired, camera)
        except (OSError, MediaError):
            log.exception("camera %s: its footage could not be put in order", camera.key)
            return
        self._seen.add(camera.key)
        for change in found.changes:
            deliver(change)

    def _repaired(self, camera: Camera) -> Repaired:
        store, folder = self.media.store, CameraFolder(camera.tenant_id, camera.folder)
        with store.writing(folder):
            return repair(store, folder, camera.key, self.media.clock.now_us())

    def _start(self, config: CameraConfig, deliver: Callable[[MediaChange], None]) -> None:
        analysis = self._analysis(config, deliver)
        pipeline = CameraPipeline(config, self.media, deliver, analysis)
        self._running[config.key] = pipeline
        pipeline.start()

    def _analysis(
        self, config: CameraConfig, deliver: Callable[[MediaChange], None]
    ) -> Analysis | None:
        if self.pool is None or not config.features:
            return None
        look_for = AnalysisConfig(config.key, config.fps, frozenset(config.features))
        snapshots = Snapshots(self.media.store, CameraFolder(config.tenant_id, config.folder))
        return Analysis(look_for, self.pool, deliver, snapshots)

    async def _stop(self, keys: Iterable[UUID]) -> None:
        """Asks all to stop, then waits for all: together not longer than for one."""
        pipelines = [self._running.pop(key) for key in keys]
        for pipeline in pipelines:
            pipeline.request_stop()
        ended = await asyncio.gather(
            *(asyncio.to_thread(each.join, STOP_SECONDS) for each in pipelines)
        )
        for pipeline, has_ended in zip(pipelines, ended, strict=True):
            if not has_ended:
                log.warning("camera %s: its thread waits for the network", pipeline.config.key)

    async def _remove_footage(self, deletion: CameraDeletion) -> None:
        folder = CameraFolder(deletion.tenant_id, deletion.folder)
        await asyncio.to_thread(self.media.store.delete_camera, folder)
        await ingest.footage_removed(self.world, deletion)
        log.info("camera %s/%s: its footage is removed", deletion.tenant_id, deletion.slug)


async def _last_words(writing: asyncio.Task[None], bridge: Bridge[MediaChange]) -> None:
    """Waits until all changes are written; not for ever, as the database may be away."""
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await writing
    except TimeoutError:
        log.error("stopped without the database: changes are lost, %d and more", bridge.depth)  # noqa: TRY400
