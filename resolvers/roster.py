"""Every tenant's cameras in memory, as current as the database is.

Cameras are asked for with every request and change rarely. Each of their changes takes a number of
the tenant's log in its own transaction, so one number, read each time, tells whether what is known
is still so; what changed since is then read by its numbers alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

from tortoise.backends.base.client import TransactionalDBClient
from tortoise.connection import get_connection

from models.base import select
from models.camera import Camera, CameraDeletion, CameraDeletionTable, CameraTable
from models.tenant import last_number

MOST_KEPT = 50_000
"""Cameras of all tenants together: about 2 kB each. Tenants asked for least recently go first."""


@dataclass(frozen=True, slots=True)
class Roster:
    """A tenant's cameras as of number `seq` of its log; `in_order` is oldest first."""

    seq: int
    in_order: Sequence[Camera]
    by_slug: Mapping[str, Camera]
    by_key: Mapping[UUID, Camera]


def _roster(seq: int, found: Sequence[Camera]) -> Roster:
    in_order = sorted(found, key=lambda camera: (camera.created_us, camera.slug))
    return Roster(
        seq,
        in_order,
        {each.slug: each for each in in_order},
        {each.key: each for each in in_order},
    )


class Rosters:
    """Belongs to one process and one database."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Roster] = OrderedDict()
        self._kept = 0
        self._reading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def of(self, tenant_id: str) -> Roster:
        """The tenant's cameras as they are committed now.

        Raises:
            Unavailable: the database is away.
            RuntimeError: asked for inside a transaction, which may yet be undone.
        """
        if isinstance(get_connection("default"), TransactionalDBClient):
            raise RuntimeError("a roster shows what is committed: read the table")  # noqa: TRY004
        seq = await last_number(tenant_id, "camera_seq")
        known = self._known.get(tenant_id)
        if known is None or known.seq != seq:
            async with self._reading.setdefault(tenant_id, asyncio.Lock()):
                known = await _read(tenant_id, self._known.get(tenant_id))
                self._keep(tenant_id, known)
        self._known.move_to_end(tenant_id)
        return known

    def _keep(self, tenant_id: str, roster: Roster) -> None:
        """The one that was just asked for stays, however long it is."""
        before = self._known.pop(tenant_id, None)
        self._kept += len(roster.in_order) - (len(before.in_order) if before else 0)
        while self._known and self._kept > MOST_KEPT:
            _, dropped = self._known.popitem(last=False)
            self._kept -= len(dropped.in_order)
        self._known[tenant_id] = roster


async def _read(tenant_id: str, known: Roster | None) -> Roster:
    """The number is read first: what commits meanwhile is read again next time."""
    seq = await last_number(tenant_id, "camera_seq")
    if known is not None and known.seq == seq:
        return known
    rows = CameraTable.within(tenant_id)
    if known is not None and known.seq < seq:
        changed = await select(rows.filter(change_seq__gt=known.seq), Camera)
        deleted = CameraDeletionTable.within(tenant_id).filter(change_seq__gt=known.seq)
        gone = {each.key for each in await select(deleted, CameraDeletion)}
        left = {**known.by_key, **{each.key: each for each in changed}}
        found = [camera for key, camera in left.items() if key not in gone]
        if len(found) == await rows.count():
            return _roster(seq, found)
    return _roster(seq, await select(rows, Camera))
