"""Keeps a worker's cameras running as they are configured: all that it owns, and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.pipelines import Pipelines
from app.tenure import AWAY, Tenure
from app.writer import ChangeWriter
from media.custody import highest_token
from media.pipeline import CameraConfig
from media.repair import DIED
from media.source import Transport
from media.store import CameraFolder
from models.camera import Camera, CameraDeletion
from resolvers import ingest, leases
from resolvers.bus import CAMERA_CONFIG, wait_for_ring
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.leases import Wanted
from resolvers.positions import earliest_position
from resolvers.switches import NOT_RECORDED, OFF
from resolvers.zones import zones_of

log = logging.getLogger(__name__)

LOOK_ANYWAY_SECONDS = 1.0
STAGGER_SECONDS = 0.25
"""Between batches of cameras that are started: each opens a connection and reads its last hour."""
HANDED_OVER = "handed over to another worker"
TAKEN = "another worker took it over"
SET_UP_ANEW = "the camera was set up anew"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a camera's streams are, credentials included; without a substream None."""

    url: str = field(repr=False)
    detection_url: str | None = field(repr=False)


@dataclass(slots=True)
class Supervisor:
    """Looks at the cameras as often as the bell rings, and once a second anyway."""

    world: World
    transport: Transport
    tenure: Tenure
    pipelines: Pipelines
    writer: ChangeWriter
    _in_order: set[UUID] = field(default_factory=set)
    _lost: list[CameraConfig] = field(default_factory=list)
    _shut: dict[UUID, tuple[str | None, ...]] = field(default_factory=dict)
    _removals: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    _complaint: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what runs goes on then."""
        async with self.world.bus.bell(CAMERA_CONFIG) as bell:
            self.tenure.changed = bell
            stopping = asyncio.create_task(stop.wait())
            stopping.add_done_callback(lambda _: bell.set())
            while not stop.is_set():
                bell.clear()
                more = await self._try_to_look()
                await wait_for_ring(bell, STAGGER_SECONDS if more else LOOK_ANYWAY_SECONDS)
            await stopping
        await asyncio.gather(*self._removals.values())

    async def _try_to_look(self) -> bool:
        await self._stop_lost()
        try:
            more = await self._look()
        except AWAY as error:
            # Once, not at every look while the database is away.
            if str(error) != self._complaint:
                log.warning("cameras could not be read, those that run go on: %s", error)
            self._complaint = str(error)
            return False
        self._complaint = None
        return more

    async def _stop_lost(self) -> None:
        """Those that are no longer this worker's, or its own under another token."""
        tokens = self.tenure.tokens
        running = self.pipelines.running.items()
        lost = [key for key, each in running if tokens.get(key) != each.config.token]
        self._lost += [self.pipelines.running[key].config for key in lost]
        await self.pipelines.stop(lost, TAKEN)

    async def _look(self) -> bool:
        """Makes what runs equal to what is wanted. True: there is more to take."""
        cameras = await ingest.cameras_of_all_tenants()
        deletions = await ingest.deletions_with_footage(self.world)
        self.writer.know(cameras)
        enabled = {each.key: each for each in cameras if each.enabled and not self._is_shut(each)}
        wanted = [Wanted(each.tenant_id, each.key) for each in enabled.values()]
        await self._outbid_what_failed()
        await self._let_go(cameras, enabled, deletions)
        await self._follow_changes(enabled)
        more = await self.tenure.take(wanted)
        await self._start_all(enabled)
        await self._give_away(self.tenure.surplus(wanted))
        await self._remove_deleted(deletions)
        await self._tidy_up(cameras)
        await self._withdraw_lost()
        return more

    def _is_shut(self, camera: Camera) -> bool:
        return self._shut.get(camera.key) == _sealed(camera)

    def _opened(self, camera: Camera) -> Addresses | None:
        """Its addresses; None when one was sealed with a key which is not configured here.

        Then it is left to workers that have the key, until its address is another.
        """
        sealed, vault = camera.detection_url_sealed, self.world.vault
        try:
            url = vault.open(camera.rtsp_url_sealed)
            return Addresses(url, None if sealed is None else vault.open(sealed))
        except Unavailable as error:
            log.error("camera %s/%s: %s", camera.tenant_id, camera.slug, error)  # noqa: TRY400
            self._shut[camera.key] = _sealed(camera)
            return None

    def _config(
        self, camera: Camera, token: int, addresses: Addresses | None = None
    ) -> CameraConfig:
        addresses = addresses or Addresses("", None)
        return CameraConfig(
            key=camera.key,
            tenant_id=camera.tenant_id,
            folder=camera.folder,
            url=addresses.url,
            transport=self.transport,
            record=camera.record,
            features=tuple(camera.features),
            fps=camera.fps,
            zones=zones_of(camera),
            token=token,
            detection_url=addresses.detection_url,
        )

    async def _outbid_what_failed(self) -> None:
        """By a token above what stands in its way: it shuts out a thread that hangs, too."""
        for pipeline in self.pipelines.failed():
            seen = pipeline.lost.token if pipeline.lost is not None else None
            await self.tenure.outbid(pipeline.config.key, max(pipeline.config.token, seen or 0))
            self.pipelines.give_up(pipeline)

    async def _let_go(
        self,
        cameras: Sequence[Camera],
        enabled: dict[UUID, Camera],
        deletions: Sequence[CameraDeletion],
    ) -> None:
        """Of cameras that were switched off or deleted; the deleted keep their owner to the end."""
        deleted = {each.key for each in deletions}
        over = [key for key in {*self.tenure.tokens, *self.pipelines.running} if key not in enabled]
        await self.pipelines.stop([each.key for each in cameras if not each.enabled], OFF)
        await self.pipelines.stop(over)
        await self.tenure.give_back([key for key in over if key not in deleted])

    async def _follow_changes(self, enabled: dict[UUID, Camera]) -> None:
        """Detection is changed while the camera is recorded; for all else it is connected anew."""
        outdated: dict[str, list[UUID]] = {NOT_RECORDED: [], SET_UP_ANEW: []}
        for key, pipeline in self.pipelines.running.items():
            addresses = self._opened(enabled[key])
            config = self._config(enabled[key], pipeline.config.token, addresses)
            if not config.records_like(pipeline.config):
                ends = pipeline.config.record and not config.record
                outdated[NOT_RECORDED if ends else SET_UP_ANEW].append(key)
            elif config != pipeline.config:
                self.pipelines.change_detection(config)
        for reason, keys in outdated.items():
            await self.pipelines.stop(keys, reason)

    async def _start_all(self, enabled: dict[UUID, Camera]) -> None:
        idle = self.tenure.tokens.keys() & enabled.keys() - self.pipelines.running.keys()
        begun = [self._start(enabled[key]) for key in idle if self.pipelines.may_start(key)]
        await asyncio.gather(*begun)

    async def _start(self, camera: Camera) -> None:
        """What earlier owners left is in order before there is more."""
        addresses, token = self._opened(camera), self.tenure.tokens.get(camera.key)
        if addresses is None or token is None:
            return
        config = self._config(camera, token, addresses)
        await self._put_in_order(config)
        own, now_us = self.world.store.store_id, self.world.clock.now_us()
        position = await earliest_position(config.tenant_id, config.key, own, now_us)
        self.pipelines.start(replace(config, from_position=position))

    async def _put_in_order(self, config: CameraConfig) -> None:
        """Open runs end where their footage ends; then that may turn out to be more."""
        await ingest.close_open_runs(config.tenant_id, config.key, DIED)
        if await self.pipelines.put_in_order(config):
            self._in_order.add(config.key)

    async def _give_away(self, count: int) -> None:
        given = list(self.pipelines.running)[-count:] if count else []
        await self.pipelines.stop(given, HANDED_OVER)
        await self.tenure.give_back(given)

    async def _remove_deleted(self, deletions: Sequence[CameraDeletion]) -> None:
        """In the background: it may take long. By the owner, or whoever takes what nobody owns."""
        self._removals = {key: task for key, task in self._removals.items() if not task.done()}
        for deletion in deletions:
            wanted = Wanted(deletion.tenant_id, deletion.key)
            if deletion.key not in self._removals and await self.tenure.take_one(wanted):
                removal = self._remove_footage(deletion)
                self._removals[deletion.key] = asyncio.create_task(removal, name="removal")

    async def _remove_footage(self, deletion: CameraDeletion) -> None:
        folder = CameraFolder(deletion.tenant_id, deletion.folder)
        try:
            await asyncio.to_thread(self.pipelines.media.store.delete_camera, folder)
            if await ingest.footage_removed(self.world, deletion):
                await self.tenure.forget(Wanted(deletion.tenant_id, deletion.key))
            else:
                await self.tenure.give_back([deletion.key])
        except AWAY as error:
            log.warning("footage of %s is to be removed later: %s", deletion.slug, error)
        else:
            log.info("camera %s/%s: its footage is removed", deletion.tenant_id, deletion.slug)

    async def _tidy_up(self, cameras: Sequence[Camera]) -> None:
        """Footage in this store of cameras that are not recorded here: each once a process.

        A worker that died may have left it unlisted, and its camera been switched off, or taken by
        a worker with another store, since.
        """
        left = [each for each in cameras if await self._is_untidy(each)]
        elsewhere = await leases.owned_elsewhere(self.world.store.store_id) if left else set()
        for camera in left:
            wanted = Wanted(camera.tenant_id, camera.key)
            if camera.key in elsewhere:
                path = self.world.store.camera_path(CameraFolder(camera.tenant_id, camera.folder))
                await self.pipelines.put_in_order(self._config(camera, highest_token(path)))
                self._in_order.add(camera.key)
            elif not camera.enabled and await self.tenure.take_one(wanted):
                await self._put_in_order(self._config(camera, self.tenure.tokens[camera.key]))
                self._in_order.add(camera.key)
                await self.tenure.give_back([camera.key])

    async def _is_untidy(self, camera: Camera) -> bool:
        if camera.key in self._in_order or camera.key in self.tenure.tokens:
            return False
        folder = CameraFolder(camera.tenant_id, camera.folder)
        if await asyncio.to_thread(self.world.store.open_hours, folder):
            return True
        self._in_order.add(camera.key)
        return False

    async def _withdraw_lost(self) -> None:
        """What was recorded here of a camera that had another owner by then, in another store.

        In the same store there can be no such footage: see `media.custody`.
        """
        for config in list(self._lost):
            end_us = await leases.ended_us(config.tenant_id, config.key, config.token)
            self._lost.remove(config)
            if end_us is not None:
                await self.pipelines.withdraw(config, end_us)


def _sealed(camera: Camera) -> tuple[str | None, ...]:
    return camera.rtsp_url_sealed, camera.detection_url_sealed
