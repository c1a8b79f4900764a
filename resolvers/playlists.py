"""Playlists for players: of an hour or a range, growing or not, whole or of key pictures alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from itertools import dropwhile
from uuid import UUID

import msgspec

from media.key_pictures import KeyPicture, render_key_pictures
from media.playlist import CAN_BLOCK_RELOAD, FROM_THE_START, render
from media.store import Hour, RecordingNotFound
from models.camera import Camera
from resolvers import addresses, footage
from resolvers.access import Interval, Scope
from resolvers.cameras import camera_for
from resolvers.context import Context
from resolvers.errors import FieldError, FootageAway, InvalidInput, NotFound
from resolvers.footage import Footage, HourOf
from resolvers.playback import MAX_INTERVAL_US, demand_time, narrowed, visible_part
from resolvers.recordings import check_range

MOST_WAIT_SECONDS = 30.0
"""Three of a growing playlist's usual target durations."""
LOOK_ANYWAY_SECONDS = 2.0


class ServedPlaylist(msgspec.Struct, frozen=True):
    """HLS text, and the times whose footage is missing in it because it can't be reached."""

    text: str
    away: tuple[Interval, ...]


class PartOfHour(msgspec.Struct, frozen=True):
    """What of an hour's playlist is wanted, and how.

    `from_position`: without what comes before the segment at that place of the media timeline.
    `sequence`: not before it has the segment of that media sequence number. `key_pictures`: one
    picture of each segment.
    """

    from_position: int | None = None
    sequence: int | None = None
    key_pictures: bool = False


WHOLE_HOUR = PartOfHour()


async def hour_playlist(
    ctx: Context, camera_id: str, hour: Hour, part: PartOfHour = WHOLE_HOUR
) -> ServedPlaylist:
    """The playlist of an hour folder, with authorised addresses.

    Raises:
        ScopeMissing: without `playback:read`.
        NotFound: no such camera or hour in this tenant, or no such segment in it.
        InvalidInput: it is to wait for a segment that is not among the next ones.
        FootageAway: all of it is where it can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    try:
        bounds = Interval(*ctx.world.store.hour_bounds(hour))
    except RecordingNotFound as error:
        raise NotFound("there is no such recording") from error
    demand_time(ctx, bounds)
    found = await _awaited(ctx, HourOf(camera, hour), part)
    hints = (CAN_BLOCK_RELOAD,) if _grows_here(ctx, found) else ()
    found = visible_part(ctx, _beginning(found, part))
    granted = narrowed(ctx, bounds)
    if part.key_pictures:
        return await _served_pictures(ctx, camera, found, granted)
    return await _served(ctx, camera, found, granted, hints)


async def interval_playlist(
    ctx: Context, camera_id: str, wanted: Interval, *, key_pictures: bool = False
) -> ServedPlaylist:
    """The playlist of every segment that overlaps a range, or of one picture of each.

    Raises:
        ScopeMissing: without `playback:read`.
        InvalidInput: the range is empty or longer than a day.
        NotFound: no such camera in this tenant, or nothing is recorded in the range.
        FootageAway: all of it is where it can't be reached.
    """
    camera = await camera_for(ctx, camera_id, Scope.PLAYBACK_READ)
    check_range(wanted, MAX_INTERVAL_US)
    demand_time(ctx, wanted)
    found = await footage.between(ctx, camera, narrowed(ctx, wanted))
    if key_pictures:
        return await _served_pictures(ctx, camera, found, wanted)
    return await _served(ctx, camera, found, wanted, (FROM_THE_START,))


def _beginning(found: Footage, part: PartOfHour) -> Footage:
    if part.from_position is None:
        return found
    begin = part.from_position
    return found.only(dropwhile(lambda each: each.position != begin, found.segments))


def _grows_here(ctx: Context, found: Footage) -> bool:
    """Whether this process can see it grow: all of it is in its own store."""
    own = f"{ctx.world.store.store_id.hex}/"
    is_here = bool(found.segments) and found.segments[-1].name.startswith(own)
    return is_here and not (found.ended or found.spread or found.away)


async def _awaited(ctx: Context, asked: HourOf, part: PartOfHour) -> Footage:
    """The hour; for some seconds not before it has the wanted segment (RFC 8216bis, 6.2.5.2).

    When none came in that time it is answered as it is. 503, which the draft would have, makes
    players give up, and a camera that is offline for a while is no reason for that.
    """
    found = await footage.of_hour(ctx, asked.camera, asked.hour)
    wanted = part.sequence
    if wanted is None or not _grows_here(ctx, found) or wanted < _next_sequence(found, part):
        return found
    if wanted > _next_sequence(found, part) + 1:
        raise InvalidInput(FieldError("_HLS_msn", "no such segment will come next"))
    store, folder = ctx.world.store, footage.folder_of(asked.camera)

    def stamp() -> object:
        return store.playlist_stamp(folder, asked.hour)

    async with ctx.world.reloads.watch(asked.place, stamp) as growth:
        if growth is None:
            return found
        clock = ctx.world.clock
        until_us = clock.monotonic_us() + int(MOST_WAIT_SECONDS * 1_000_000)
        while True:
            change = growth.next_change
            found = await footage.of_hour(ctx, asked.camera, asked.hour)
            is_there = wanted < _next_sequence(found, part) or not _grows_here(ctx, found)
            is_late = clock.monotonic_us() >= until_us or ctx.world.stopping.is_set()
            if is_there or is_late:
                return found
            await _first_of(change, ctx.world.stopping)


async def _first_of(*events: asyncio.Event) -> None:
    """Waits for any, LOOK_ANYWAY_SECONDS at most."""
    waits = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        await asyncio.wait(waits, timeout=LOOK_ANYWAY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def _next_sequence(found: Footage, part: PartOfHour) -> int:
    """The media sequence number that the next segment will have."""
    begins = _beginning(found, part)
    return begins.removed.segments + len(begins.segments)


async def _served(
    ctx: Context, camera: Camera, found: Footage, granted: Interval, hints: tuple[str, ...]
) -> ServedPlaylist:
    """Made in a thread, as a day's takes tenths of a second in which others want answers."""
    uri = _addresses(ctx, camera, found, granted)
    text = await asyncio.to_thread(render, found.segments, uri, found.ended, found.removed, hints)
    return ServedPlaylist(text, found.away)


async def _served_pictures(
    ctx: Context, camera: Camera, found: Footage, granted: Interval
) -> ServedPlaylist:
    """Segments of which no picture can be told (any more) are left out."""
    pictures: dict[str, KeyPicture] = await footage.key_pictures(ctx, camera, found)
    uri = _addresses(ctx, camera, found, granted)
    if len(pictures) < len(found.segments):
        found = found.only(each for each in found.segments if each.name in pictures)
        uri = _addresses(ctx, camera, found, granted)
    text = await asyncio.to_thread(
        render_key_pictures, found.segments, pictures, uri, found.ended, found.removed
    )
    return ServedPlaylist(text, found.away)


def _addresses(
    ctx: Context, camera: Camera, found: Footage, granted: Interval
) -> Callable[[str], str]:
    """From files' names to addresses that carry a grant; FootageAway or NotFound without any."""
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

    return uri
