"""Playing footage: the frame of an event, signed addresses of playlists, and their files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO, Protocol
from uuid import UUID

import msgspec

from media.playlist import LONGEST_SEGMENT_SECONDS
from media.store import Hour, RecordingNotFound
from media.types import TICKS_PER_SECOND
from models.camera import Camera
from models.event import Event
from resolvers import addresses, footage
from resolvers.access import Interval, Scope
from resolvers.cameras import camera_for, cameras_for
from resolvers.context import Context
from resolvers.errors import FootageAway, NotFound, NotRecorded, VmsError
from resolvers.events import event_for
from resolvers.footage import Footage, HourOf, Spot
from resolvers.outcomes import Outcome, answered, attempt, value_of
from resolvers.recordings import RangeOf, check_range
from resolvers.stores import WHOLE, FarFile, Wish

MAX_INTERVAL_US = 24 * 3_600 * 1_000_000
RECENT_US = 180 * 1_000_000
WAIT_FOR_SEGMENT_SECONDS = 8.0
LOOK_AGAIN_SECONDS = 0.25
NUDGE_US = 3
"""Added to every offset. Players cut an instant down to microseconds before they compare it with
a frame's own, so an offset must not lie below the frame; it must also stay below half a tick
(5.5 µs), because FFmpeg rounds a seek to the nearest tick and drops the frames before it."""

_SEGMENT = re.compile(r"(\d\d)(\d\d)(\d\d)_(\d{3})(?:-\d+)?\.m4s", re.ASCII)
_SNAPSHOT = re.compile(r"snap-([0-9]{1,8})\.jpg")


class Placed(Protocol):
    """What has a frame of its own: an event, or one that a model would have told of.

    `position` is None where that is not known: of one that another system told of (`payload`) the
    time is.
    """

    @property
    def id(self) -> str: ...
    @property
    def camera_slug(self) -> str: ...
    @property
    def camera_key(self) -> UUID: ...
    @property
    def at_us(self) -> int: ...
    @property
    def position(self) -> int | None: ...
    @property
    def payload(self) -> dict[str, Any] | None: ...


class EventPlayback(msgspec.Struct, frozen=True):
    """`offset_us` from the start of the playlist's media to the very frame of the event.

    The playlist is that of `hour`, or of the part of it from `from_position` on.
    """

    event: Placed
    hour: Hour
    offset_us: int
    from_position: int | None

    @property
    def playlist_url(self) -> str:
        """For players that bring a token."""
        return self.signed_url(None)

    def signed_url(self, grant: str | None) -> str:
        """`grant`: one of `hour_grant`."""
        camera_id = self.event.camera_slug
        return addresses.hour_playlist(camera_id, str(self.hour), grant, self.from_position)


class _Frame(msgspec.Struct, frozen=True):
    """An event's frame. `recent`: it may still be on its way to the disk."""

    event: Placed
    camera: Camera
    recent: bool


class _Shown(msgspec.Struct, frozen=True):
    """Footage of an hour, and where it shows a frame; None where it does not."""

    hour: Hour
    footage: Footage
    spot: Spot | None


class IntervalPlayback(msgspec.Struct, frozen=True):
    """One signed playlist over a range, and one of a picture of each of its segments."""

    playlist_url: str
    i_frames_url: str
    from_us: int
    to_us: int


async def event_playback(ctx: Context, event_id: str) -> EventPlayback:
    """Where to play an event, from its own frame on.

    A frame that is still being written is answered for before its segment is whole, where the
    playlist it will be in is certain; at the turn of an hour this waits for the segment.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such event in this tenant.
        NotRecorded: its frame is in no recording (any more).
        FootageAway: it may be in one that can't be reached.
    """
    event = await event_for(ctx, event_id, Scope.PLAYBACK_READ)
    return value_of((await event_playbacks(ctx, [event]))[0])


async def event_playbacks(ctx: Context, events: Sequence[Placed]) -> list[Outcome[EventPlayback]]:
    """`event_playback` of events that the actor was shown, in a fixed number of statements.

    Raises ScopeMissing.
    """
    slugs = [each.camera_slug for each in events]
    cameras = await cameras_for(ctx, slugs, Scope.PLAYBACK_READ)
    since_us = ctx.world.clock.now_us() - RECENT_US
    frames = [attempt(_frame, *each, since_us) for each in zip(events, cameras, strict=True)]
    return await answered(frames, partial(_find, ctx))


def _frame(event: Placed, camera: Outcome[Camera], since_us: int) -> _Frame:
    """Only of the event's own camera, not of a later one of the same name."""
    if not isinstance(camera, Camera) or camera.key != event.camera_key:
        raise NotRecorded(f"the camera of event {event.id} was deleted")
    if event.position is None and event.payload is None:
        raise NotRecorded(f"the frame of event {event.id} was not recorded")
    return _Frame(event, camera, event.at_us > since_us)


async def _find(ctx: Context, frames: Sequence[_Frame]) -> list[Outcome[EventPlayback]]:
    """Looks again, for some seconds, for recent ones that are not there yet."""
    found = await _look(ctx, frames)
    for _ in range(int(WAIT_FOR_SEGMENT_SECONDS / LOOK_AGAIN_SECONDS) - 1):
        refused = [place for place, each in enumerate(found) if isinstance(each, VmsError)]
        awaited = [place for place in refused if frames[place].recent]
        if not awaited:
            break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        again = await _look(ctx, [frames[place] for place in awaited])
        for place, each in zip(awaited, again, strict=True):
            found[place] = each
    return found


async def _look(ctx: Context, frames: Sequence[_Frame]) -> list[Outcome[EventPlayback]]:
    """Looks once; a segment lies where it starts, so the frame may be one hour back."""
    store, shown = ctx.world.store, _Hours(ctx)
    hours = [HourOf(each.camera, store.hour_of(each.event.at_us)) for each in frames]
    here = await shown.show(frames, hours)
    left = [place for place, each in enumerate(here) if each.spot is None]
    earlier = [HourOf(frames[n].camera, store.previous_hour(hours[n].hour)) for n in left]
    some = await shown.show([frames[n] for n in left], earlier)
    before = dict(zip(left, some, strict=True))
    return [
        attempt(_playback, frame, here[place], before.get(place))
        for place, frame in enumerate(frames)
    ]


class _Hours:
    """What each hour shows of a frame; an hour is read once."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._read: dict[tuple[UUID, Hour], Footage] = {}

    async def show(self, frames: Sequence[_Frame], hours: Sequence[HourOf]) -> list[_Shown]:
        unread = [each for each in hours if each.place not in self._read]
        found = await footage.of_hours(self._ctx, unread)
        self._read.update(zip((each.place for each in unread), found, strict=True))
        return await asyncio.to_thread(self._show, frames, hours)

    def _show(self, frames: Sequence[_Frame], hours: Sequence[HourOf]) -> list[_Shown]:
        return [
            _Shown(each.hour, where := self._read[each.place], _spot(where, frame.event))
            for frame, each in zip(frames, hours, strict=True)
        ]


def _playback(frame: _Frame, here: _Shown, before: _Shown | None) -> EventPlayback:
    """`before` is not looked at where the frame is found `here`."""
    event = frame.event
    for shown in (here, before):
        if shown is not None and shown.spot is not None:
            return _played(event, shown.hour, shown.spot)
    if frame.recent and event.position is not None:
        spot = here.footage.spot_when_written(event.position)
        if spot is not None:
            return _played(event, here.hour, spot)
    if here.footage.away or (before is not None and before.footage.away):
        raise FootageAway
    raise NotRecorded(f"the frame of event {event.id} is in no recording")


def _played(event: Placed, hour: Hour, spot: Spot) -> EventPlayback:
    return EventPlayback(event, hour, _microseconds(spot.ticks), spot.from_position)


def _spot(where: Footage, event: Placed) -> Spot | None:
    """Of an event that another system told of, only the time is known."""
    if event.position is None:
        return where.spot_at(event.at_us)
    return where.spot(event.position, event.at_us)


def _microseconds(ticks: int) -> int:
    return (ticks * 1_000_000 + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND + NUDGE_US


async def playback(ctx: Context, camera_id: str, wanted: Interval) -> IntervalPlayback:
    """One signed playlist over a range, across hours and runs.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such camera in this tenant.
        InvalidInput: the range is empty or longer than a day.
    """
    return value_of((await playback_of_each(ctx, [RangeOf(camera_id, wanted)]))[0])


async def playback_of_each(
    ctx: Context, asked: Sequence[RangeOf]
) -> list[Outcome[IntervalPlayback]]:
    """`playback` of each: one look at the cameras. Raises ScopeMissing."""
    cameras = await cameras_for(ctx, [each.camera_id for each in asked], Scope.PLAYBACK_READ)
    ranges = zip(cameras, (each.wanted for each in asked), strict=True)
    return [attempt(_between, ctx, *each) for each in ranges]


def _between(ctx: Context, camera: Outcome[Camera], wanted: Interval) -> IntervalPlayback:
    slug = value_of(camera).slug
    check_range(wanted, MAX_INTERVAL_US)
    grant = ctx.world.identity.sign_grant(ctx.actor, slug, wanted)
    asked = slug, wanted.from_us, wanted.to_us, grant
    url = addresses.interval_playlist(*asked)
    pictures = addresses.interval_playlist(*asked, addresses.I_FRAMES)
    return IntervalPlayback(url, pictures, wanted.from_us, wanted.to_us)


async def open_file(
    ctx: Context, camera_id: str, hour: Hour, name: str, wish: Wish = WHOLE
) -> BinaryIO | FarFile:
    """An init segment, media segment or snapshot; whoever gets it closes it.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such file in this tenant, or outside the actor's interval.
        FootageAway: it may be where it can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    try:
        shown = _time_of_file(ctx, hour, name)
    except RecordingNotFound as error:
        raise NotFound("there is no such recording") from error
    demand_time(ctx, shown)
    allowed = ctx.actor.interval
    if allowed is not None and _SEGMENT.fullmatch(name) and shown.from_us < allowed.from_us:
        await _demand_reach(ctx, HourOf(camera, hour), name)
    return await footage.open_file(ctx, camera, hour, name, wish)


async def _demand_reach(ctx: Context, place: HourOf, name: str) -> None:
    """Of a segment that begins before the actor's time: its name does not tell where it ends.

    Raises:
        NotFound: it ends before that time, too.
        FootageAway: it may be where it can't be reached.
    """
    found = await footage.of_hour(ctx, place.camera, place.hour)
    seen = visible_part(ctx, found)
    if not any(each.name.endswith(f"/{name}") for each in seen.segments):
        raise FootageAway if found.away else NotFound("there is no such recording")


def visible_part(ctx: Context, found: Footage) -> Footage:
    """The segments that show something of the actor's time."""
    allowed = ctx.actor.interval
    if allowed is None:
        return found
    return found.only(
        each for each in found.segments if allowed.overlaps(each.start_us, each.end_us)
    )


def _time_of_file(ctx: Context, hour: Hour, name: str) -> Interval:
    """What wall time a file can show, judged by its name; an init segment stands for its hour."""
    start_us, end_us = ctx.world.store.hour_bounds(hour)
    if found := _SEGMENT.fullmatch(name):
        hours, minutes, seconds, millis = map(int, found.groups())
        midnight_us = start_us - start_us % 86_400_000_000
        at_us = midnight_us + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + millis * 1000
        return Interval(at_us, at_us + LONGEST_SEGMENT_SECONDS * 1_000_000)
    if found := _SNAPSHOT.fullmatch(name):
        at_us = start_us + int(found[1]) * 1000
        return Interval(at_us, at_us + 1000)
    return Interval(start_us, end_us)


def demand_time(ctx: Context, shown: Interval) -> None:
    """Raises NotFound when the actor may see nothing of this time."""
    allowed = ctx.actor.interval
    if allowed is not None and not allowed.overlaps(shown.from_us, shown.to_us):
        raise NotFound("there is no such recording")


def narrowed(ctx: Context, wanted: Interval) -> Interval:
    """The part of it that the actor may see."""
    allowed = ctx.actor.interval
    if allowed is None:
        return wanted
    return Interval(max(allowed.from_us, wanted.from_us), min(allowed.to_us, wanted.to_us))


def hour_grant(ctx: Context, camera_id: str, hour: Hour) -> str:
    """Authority to play one hour of a camera, for an actor who was just shown that hour."""
    bounds = Interval(*ctx.world.store.hour_bounds(hour))
    return ctx.world.identity.sign_grant(ctx.actor, camera_id, narrowed(ctx, bounds))


def snapshot_grant(ctx: Context, event: Event) -> str | None:
    """Authority to fetch one event's snapshot, for who may play footage; else None."""
    if event.snapshot is None or not ctx.actor.may(Scope.PLAYBACK_READ):
        return None
    shown = Interval(event.at_us, event.at_us + 1_000_000)
    return ctx.world.identity.sign_grant(ctx.actor, event.camera_slug, shown)
