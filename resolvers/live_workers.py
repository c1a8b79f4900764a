"""Whoever has a camera and can show it live: what is asked of them, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from media.live.signals import LiveAnswer, LiveCamera, LiveOffer, LivePicture
from models.lease import CameraLeaseTable, WorkerTable


class LiveWorkers(Protocol):
    """Asks the worker that has a camera; no call lasts longer than some seconds.

    Raises:
        LiveRefused: the worker says why not, or nobody has the camera.
        Unavailable: the worker can't be reached.
    """

    async def start(self, camera: LiveCamera, offer: LiveOffer) -> LiveAnswer: ...

    async def stop(self, camera: LiveCamera, session_id: UUID) -> bool:
        """False when there is no such session of this camera."""
        ...

    async def picture(self, camera: LiveCamera) -> LivePicture:
        """The camera as it is now."""
        ...


@dataclass(frozen=True, slots=True)
class Owner:
    """The worker that has a camera; `base` is None where it has no internal port."""

    store_id: UUID
    base: str | None


async def owner_of(camera: LiveCamera) -> Owner | None:
    """None while nobody has it."""
    leases = CameraLeaseTable.within(camera.folder.tenant_id).filter(camera_key=camera.key)
    owners = await leases.filter(worker_id__not_isnull=True).values_list("worker_id", flat=True)
    rows = WorkerTable.filter(id__in=owners)
    found = await rows.values_list("store_id", "address")
    return Owner(UUID(str(found[0][0])), found[0][1]) if found else None
