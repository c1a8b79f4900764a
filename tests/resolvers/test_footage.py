"""Footage of one camera in several stores."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from media.playlist import joined
from media.store import CameraFolder, Hour
from models.camera import Camera
from resolvers import playback, playlists, recordings
from resolvers.access import Interval
from resolvers.context import World
from resolvers.errors import FootageAway, NotFound
from resolvers.footage import Footage, Spot
from resolvers.playback import NUDGE_US
from resolvers.playlists import PartOfHour
from resolvers.recordings import AWAY
from resolvers.stores import FarFile, Wish
from tests.far import Host, asking, host
from tests.footage import INIT, TICKS, lay_down, segment, summarise
from tests.statements import counted, unbounded_hours
from tests.world import StandingClock, add_camera, add_events, beginning, context

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = Hour("2026-05-29", "12")
LEAP = 200 * TICKS


@dataclass
class Moved:
    """Recorded elsewhere from 12:00:00 to 12:00:08, here from 12:00:10 to 12:00:18."""

    world: World
    there: Host
    camera: Camera
    here_from: int


async def record(world: World, camera: Camera, start_us: int, position: int) -> None:
    first = segment(start_us, position)
    run = [first, segment(start_us + 4 * SECOND, position + 4 * TICKS, run_id=first.run_id)]
    lay_down(world, camera, run)
    await summarise(world, camera, run, "recording was stopped")


@pytest.fixture(params=[0, LEAP], ids=["handed over", "leapt"])
async def moved(
    world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Moved]:
    async with host(world, tmp_path / "elsewhere") as there, asking(world) as asks:
        camera = await add_camera(world)
        here_from = 8 * TICKS + request.param
        await record(there.world, camera, NOON, 0)
        await record(world, camera, NOON + 10 * SECOND, here_from)
        yield Moved(asks, there, camera, here_from)


def files(text: str) -> list[tuple[str, UUID | None]]:
    """Segments that a playlist names, and the store it says they are in."""
    found = []
    for line in text.splitlines():
        if line.startswith("/"):
            address = urlsplit(line)
            store = parse_qs(address.query).get("store")
            found.append((address.path.rsplit("/", 1)[1], UUID(store[0]) if store else None))
    return found


async def test_an_hour_of_two_stores_is_one_playlist_in_the_order_of_time(moved: Moved) -> None:
    here, there = moved.world.store.store_id, moved.there.world.store.store_id
    found = await playlists.hour_playlist(context(moved.world), "cam-front-01", HOUR)
    assert files(found.text) == [
        ("120000_000.m4s", there),
        ("120004_000.m4s", there),
        ("120010_000.m4s", here),
        ("120014_000.m4s", here),
    ]
    assert found.text.count("#EXT-X-DISCONTINUITY\n") == 1
    maps = re.findall(r"#EXT-X-MAP:.*store=(\w+)", found.text)
    assert maps == [there.hex, here.hex]
    assert found.away == ()


async def test_an_interval_takes_what_it_needs_of_each_store(moved: Moved) -> None:
    wanted = Interval(NOON + 5 * SECOND, NOON + 11 * SECOND)
    found = await playlists.interval_playlist(context(moved.world), "cam-front-01", wanted)
    assert [name for name, _ in files(found.text)] == ["120004_000.m4s", "120010_000.m4s"]
    assert found.text.count("#EXT-X-DISCONTINUITY\n") == 1


async def test_an_interval_begins_in_the_hour_before_when_its_last_segment_reaches_into_it(
    moved: Moved,
) -> None:
    there = moved.there.world
    long = segment(NOON - 110 * SECOND, 1000 * TICKS, seconds=115)
    lay_down(there, moved.camera, [long])
    await summarise(there, moved.camera, [long])
    wanted = Interval(NOON + SECOND, NOON + 3 * SECOND)
    found = await playlists.interval_playlist(context(moved.world), "cam-front-01", wanted)
    there_id = there.store.store_id
    assert files(found.text) == [("115810_000.m4s", there_id), ("120000_000.m4s", there_id)]


async def test_an_interval_is_read_of_its_own_hours_alone(
    moved: Moved, caplog: pytest.LogCaptureFixture
) -> None:
    async with counted(caplog) as statements:
        wanted = Interval(NOON, NOON + SECOND)
        await playlists.interval_playlist(context(moved.world), "cam-front-01", wanted)
    assert unbounded_hours(statements) == []


async def test_each_file_comes_from_the_store_that_its_address_names(moved: Moved) -> None:
    """Both stores have a file of this name, with other bytes."""
    found = await playlists.hour_playlist(context(moved.world), "cam-front-01", HOUR)
    same = "120000_000.m4s"
    folder = CameraFolder(moved.camera.tenant_id, moved.camera.folder)
    (moved.world.store.hour_path(folder, HOUR) / same).write_bytes(b"another")
    contents = []
    for store in (moved.there.world.store.store_id, moved.world.store.store_id, None):
        wish = Wish(store_id=store)
        file = await playback.open_file(context(moved.world), "cam-front-01", HOUR, same, wish)
        contents.append(await content_of(file))
    assert contents == [b"\0" * 1000, b"another", b"another"]
    for name, store in files(found.text):
        file = await playback.open_file(
            context(moved.world), "cam-front-01", HOUR, name, Wish(store_id=store)
        )
        assert len(await content_of(file)) in (1000, len(b"another"))


async def content_of(file: BinaryIO | FarFile) -> bytes:
    if isinstance(file, FarFile):
        try:
            return b"".join([chunk async for chunk in file.chunks])
        finally:
            await file.close()
    with file:
        return file.read()


async def test_without_a_hint_the_tables_tell_where_to_look(moved: Moved) -> None:
    ctx = context(moved.world)
    file = await playback.open_file(ctx, "cam-front-01", HOUR, "120000_000.m4s")
    assert isinstance(file, FarFile)
    assert await content_of(file) == b"\0" * 1000
    with pytest.raises(NotFound):
        await playback.open_file(ctx, "cam-front-01", HOUR, "120030_000.m4s")


async def test_a_snapshot_is_found_where_nothing_is_recorded(moved: Moved) -> None:
    folder = CameraFolder(moved.camera.tenant_id, moved.camera.folder)
    at_us = NOON - 1800 * SECOND
    shot = moved.there.world.store.save_snapshot(folder, at_us, b"jpeg")
    hour = Hour(shot.date, shot.hour)
    file = await playback.open_file(context(moved.world), "cam-front-01", hour, shot.name)
    assert await content_of(file) == b"jpeg"
    with pytest.raises(NotFound):
        await playback.open_file(context(moved.world), "cam-front-01", hour, "snap-1.jpg")


async def test_an_offset_counts_from_where_positions_began_to_go_on(moved: Moved) -> None:
    """FFmpeg counts positions and browsers durations: within such a part they are the same."""
    events = [
        beginning(moved.camera.key, NOON + 5 * SECOND, position=5 * TICKS),
        beginning(moved.camera.key, NOON + 15 * SECOND, position=moved.here_from + 5 * TICKS),
    ]
    await add_events(moved.world, moved.camera, events)
    ctx = context(moved.world)
    found = [await playback.event_playback(ctx, each.event_id) for each in events]
    leapt = moved.here_from != 8 * TICKS
    assert [(each.from_position, each.offset_us) for each in found] == [
        (0, 5 * SECOND + NUDGE_US),
        (moved.here_from, 5 * SECOND + NUDGE_US) if leapt else (0, 13 * SECOND + NUDGE_US),
    ]
    begin = found[1].from_position
    served = await playlists.hour_playlist(ctx, "cam-front-01", HOUR, PartOfHour(begin))
    assert len(files(served.text)) == (2 if leapt else 4)
    assert f"from_position={begin}" in found[1].playlist_url


async def test_a_playlist_from_where_nothing_begins_is_not_found(moved: Moved) -> None:
    with pytest.raises(NotFound):
        await playlists.hour_playlist(context(moved.world), "cam-front-01", HOUR, PartOfHour(17))


@pytest.mark.parametrize("moved", [LEAP], indirect=True)
async def test_segments_told_late_change_no_offset_behind_them(moved: Moved) -> None:
    """A worker that died told of its last segment only when it was back."""
    event = beginning(moved.camera.key, NOON + 15 * SECOND, position=moved.here_from + 5 * TICKS)
    await add_events(moved.world, moved.camera, [event])
    ctx = context(moved.world)
    before = await playback.event_playback(ctx, event.event_id)
    late = segment(NOON + 8 * SECOND, 8 * TICKS, seconds=2)
    lay_down(moved.there.world, moved.camera, [late])
    await summarise(moved.there.world, moved.camera, [late])
    after = await playback.event_playback(ctx, event.event_id)
    assert (after.from_position, after.offset_us) == (before.from_position, before.offset_us)
    served = await playlists.hour_playlist(
        ctx, "cam-front-01", HOUR, PartOfHour(after.from_position)
    )
    assert [name for name, _ in files(served.text)] == ["120010_000.m4s", "120014_000.m4s"]


def test_a_frame_of_lost_footage_is_not_mistaken_for_one_that_has_its_position_now() -> None:
    """A crash took what came after 4 s; the next run used those positions again."""
    parts = joined([segment(NOON, 0), segment(NOON + 60 * SECOND, 4 * TICKS)])
    footage = Footage(parts, away=(), ended=True, spread=False)
    assert footage.spot(5 * TICKS, NOON + 5 * SECOND) is None
    assert footage.spot(5 * TICKS, NOON + 61 * SECOND) == Spot(5 * TICKS, None)


def test_a_frame_being_written_is_answered_for_only_where_positions_go_on() -> None:
    parts = joined([segment(NOON, 900), segment(NOON + 10 * SECOND, 900 + LEAP)])
    end = parts[-1].end_position
    known = Footage(parts, away=(), ended=False, spread=True)
    assert known.spot_when_written(end + TICKS) == Spot(5 * TICKS, parts[1].position)
    alone = Footage(parts[:1], away=(), ended=False, spread=False)
    assert alone.spot_when_written(900 + 5 * TICKS) == Spot(5 * TICKS, None)
    for footage, position in (
        (known, end + LEAP),
        (known, end - TICKS),
        (replace(known, ended=True), end + TICKS),
        (replace(known, away=(Interval(NOON, NOON + 1),)), end + TICKS),
        (replace(known, segments=()), TICKS),
    ):
        assert footage.spot_when_written(position) is None


async def test_the_rest_plays_while_a_worker_is_away_and_what_is_missing_is_said(
    moved: Moved,
) -> None:
    await moved.there.stop()
    ctx = context(moved.world)
    found = await playlists.hour_playlist(ctx, "cam-front-01", HOUR)
    here = moved.world.store.store_id
    assert files(found.text) == [("120010_000.m4s", here), ("120014_000.m4s", here)]
    assert found.away == (Interval(NOON, NOON + 8 * SECOND),)
    wanted = Interval(NOON, NOON + 18 * SECOND)
    part = await playlists.interval_playlist(ctx, "cam-front-01", wanted)
    assert (len(files(part.text)), part.away) == (2, found.away)
    parts = await recordings.coverage(ctx, "cam-front-01", wanted)
    assert [(each.to_us - NOON, each.gap_reason) for each in parts] == [
        (8 * SECOND, AWAY),
        (10 * SECOND, "recording was stopped"),
        (18 * SECOND, None),
    ]


async def test_what_only_that_worker_has_is_unavailable_not_gone(moved: Moved) -> None:
    event = beginning(moved.camera.key, NOON + 5 * SECOND, position=5 * TICKS)
    await add_events(moved.world, moved.camera, [event])
    await moved.there.stop()
    ctx = context(moved.world)
    there = moved.there.world.store.store_id
    for refusal in (
        playback.event_playback(ctx, event.event_id),
        playlists.interval_playlist(ctx, "cam-front-01", Interval(NOON, NOON + SECOND)),
        playback.open_file(ctx, "cam-front-01", HOUR, "120000_000.m4s"),
        playback.open_file(ctx, "cam-front-01", HOUR, INIT, Wish(store_id=there)),
    ):
        with pytest.raises(FootageAway):
            await refusal


async def test_a_process_that_cannot_ask_says_that_it_is_away(moved: Moved) -> None:
    alone = context(replace(moved.world, far=None))
    found = await playlists.hour_playlist(alone, "cam-front-01", HOUR)
    assert found.away == (Interval(NOON, NOON + 8 * SECOND),)
    parts = await recordings.coverage(alone, "cam-front-01", Interval(NOON, NOON + SECOND))
    assert [each.gap_reason for each in parts] == [AWAY]


async def test_the_hours_of_a_day_sum_up_all_stores(moved: Moved) -> None:
    (hour,) = await recordings.hours(context(moved.world), "cam-front-01", "2026-05-29")
    assert (hour.start_us, hour.end_us) == (NOON, NOON + 18 * SECOND)
    assert hour.duration_us == 16 * SECOND
    during = replace(moved.world, clock=StandingClock(NOON + 20 * SECOND))
    (hour,) = await recordings.hours(context(during), "cam-front-01", "2026-05-29")
    assert not hour.complete


async def test_another_tenant_reaches_no_store_of_ours(moved: Moved) -> None:
    await add_camera(moved.world, "cam-front-01", "acme")
    ctx = context(moved.world, "acme")
    there = moved.there.world.store.store_id
    for refusal in (
        playlists.hour_playlist(ctx, "cam-front-01", HOUR),
        playback.open_file(ctx, "cam-front-01", HOUR, "120000_000.m4s"),
        playback.open_file(ctx, "cam-front-01", HOUR, "120000_000.m4s", Wish(store_id=there)),
    ):
        with pytest.raises(NotFound):
            await refusal
