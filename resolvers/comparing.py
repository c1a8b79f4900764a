"""What a comparison is made of: a camera's footage, in whatever store, and its stored events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from media.appearances import Appearance, Sight
from media.playlist import Segment
from media.types import Box
from models.camera import Camera
from models.comparison import Comparison
from models.event import Event
from resolvers import footage
from resolvers.access import Actor, Interval, Scope
from resolvers.camera_input import within_plan
from resolvers.cameras import camera_for
from resolvers.context import Context, World
from resolvers.errors import FootageAway, NotFound
from resolvers.events import EventFilter, EventOrder, event_cursor, events
from resolvers.job_footage import demand_listed, place_of
from resolvers.jobs import Fault, JobFault
from resolvers.stores import FarFile, Wish
from resolvers.tenants import own_tenant

LEAD_IN_US = 30_000_000
"""So much before an interval is looked at too: what is there already begins nothing in it."""
MOST_EVENTS = 4000
"""Of each log, in a job: comparing takes memory and time by their product."""

_PAGE = 500

TOO_MANY = Fault("TOO_MANY_EVENTS", f"more than {MOST_EVENTS} events: ask for a shorter range")


@dataclass(frozen=True, slots=True)
class Given:
    """`features` are what the plan includes of the camera's.

    `segments` begin LEAD_IN_US before the interval; `stored` is None where another model is.
    """

    camera: Camera
    features: list[str]
    segments: tuple[Segment, ...]
    stored: list[Appearance] | None


@dataclass(frozen=True, slots=True)
class Comparing:
    """One attempt at a comparison."""

    world: World
    job: Comparison

    @property
    def wanted(self) -> Interval:
        return Interval(self.job.from_us, self.job.to_us)

    @property
    def _ctx(self) -> Context:
        """As the tenant itself: who asked was judged when they asked."""
        scopes = frozenset({Scope.PLAYBACK_READ, Scope.EVENTS_READ})
        return Context(Actor(self.job.tenant_id, scopes), self.world)

    async def given(self) -> Given:
        """All of it.

        Raises:
            NotYet: wait for some seconds.
            JobFault: there will be no comparison, or not in this attempt.
            Unavailable: the database is away.
        """
        with _faults("CAMERA_GONE", passes=False):
            camera = await camera_for(self._ctx, self.job.camera_slug, Scope.PLAYBACK_READ)
            if camera.key != self.job.camera_key:
                raise NotFound("the camera was deleted")
            await demand_listed(self._ctx, camera, self.wanted)
            looked_at = Interval(max(0, self.job.from_us - LEAD_IN_US), self.job.to_us)
            found = await footage.between(self._ctx, camera, looked_at)
            features, _ = within_plan(camera.features, (await own_tenant(self._ctx)).features)
            if found.away:
                raise FootageAway
        if not any(each.end_us > self.job.from_us for each in found.segments):
            raise JobFault(Fault("NOT_RECORDED", "there is no footage of that time (any more)"))
        return Given(camera, features, found.segments, await self._stored(camera))

    async def _stored(self, camera: Camera) -> list[Appearance] | None:
        if self.job.against is not None:
            return None
        found = await stored_appearances(self._ctx, camera, self.wanted, MOST_EVENTS)
        if len(found) > MOST_EVENTS:
            raise JobFault(TOO_MANY)
        return found

    async def file(self, camera: Camera, name: str) -> bytes:
        """A file of the footage, as it names it: some MB at most.

        Raises:
            JobFault: it can't be had.
            Unavailable: the database is away.
        """
        store_id, hour, file_name = place_of(name)
        with _faults("FOOTAGE_GONE", passes=True):
            wish = Wish(store_id=store_id)
            found = await footage.open_file(self._ctx, camera, hour, file_name, wish)
            if not isinstance(found, FarFile):
                with closing(found):
                    return await asyncio.to_thread(found.read)
            try:
                return b"".join([chunk async for chunk in found.chunks])
            finally:
                await found.close()


@contextmanager
def _faults(absent: str, *, passes: bool) -> Iterator[None]:
    """`absent` is the code of what is not found."""
    try:
        yield
    except FootageAway as error:
        raise JobFault(Fault("FOOTAGE_AWAY", str(error), passes=True)) from error
    except NotFound as error:
        raise JobFault(Fault(absent, str(error), passes)) from error
    except OSError as error:
        raise JobFault(Fault("DISK_FAILED", f"the disk failed: {error.strerror}", True)) from error


async def stored_appearances(
    ctx: Context, camera: Camera, wanted: Interval, most: int | None = None
) -> list[Appearance]:
    """The camera's own events that began in an interval; not those from outside.

    `most`: so many are enough, and one page more.

    Raises ScopeMissing without `events:read`.
    """
    asked = EventFilter([camera.slug], since_us=wanted.from_us, until_us=wanted.to_us)
    found: list[Appearance] = []
    after = None
    while most is None or len(found) <= most:
        page = await events(ctx, asked, EventOrder.OLDEST_FIRST, _PAGE, after)
        own = (each for each in page.events if each.camera_key == camera.key)
        found += [_of_event(each) for each in own if each.payload is None]
        if not page.has_next:
            break
        after = event_cursor(page.events[-1])
    return found


def _of_event(event: Event) -> Appearance:
    sights = [Sight(event.at_us, _box(event.boxes[0]))]
    if event.best is not None:
        sights.append(Sight(event.best["at_us"], _box(event.best["box"])))
    return Appearance(
        event_id=event.id,
        feature=event.type,
        at_us=event.at_us,
        position=event.position,
        score=event.confidence,
        box=sights[0].box,
        zones=tuple(each["id"] for each in event.zones or ()),
        path=tuple(sights),
    )


def _box(told: dict[str, Any]) -> Box:
    return Box(told["x"], told["y"], told["x"] + told["w"], told["y"] + told["h"])
