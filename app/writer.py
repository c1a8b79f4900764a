"""Media changes into the database: in order, in batches, again until it takes them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from uuid import UUID

from tortoise.exceptions import BaseORMException

from app import metrics
from media.bridge import Bridge
from media.types import ChangeKind, EventChange, MediaChange, SegmentClosed, StatusChanged
from models.camera import Camera
from models.tenant import TenantUnknown
from resolvers import ingest
from resolvers.context import World
from resolvers.errors import Unavailable

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.2, 5.0


class ChangeWriter:
    """Drains the bridge into `resolvers.ingest`.

    Changes wait in the bridge while the database is away. A change of a camera that this process
    never knew is dropped with a word.
    """

    def __init__(self, world: World, bridge: Bridge[MediaChange]) -> None:
        self._world, self._bridge = world, bridge
        self._tenants: dict[UUID, str] = {}
        self._slugs: dict[UUID, str] = {}

    def know(self, cameras: Iterable[Camera]) -> None:
        """Tells whose cameras' changes are to come."""
        for camera in cameras:
            self._tenants[camera.key] = camera.tenant_id
            self._slugs[camera.key] = camera.slug

    async def run(self) -> None:
        """Writes until the bridge is closed and empty."""
        async for batch in self._bridge.batches():
            known = [change for change in batch if change.camera_key in self._tenants]
            if len(known) < len(batch):
                log.warning("%d changes of unknown cameras dropped", len(batch) - len(known))
            by_tenant = sorted(known, key=self._tenant_of)
            for tenant_id, changes in groupby(by_tenant, key=self._tenant_of):
                await self._write(tenant_id, list(changes))
            metrics.waiting_changes.set(self._bridge.depth)

    def _tenant_of(self, change: MediaChange) -> str:
        return self._tenants[change.camera_key]

    async def _write(self, tenant_id: str, changes: Sequence[MediaChange]) -> None:
        """Tries for as long as the database is away; what comes later waits its turn.

        What the tables refuse for good is tried one by one: a change that they can never take must
        not hold up the others.
        """
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                await ingest.record(self._world, tenant_id, self._slugs, changes)
            except TenantUnknown:
                log.warning("tenant %s is gone: %d changes dropped", tenant_id, len(changes))
                return
            except Unavailable:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_RETRY_SECONDS)
            except BaseORMException:
                if len(changes) == 1:
                    log.exception("dropped, as the tables refuse it: %s", changes[0])
                    return
                for change in changes:
                    await self._write(tenant_id, [change])
                return
            else:
                _count(changes)
                return


def _count(changes: Sequence[MediaChange]) -> None:
    for change in changes:
        if isinstance(change, SegmentClosed):
            metrics.segments.inc()
            metrics.recorded_bytes.inc(change.size_bytes)
            metrics.recorded_seconds.inc((change.end_us - change.start_us) / 1_000_000)
        elif isinstance(change, EventChange) and change.kind is ChangeKind.BEGAN:
            metrics.events.labels(change.detection.feature).inc()
        elif isinstance(change, StatusChanged):
            metrics.camera_changes.labels(change.state.value).inc()
