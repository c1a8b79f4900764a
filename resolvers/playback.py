"""Playing footage: the frame of an event, playlists with authorised addresses, and their files."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from functools import cache
from itertools import dropwhile
from typing import BinaryIO
from uuid import UUID

import msgspec

from media.playlist import LONGEST_SEGMENT_SECONDS, render
from media.store import Hour, RecordingNotFound
from media.types import TICKS_PER_SECOND
from models.camera import Camera
from models.event import Event
from resolvers import addresses, footage
from resolvers.access import Interval, Scope
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.errors import FootageAway, NotFound, NotRecorded
from resolvers.events import event_for
from resolvers.footage import Footage, Spot
from resolvers.recordings import check_range
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


class EventPlayback(msgspec.Struct, frozen=True):
    """`offset_us` from the start of the playlist's media to the very frame of the event.

    The playlist is that of `hour`, or of the part of it from `from_position` on.
    """

    event: Event
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


class IntervalPlayback(msgspec.Struct, frozen=True):
    """One signed playlist over a range."""

    playlist_url: str
    from_us: int
    to_us: int


class ServedPlaylist(msgspec.Struct, frozen=True):
    """HLS text, and the times whose footage is missing in it because it can't be reached."""

    text: str
    away: tuple[Interval, ...]


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
    camera = await _camera_of(ctx, event)
    if event.position is None and event.payload is None:
        raise NotRecorded(f"the frame of event {event.id} was not recorded")
    recent = ctx.world.clock.now_us() - event.at_us < RECENT_US
    looks = int(WAIT_FOR_SEGMENT_SECONDS / LOOK_AGAIN_SECONDS) if recent else 1
    for _ in range(looks - 1):
        with suppress(NotRecorded, FootageAway):
            return await _find(ctx, camera, event, recent=recent)
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return await _find(ctx, camera, event, recent=recent)


async def _camera_of(ctx: Context, event: Event) -> Camera:
    """The event's own camera, not a later one of the same name."""
    try:
        camera = await camera_for(ctx, event.camera_slug, Scope.PLAYBACK_READ)
    except NotFound as error:
        raise NotRecorded(f"the camera of event {event.id} was deleted") from error
    if camera.key != event.camera_key:
        raise NotRecorded(f"the camera of event {event.id} was deleted")
    return camera


def _spot(where: Footage, event: Event) -> Spot | None:
    """Of an event that another system told of, only the time is known."""
    if event.position is None:
        return where.spot_at(event.at_us)
    return where.spot(event.position, event.at_us)


async def _find(ctx: Context, camera: Camera, event: Event, *, recent: bool) -> EventPlayback:
    """Looks once; a segment lies where it starts, so the frame may be one hour back."""
    hour = ctx.world.store.hour_of(event.at_us)
    here = await footage.of_hour(ctx, camera, hour)
    if spot := _spot(here, event):
        return EventPlayback(event, hour, _microseconds(spot.ticks), spot.from_position)
    earlier = ctx.world.store.previous_hour(hour)
    before = await footage.of_hour(ctx, camera, earlier)
    if spot := _spot(before, event):
        return EventPlayback(event, earlier, _microseconds(spot.ticks), spot.from_position)
    position = event.position
    if recent and position is not None and (spot := here.spot_when_written(position)):
        return EventPlayback(event, hour, _microseconds(spot.ticks), spot.from_position)
    if here.away or before.away:
        raise FootageAway
    raise NotRecorded(f"the frame of event {event.id} is in no recording")


def _microseconds(ticks: int) -> int:
    return (ticks * 1_000_000 + TICKS_PER_SECOND // 2) // TICKS_PER_SECOND + NUDGE_US


async def playback(ctx: Context, camera_id: str, wanted: Interval) -> IntervalPlayback:
    """One signed playlist over a range, across hours and runs.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such camera in this tenant.
        InvalidInput: the range is empty or longer than a day.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    check_range(wanted, MAX_INTERVAL_US)
    grant = ctx.world.identity.sign_grant(ctx.actor, camera.slug, wanted)
    url = addresses.interval_playlist(camera.slug, wanted.from_us, wanted.to_us, grant)
    return IntervalPlayback(url, wanted.from_us, wanted.to_us)


async def hour_playlist(
    ctx: Context, camera_id: str, hour: Hour, from_position: int | None = None
) -> ServedPlaylist:
    """The playlist of an hour folder, with authorised addresses.

    `from_position`: without what comes before the segment at that place of the media timeline.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such camera or hour in this tenant, or no such segment in it.
        FootageAway: all of it is where it can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    try:
        bounds = Interval(*ctx.world.store.hour_bounds(hour))
    except RecordingNotFound as error:
        raise NotFound("there is no such recording") from error
    _demand_time(ctx, bounds)
    found = await footage.of_hour(ctx, camera, hour)
    if from_position is not None:
        wanted = dropwhile(lambda each: each.position != from_position, found.segments)
        found = found.only(wanted)
    return _served(ctx, camera, found, _narrowed(ctx, bounds))


async def interval_playlist(ctx: Context, camera_id: str, wanted: Interval) -> ServedPlaylist:
    """The playlist of every segment that overlaps a range.

    Raises:
        ScopeMissing: without `playback:read`.
        InvalidInput: the range is empty or longer than a day.
        NotFound: no such camera in this tenant, or nothing is recorded in the range.
        FootageAway: all of it is where it can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    check_range(wanted, MAX_INTERVAL_US)
    _demand_time(ctx, wanted)
    found = await footage.between(ctx, camera, _narrowed(ctx, wanted))
    return _served(ctx, camera, found, wanted)


def _served(ctx: Context, camera: Camera, found: Footage, granted: Interval) -> ServedPlaylist:
    if not found.segments:
        raise FootageAway if found.away else NotFound("nothing is recorded in this time")
    grant = ctx.world.identity.sign_grant(ctx.actor, camera.slug, granted)
    own = ctx.world.store.store_id

    @cache
    def around(folder: str) -> tuple[str, str]:
        """What stands before and after the names of a folder's files.

        Where all lies here, names alone tell; elsewhere another process may be asked.
        """
        store, _, hour = folder.partition("/")
        told = UUID(store) if found.spread or store != own.hex else None
        address = addresses.file_of_hour(camera.slug, hour, "", grant, told)
        before, mark, after = address.partition("?")
        return before, mark + after

    def uri(path: str) -> str:
        folder, _, name = path.rpartition("/")
        before, after = around(folder)
        return f"{before}{name}{after}"

    return ServedPlaylist(render(found.segments, uri, found.ended, found.removed), found.away)


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
        _demand_time(ctx, _time_of_file(ctx, hour, name))
    except RecordingNotFound as error:
        raise NotFound("there is no such recording") from error
    return await footage.open_file(ctx, camera, hour, name, wish)


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


def _demand_time(ctx: Context, shown: Interval) -> None:
    """Raises NotFound when the actor may see nothing of this time."""
    allowed = ctx.actor.interval
    if allowed is not None and not allowed.overlaps(shown.from_us, shown.to_us):
        raise NotFound("there is no such recording")


def _narrowed(ctx: Context, wanted: Interval) -> Interval:
    allowed = ctx.actor.interval
    if allowed is None:
        return wanted
    return Interval(max(allowed.from_us, wanted.from_us), min(allowed.to_us, wanted.to_us))


def hour_grant(ctx: Context, camera_id: str, hour: Hour) -> str:
    """Authority to play one hour of a camera, for an actor who was just shown that hour."""
    bounds = Interval(*ctx.world.store.hour_bounds(hour))
    return ctx.world.identity.sign_grant(ctx.actor, camera_id, _narrowed(ctx, bounds))


def snapshot_grant(ctx: Context, event: Event) -> str | None:
    """Authority to fetch one event's snapshot, for who may play footage; else None."""
    if event.snapshot is None or not ctx.actor.may(Scope.PLAYBACK_READ):
        return None
    shown = Interval(event.at_us, event.at_us + 1_000_000)
    return ctx.world.identity.sign_grant(ctx.actor, event.camera_slug, shown)
