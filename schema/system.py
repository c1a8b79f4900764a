"""How the installation is doing, for who runs it."""

from __future__ import annotations

import msgspec
import strawberry

from media.types import CameraState
from resolvers import leases, room, system
from schema.context import Info
from schema.fields import OF_PARENT, field
from schema.scalars import Bytes, Instant
from schema.tenants import Model

_AWAY = "null, with an error, while the database is away."
_LOOK = 500
"""Cost of a look: a statement or two for all rows."""


@strawberry.type(description="A server that all processes share.")
class Component:
    engine: str = strawberry.field(
        description="Which kind is in use: `postgres` or `sqlite`, `redis` or `local`."
    )
    available: bool = strawberry.field(description="Whether it answered just now.")


@strawberry.type(description="A process that connects cameras, records and detects.")
class Worker:
    def __init__(self, status: leases.WorkerStatus) -> None:
        self._status = status

    @field(description="Unique for each start of the process.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self._status.id))

    @field(description="Its host and process.")
    def name(self) -> str:
        return self._status.name

    @field(description="Base URL of its internal port; null where it has none.")
    def address(self) -> str | None:
        return self._status.address

    @field(description="When it started.")
    def started_at(self) -> Instant:
        return Instant(self._status.started_us)

    @field(description="When it was last heard of, by the database's clock.")
    def last_seen_at(self) -> Instant:
        return Instant(self._status.seen_us)

    @field(description="Whether that was within the last seconds; others take its cameras else.")
    def alive(self) -> bool:
        return self._status.alive

    @field(description="How many cameras it holds.")
    def camera_count(self) -> int:
        return self._status.cameras

    @field(description="What it can detect with, as it said at its start.")
    def models(self) -> list[Model]:
        return [Model(each) for each in self._status.models]


@strawberry.type(description="Workers' rights to cameras, in numbers.")
class Leases:
    held: int = strawberry.field(description="Cameras that a worker holds now.")
    expired: int = strawberry.field(description="Whose worker fell silent: about to be taken.")
    free: int = strawberry.field(description="Given back, and not taken by another.")


@strawberry.type(description="How many cameras of all tenants are doing so.")
class CameraStatusCount:
    status: CameraState = strawberry.field(description="How they are doing.")
    count: int = strawberry.field(description="How many, 0 also.")


@strawberry.type(description="The disk that recordings lie on, as the answering process sees it.")
class Storage:
    def __init__(self, storage: room.Storage) -> None:
        self._storage = storage

    @field(description="What it holds in all.")
    def total_bytes(self) -> Bytes:
        return Bytes(self._storage.room.total_bytes)

    @field(description="What is free.")
    def free_bytes(self) -> Bytes:
        return Bytes(self._storage.room.free_bytes)

    @field(description="Less free space than this is an alarm.")
    def low_bytes(self) -> Bytes:
        return Bytes(self._storage.marks.low_bytes)

    @field(description="Below it the oldest unlocked footage makes room.")
    def reserve_bytes(self) -> Bytes:
        return Bytes(self._storage.marks.reserve_bytes)

    @field(description="Whether less than `lowBytes` is free.")
    def is_low(self) -> bool:
        return self._storage.is_low

    @field(description="Why nothing is recorded; null where recording goes on.")
    def waits_because(self) -> str | None:
        return self._storage.waits_because


@strawberry.type(
    description=(
        "The installation as a whole: of tenants and their cameras, numbers alone. What can't be "
        "told just now is null, with an error, and the rest is answered."
    )
)
class System:
    version: str = strawberry.field(description="Of the program that answers.")

    @field(
        description=f"The workers, the longest running first; {_AWAY}", scope=OF_PARENT, cost=_LOOK
    )
    async def workers(self, info: Info) -> list[Worker] | None:
        return [Worker(each) for each in await leases.workers(info.context.ctx)]

    @field(description=f"Who holds cameras; {_AWAY}", scope=OF_PARENT, cost=_LOOK)
    async def leases(self, info: Info) -> Leases | None:
        return Leases(**msgspec.structs.asdict(await system.lease_counts(info.context.ctx)))

    @field(
        description="The recordings' disk; null, with an error, when it does not answer.",
        scope=OF_PARENT,
        cost=_LOOK,
    )
    async def storage(self, info: Info) -> Storage | None:
        return Storage(await room.storage(info.context.ctx))

    @field(description="What wakes processes up.", scope=OF_PARENT, cost=_LOOK)
    async def bus(self, info: Info) -> Component:
        return _component(await system.bus_of(info.context.ctx))

    @field(description="Where all but footage is kept.", scope=OF_PARENT, cost=_LOOK)
    async def database(self, info: Info) -> Component:
        return _component(await system.database_of(info.context.ctx))

    @field(description=f"How many tenants there are; {_AWAY}", scope=OF_PARENT, cost=_LOOK)
    async def tenant_count(self, info: Info) -> int | None:
        return await system.tenant_count(info.context.ctx)

    @field(
        description=f"How all tenants' cameras are doing, each status once; {_AWAY}",
        scope=OF_PARENT,
        cost=_LOOK,
    )
    async def camera_counts(self, info: Info) -> list[CameraStatusCount] | None:
        found = await system.cameras_by_status(info.context.ctx)
        return [CameraStatusCount(status=status, count=n) for status, n in found.items()]


def _component(found: system.Component) -> Component:
    return Component(engine=found.engine, available=found.available)
