"""Playing footage: the frame of an event, playlists with authorised addresses, and their files."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import BinaryIO

import msgspec

from media.playlist import LONGEST_SEGMENT_SECONDS, Playlist, Segment, joined, render
from media.store import Hour, RecordingNotFound
from media.types import TICKS_PER_SECOND
from models.camera import Camera
from models.event import Event
from resolvers import addresses
from resolvers.access import Interval, Scope
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.errors import NotFound, NotRecorded
from resolvers.events import event_for
from resolvers.recordings import check_range, ended, folder_of

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

    `playlist_url` is that of `hour`; it needs a token, or a grant of `hour_grant`.
    """

    event: Event
    playlist_url: str
    offset_us: int
    hour: Hour


class IntervalPlayback(msgspec.Struct, frozen=True):
    """One signed playlist over a range."""

    playlist_url: str
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
    """
    event = await event_for(ctx, event_id, Scope.PLAYBACK_READ)
    camera = await _camera_of(ctx, event)
    if event.position is None:
        raise NotRecorded(f"the frame of event {event.id} was not recorded")
    recent = ctx.world.clock.now_us() - event.at_us < RECENT_US
    tries = int(WAIT_FOR_SEGMENT_SECONDS / LOOK_AGAIN_SECONDS) if recent else 1
    for attempt in range(tries):
        found = await asyncio.to_thread(_find, ctx, camera, event, recent)
        if found is not None:
            hour, offset_us = found
            url = addresses.hour_playlist(camera.slug, str(hour))
            return EventPlayback(event, url, offset_us, hour)
        if attempt < tries - 1:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    raise NotRecorded(f"the frame of event {event.id} is in no recording")


async def _camera_of(ctx: Context, event: Event) -> Camera:
    """The event's own camera, not a later one of the same name."""
    try:
        camera = await camera_for(ctx, event.camera_slug, Scope.PLAYBACK_READ)
    except NotFound as error:
        raise NotRecorded(f"the camera of event {event.id} was deleted") from error
    if camera.key != event.camera_key:
        raise NotRecorded(f"the camera of event {event.id} was deleted")
    return camera


def _find(ctx: Context, camera: Camera, event: Event, recent: bool) -> tuple[Hour, int] | None:
    assert event.position is not None  # noqa: S101 - checked by the caller
    store, folder = ctx.world.store, folder_of(camera)
    found = store.find(folder, event.position, event.at_us)
    if found is not None:
        return found[0], _microseconds(found[2])
    if not recent:
        return None
    hour = store.hour_of(event.at_us)
    try:
        playlist = store.playlist(folder, hour)
    except RecordingNotFound:
        return None
    ticks = _ticks_when_written(playlist, event.position)
    return None if ticks is None else (hour, _microseconds(ticks))


def _ticks_when_written(playlist: Playlist, position: int) -> int | None:
    """The offset that a frame beyond the last whole segment will have.

    The media timeline has no holes, so whatever comes next begins where the last segment ends.
    """
    if not playlist.segments or playlist.ended:
        return None
    beyond = position - playlist.segments[-1].end_position
    longest = LONGEST_SEGMENT_SECONDS * TICKS_PER_SECOND
    if not 0 <= beyond <= longest:
        return None
    return beyond + sum(each.end_position - each.position for each in playlist.segments)


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


async def hour_playlist(ctx: Context, camera_id: str, hour: Hour) -> str:
    """The playlist of an hour folder, with authorised addresses.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such camera or hour in this tenant.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    try:
        bounds = Interval(*ctx.world.store.hour_bounds(hour))
        _demand_time(ctx, bounds)
        found = await asyncio.to_thread(ctx.world.store.playlist, folder_of(camera), hour)
    except RecordingNotFound as error:
        raise NotFound("there is no such recording") from error
    grant = ctx.world.identity.sign_grant(ctx.actor, camera.slug, _narrowed(ctx, bounds))

    def uri(name: str) -> str:
        return addresses.file_of_hour(camera.slug, str(hour), name, grant)

    return render(found.segments, uri, ended(ctx, hour, found))


async def interval_playlist(ctx: Context, camera_id: str, wanted: Interval) -> str:
    """The playlist of every segment that overlaps a range.

    Raises:
        ScopeMissing: without `playback:read`.
        InvalidInput: the range is empty or longer than a day.
        NotFound: no such camera in this tenant, or nothing is recorded in the range.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    check_range(wanted, MAX_INTERVAL_US)
    _demand_time(ctx, wanted)
    segments = await asyncio.to_thread(_segments_between, ctx, camera, _narrowed(ctx, wanted))
    if not segments:
        raise NotFound("nothing is recorded in this time")
    grant = ctx.world.identity.sign_grant(ctx.actor, camera.slug, wanted)

    def uri(path: str) -> str:
        hour, _, name = path.rpartition("/")
        return addresses.file_of_hour(camera.slug, hour, name, grant)

    return render(segments, uri, ended=wanted.to_us <= ctx.world.clock.now_us())


def _segments_between(ctx: Context, camera: Camera, wanted: Interval) -> tuple[Segment, ...]:
    """File names come with their hour's folder in front."""
    store = ctx.world.store
    hour = store.hour_of(wanted.from_us - LONGEST_SEGMENT_SECONDS * 1_000_000)
    found: list[Segment] = []
    while store.hour_bounds(hour)[0] < wanted.to_us:
        try:
            listed = store.playlist(folder_of(camera), hour).segments
        except RecordingNotFound:
            listed = ()
        found += (
            replace(each, name=f"{hour}/{each.name}", init=f"{hour}/{each.init}")
            for each in listed
            if wanted.overlaps(each.start_us, each.end_us)
        )
        hour = store.next_hour(hour)
    return joined(found)


async def open_file(ctx: Context, camera_id: str, hour: Hour, name: str) -> BinaryIO:
    """An init segment, media segment or snapshot, open for reading.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such file in this tenant, or outside the actor's interval.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    try:
        _demand_time(ctx, _time_of_file(ctx, hour, name))
        return await asyncio.to_thread(ctx.world.store.open_file, folder_of(camera), hour, name)
    except RecordingNotFound as error:
        raise NotFound("there is no such recording") from error


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
