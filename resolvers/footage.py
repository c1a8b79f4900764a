"""A camera's footage wherever it lies: in this process's own store, and in those of other hosts."""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, pairwise
from typing import BinaryIO
from uuid import UUID

from tortoise.queryset import QuerySet

from media.key_pictures import KeyPicture, key_pictures_of
from media.playlist import (
    LONGEST_SEGMENT_SECONDS,
    NOTHING_REMOVED,
    Playlist,
    Removed,
    Segment,
    joined,
    same_run,
)
from media.store import CameraFolder, Hour, RecordingNotFound, RecordingStore
from media.types import TICKS_PER_SECOND
from models.base import select
from models.bulk import NewRows
from models.camera import Camera
from models.each import select_each
from models.recording import RecordingHour, RecordingHourTable
from resolvers.access import Interval
from resolvers.context import Context
from resolvers.errors import FootageAway, NotFound
from resolvers.stores import FarFile, FarStores, StoredHour, Wish, known_stores

HOUR_CLOSES_US = LONGEST_SEGMENT_SECONDS * 1_000_000
"""An hour's last segment begins in it, and is listed when it ends."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a player shows a frame: so many ticks of 1/90,000 s into a playlist.

    The playlist is the whole hour's, or begins with its segment at `from_position`.
    """

    ticks: int
    from_position: int | None


@dataclass(frozen=True)
class Footage:
    """What of a camera could be read, in playing order.

    Segments' files are named `{store, 32 hex digits}/{date}/{hour}/{file}`. `away` are times of
    which there is more in stores that can't be reached. `ended`: nothing will be added. `spread`:
    it lies in several stores, so something may yet come in between.
    """

    segments: tuple[Segment, ...]
    away: tuple[Interval, ...]
    ended: bool
    spread: bool
    removed: Removed = NOTHING_REMOVED

    def only(self, wanted: Iterable[Segment]) -> Footage:
        """With those of its segments; players of what retention has shortened go on counting."""
        kept = list(wanted)
        if self.removed == NOTHING_REMOVED:
            return replace(self, segments=joined(kept))
        found = Playlist(self.segments, self.ended, self.removed).without(kept)
        return replace(self, segments=found.segments, removed=found.removed)

    def spot(self, position: int, at_us: int) -> Spot | None:
        """Where the frame is shown that had this position at this time; None when it is not.

        Only within a block is an offset the same in every player. FFmpeg counts positions, browsers
        add up durations: the two differ behind a place where positions jump.
        """
        for block in self._blocks:
            place = bisect_right(block, position, key=lambda each: each.position) - 1
            near = Playlist(block[max(place, 0) : place + 1], ended=True)
            if near.offset_ticks(position, at_us) is not None:
                return Spot(position - block[0].position, self._beginning(block))
        return None

    def spot_at(self, at_us: int) -> Spot | None:
        """Where the picture is shown that there was at this time; None when there is none."""
        for segment in self.segments:
            if segment.start_us <= at_us < segment.end_us:
                passed_us = at_us - segment.start_us
                ticks = (passed_us * TICKS_PER_SECOND + 500_000) // 1_000_000
                return self.spot(min(segment.position + ticks, segment.end_position - 1), at_us)
        return None

    def spot_when_written(self, position: int) -> Spot | None:
        """Where a frame beyond the last whole segment will be shown; None when that is uncertain.

        Positions go on where the last segment ends, but for a jump longer than any segment.
        """
        if not self.segments or self.ended or self.away:
            return None
        block = self._blocks[-1]
        beyond = position - block[-1].end_position
        if not 0 <= beyond <= LONGEST_SEGMENT_SECONDS * TICKS_PER_SECOND:
            return None
        return Spot(position - block[0].position, self._beginning(block))

    @cached_property
    def _blocks(self) -> list[tuple[Segment, ...]]:
        """Cut wherever positions don't go on."""
        cuts = [n for n, (a, b) in enumerate(pairwise(self.segments), 1) if _jumps(a, b)]
        ends = [*cuts, len(self.segments)]
        return [self.segments[a:b] for a, b in zip([0, *cuts], ends, strict=True) if a < b]

    def _beginning(self, block: Sequence[Segment]) -> int | None:
        whole = not self.spread and block[0] == self.segments[0]
        return None if whole else block[0].position


def _jumps(before: Segment, after: Segment) -> bool:
    return before.end_position != after.position


@dataclass(frozen=True, slots=True)
class HourOf:
    """A question: a camera, and an hour of it."""

    camera: Camera
    hour: Hour

    @property
    def place(self) -> tuple[UUID, Hour]:
        """Tells it from others."""
        return self.camera.key, self.hour


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Hours of a camera, and what the tables know of them."""

    camera: Camera
    hours: Sequence[Hour]
    known: Sequence[RecordingHour]


@dataclass(frozen=True, slots=True)
class _Read:
    """One store's playlists in the order of hours, and times it could not be asked about."""

    store_id: UUID
    playlists: tuple[tuple[Hour, Playlist], ...] = ()
    away: tuple[Interval, ...] = ()

    def runs(self) -> list[list[Segment]]:
        """In the store's order, with files named as in `Footage`."""
        runs: list[list[Segment]] = []
        for hour, found in self.playlists:
            folder = f"{self.store_id.hex}/{hour}"
            for each in found.segments:
                if not runs or not same_run(runs[-1][-1], each):
                    runs.append([])
                runs[-1].append(each.inside(folder))
        return runs


def folder_of(camera: Camera) -> CameraFolder:
    return CameraFolder(camera.tenant_id, camera.folder)


def is_over(ctx: Context, hour: Hour) -> bool:
    """Whether the hour ended long enough ago that nothing is added to its playlist."""
    _, end_us = ctx.world.store.hour_bounds(hour)
    return ctx.world.clock.now_us() >= end_us + HOUR_CLOSES_US


async def of_hour(ctx: Context, camera: Camera, hour: Hour) -> Footage:
    """An hour folder's footage in all stores; without segments where there is none."""
    return (await of_hours(ctx, [HourOf(camera, hour)]))[0]


async def of_hours(ctx: Context, asked: Sequence[HourOf]) -> list[Footage]:
    """`of_hour` of each, in one statement; each hour is read once, however often it is named."""
    if not asked:
        return []
    places = {each.place: each for each in asked}
    keys = NewRows(
        {"camera_key": "uuid", "date": "text", "hour": "text"},
        [(key, hour.date, hour.hour) for key, hour in places],
    )
    rows = RecordingHourTable.within(ctx.actor.tenant_id)
    known = await select_each(rows, RecordingHour, keys)
    wanted = [
        _Wanted(each.camera, [each.hour], found)
        for each, found in zip(places.values(), known, strict=True)
    ]
    reads = await _read(ctx, wanted)
    hours = await asyncio.to_thread(
        lambda: [_of_hour(ctx, *each) for each in zip(places.values(), reads, strict=True)]
    )
    by_place = dict(zip(places, hours, strict=True))
    return [by_place[each.place] for each in asked]


def _of_hour(ctx: Context, asked: HourOf, reads: Sequence[_Read]) -> Footage:
    ended = all(found.ended for read in reads for _, found in read.playlists)
    away = tuple(chain.from_iterable(read.away for read in reads))
    return _merged(reads, away, ended=is_over(ctx, asked.hour) or (ended and not away))


async def between(ctx: Context, camera: Camera, wanted: Interval) -> Footage:
    """Every segment that overlaps a range, and what is known to be missing of it."""
    store = ctx.world.store
    hour = store.hour_of(wanted.from_us - LONGEST_SEGMENT_SECONDS * 1_000_000)
    hours = []
    while store.hour_bounds(hour)[0] < wanted.to_us:
        hours.append(hour)
        hour = store.next_hour(hour)
    known = await select(overlapping(store, _hours_of(camera), wanted), RecordingHour)
    [reads] = await _read(ctx, [_Wanted(camera, hours, known)])
    return await asyncio.to_thread(_between, ctx, reads, wanted)


def _between(ctx: Context, reads: Sequence[_Read], wanted: Interval) -> Footage:
    missing = chain.from_iterable(read.away for read in reads)
    away = tuple(each for each in missing if wanted.overlaps(each.from_us, each.to_us))
    found = _merged(reads, away, ended=_is_past(ctx, wanted))
    if found.segments and not found.spread and not away:
        # One store lists its segments in order: nothing comes before one that is there.
        found = replace(found, ended=found.ended or found.segments[-1].end_us >= wanted.to_us)
    inside = (each for each in found.segments if wanted.overlaps(each.start_us, each.end_us))
    return found.only(inside)


def _is_past(ctx: Context, wanted: Interval) -> bool:
    """Whether what began in the range is surely listed by now."""
    return ctx.world.clock.now_us() >= wanted.to_us + HOUR_CLOSES_US


def overlapping(
    store: RecordingStore, hours: QuerySet[RecordingHourTable], wanted: Interval
) -> QuerySet[RecordingHourTable]:
    """Those of the hours that have footage of a range.

    They are found by when they begin, which is not before a range by more than they last: without
    that bound the index is read from a camera's very first hour on.
    """
    earliest_us = wanted.from_us - store.hour_seconds * 1_000_000 - HOUR_CLOSES_US
    begun = hours.filter(start_us__gte=earliest_us, start_us__lt=wanted.to_us)
    return begun.filter(end_us__gt=wanted.from_us)


def _hours_of(camera: Camera) -> QuerySet[RecordingHourTable]:
    return RecordingHourTable.within(camera.tenant_id).filter(camera_key=camera.key)


async def _read(ctx: Context, wanted: Sequence[_Wanted]) -> list[list[_Read]]:
    """Of each all stores that have something, this process's own first; all are asked at once."""
    here, there = await asyncio.gather(
        asyncio.to_thread(lambda: [_read_here(ctx, each.camera, each.hours) for each in wanted]),
        asyncio.gather(*(_read_elsewhere(ctx, each) for each in wanted)),
    )
    return [
        [read for read in (own, *others) if read.playlists or read.away]
        for own, others in zip(here, there, strict=True)
    ]


async def _read_elsewhere(ctx: Context, wanted: _Wanted) -> list[_Read]:
    own = ctx.world.store.store_id
    elsewhere: dict[UUID, list[RecordingHour]] = {}
    for row in wanted.known:
        if row.store_id is not None and row.store_id != own:
            elsewhere.setdefault(row.store_id, []).append(row)
    return await asyncio.gather(
        *(_read_there(ctx, wanted.camera, *each) for each in elsewhere.items())
    )


def _read_here(ctx: Context, camera: Camera, hours: Sequence[Hour]) -> _Read:
    store, found = ctx.world.store, []
    for hour in hours:
        try:
            found.append((hour, store.playlist(folder_of(camera), hour)))
        except RecordingNotFound:
            continue
    return _Read(store.store_id, tuple(found))


async def _read_there(
    ctx: Context, camera: Camera, store_id: UUID, rows: Sequence[RecordingHour]
) -> _Read:
    """What is gone from the store although the tables have it is left out without a word."""
    found: list[tuple[Hour, Playlist]] = []
    away: list[Interval] = []
    for row in sorted(rows, key=lambda row: row.start_us):
        hour = Hour(row.date, row.hour)
        try:
            place = StoredHour(store_id, folder_of(camera), hour)
            found.append((hour, await _far(ctx).playlist(place)))
        except RecordingNotFound:
            continue
        except FootageAway:
            away.append(Interval(row.start_us, row.end_us))
    return _Read(store_id, tuple(found), tuple(away))


def _far(ctx: Context) -> FarStores:
    if ctx.world.far is None:
        raise FootageAway
    return ctx.world.far


def _merged(reads: Sequence[_Read], away: tuple[Interval, ...], *, ended: bool) -> Footage:
    """Runs by the time they began; a run stays together, and a store's runs in their order."""
    ordered = heapq.merge(*(read.runs() for read in reads), key=lambda run: run[0].start_us)
    segments = joined(chain.from_iterable(ordered))
    removed = (found.removed for read in reads for _, found in read.playlists)
    return Footage(segments, away, ended, len(reads) > 1, sum(removed, NOTHING_REMOVED))


async def key_pictures(ctx: Context, camera: Camera, found: Footage) -> dict[str, KeyPicture]:
    """Of each segment by its name; none of those whose file can't be read (any more)."""
    folders: dict[str, list[str]] = {}
    for each in found.segments:
        folder, _, name = each.name.rpartition("/")
        folders.setdefault(folder, []).append(name)
    told = await asyncio.gather(*(_pictures_in(ctx, camera, *each) for each in folders.items()))
    return {
        f"{folder}/{name}": picture
        for folder, pictures in zip(folders, told, strict=True)
        for name, picture in pictures.items()
    }


async def _pictures_in(
    ctx: Context, camera: Camera, folder: str, names: Sequence[str]
) -> dict[str, KeyPicture]:
    store_name, date, hour_name = folder.split("/")
    store_id, hour, store = UUID(store_name), Hour(date, hour_name), ctx.world.store
    if store_id == store.store_id:
        return await asyncio.to_thread(key_pictures_of, store, folder_of(camera), hour, names)
    try:
        return await _far(ctx).key_pictures(StoredHour(store_id, folder_of(camera), hour))
    except (FootageAway, RecordingNotFound):
        return {}


async def open_file(
    ctx: Context, camera: Camera, hour: Hour, name: str, wish: Wish
) -> BinaryIO | FarFile:
    """A file of an hour folder, from the store that has it; the caller closes it.

    Raises:
        NotFound: no store has it.
        FootageAway: it may be in one that can't be reached.
    """
    store, wanted = ctx.world.store, wish.store_id
    if wanted is None or wanted == store.store_id:
        try:
            return await asyncio.to_thread(store.open_file, folder_of(camera), hour, name)
        except RecordingNotFound as error:
            if wanted is not None:
                raise NotFound("there is no such recording") from error
    refusal: NotFound | FootageAway = NotFound("there is no such recording")
    for store_id in [wanted] if wanted else await _stores_with(ctx, camera, hour, name):
        try:
            place = StoredHour(store_id, folder_of(camera), hour)
            return await _far(ctx).open_file(place, name, wish)
        except RecordingNotFound:
            continue
        except FootageAway as error:
            refusal = error
    raise refusal


async def _stores_with(ctx: Context, camera: Camera, hour: Hour, name: str) -> list[UUID]:
    """Other stores that may have the file. Snapshots are also taken where nothing is recorded."""
    rows = _hours_of(camera).filter(date=hour.date, hour=hour.hour)
    found = {row.store_id for row in await select(rows, RecordingHour) if row.store_id}
    more = await known_stores() - found if name.endswith(".jpg") else set()
    return [each for each in (*found, *more) if each != ctx.world.store.store_id]
