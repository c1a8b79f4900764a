"""Cameras as they change: first every camera as it is, then each change as it commits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing

from tortoise.queryset import QuerySet

from models.base import select
from models.camera import Camera, CameraDeletion, CameraDeletionTable, CameraTable
from models.tenant import last_number
from resolvers.access import Actor, Scope, demand, sees, visible
from resolvers.bus import cameras_of
from resolvers.cameras import cameras
from resolvers.context import Context
from resolvers.fanout import Start
from resolvers.tail import Page, Step, Tail, pages

Change = Camera | CameraDeletion


class CameraFeed:
    """The cameras that a caller follows, without a race between their state and the changes.

    Several changes of one camera in quick succession may come as one: the last.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @property
    def key(self) -> Hashable:
        return "cameras"

    async def start(self) -> Start[Change]:
        """Every camera as it is.

        Raises:
            Unavailable: the database is away.
            ScopeMissing: without `cameras:read`.
        """
        demand(self._ctx.actor, Scope.CAMERAS_READ)
        seen = await last_number(self._ctx.actor.tenant_id, "camera_seq")
        present = [Step[Change](each.change_seq, each) for each in await cameras(self._ctx)]
        return Start(seen, live=True, first=present)

    async def pages(self, seen: int) -> AsyncGenerator[Page[Change], None]:
        """Every change behind a place, for ever."""
        world, actor = self._ctx.world, self._ctx.actor
        topic, view = cameras_of(actor.tenant_id), _View(actor)

        def tail() -> Tail[Change]:
            log = _Log(actor.tenant_id)
            return Tail(world.bus, topic, log.last, log.read)

        async with (
            world.following.tails.hold(topic, tail) as held,
            aclosing(pages(held, view, seen, world.following.gate)) as found,
        ):
            async for page in found:
                yield page


async def watch(ctx: Context) -> AsyncGenerator[Change, None]:
    """Follows the tenant's cameras for one caller. See `CameraFeed`.

    While the database is away nothing comes, and afterwards everything does.

    Raises:
        VmsError: what `CameraFeed.start` raises.
    """
    feed = CameraFeed(ctx)
    start = await feed.start()
    for step in start.first:
        yield step.value
    async with aclosing(feed.pages(start.place)) as found:
        async for page in found:
            for step in page.steps:
                yield step.value


class _Log:
    """All changes of a tenant's cameras."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id

    async def last(self) -> int:
        return await last_number(self._tenant_id, "camera_seq")

    async def read(self, seen: int) -> Page[Change]:
        changed = CameraTable.within(self._tenant_id)
        return await _read(
            self._tenant_id, changed, CameraDeletionTable.within(self._tenant_id), seen
        )


class _View:
    """What an actor may see of them."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def shows(self, value: Change) -> bool:
        return sees(self._actor, value.slug)

    async def read(self, seen: int) -> Page[Change]:
        changed = visible(self._actor, CameraTable, Scope.CAMERAS_READ)
        deleted = visible(self._actor, CameraDeletionTable, Scope.CAMERAS_READ)
        return await _read(self._actor.tenant_id, changed, deleted, seen)


async def _read(
    tenant_id: str,
    changed: QuerySet[CameraTable],
    deleted: QuerySet[CameraDeletionTable],
    seen: int,
) -> Page[Change]:
    """Bounded by the last number first: two queries alone would not see one moment."""
    last = await last_number(tenant_id, "camera_seq")
    if last <= seen:
        return Page([], seen, last)
    span = {"change_seq__gt": seen, "change_seq__lte": last}
    found: list[Change] = [
        *await select(changed.filter(**span), Camera),
        *await select(deleted.filter(**span), CameraDeletion),
    ]
    steps = [Step(each.change_seq, each) for each in found]
    steps.sort(key=lambda step: step.place)
    return Page(steps, last, last)
