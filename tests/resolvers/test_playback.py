from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from media.playlist import Playlist
from media.store import CameraFolder, Hour, RecordingStore
from models.base import select
from models.event import Event, EventTable
from resolvers import ingest, playback, playlists
from resolvers.access import Interval, Scope
from resolvers.cameras import camera_delete
from resolvers.context import Context, World
from resolvers.errors import InvalidInput, NotFound, NotRecorded, ScopeMissing
from resolvers.outcomes import value_of
from resolvers.stores import FarFile
from tests.footage import INIT, TICKS, lay_down, segment, summarise
from tests.world import StandingClock, add_camera, add_events, beginning, context

NOON = 1_780_056_000_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND


def granted(world: World, playlist: str) -> Context:
    """The actor of the grant in a playlist's addresses."""
    found = re.search(r"grant=([^\s\"]+)", playlist)
    assert found
    return Context(world.identity.actor_of_grant(found[1]), world)


async def test_an_events_offset_counts_ticks_across_gaps_and_runs(world: World) -> None:
    camera = await add_camera(world)
    lay_down(
        world,
        camera,
        [segment(NOON, 900), segment(NOON + 60 * SECOND, 900 + 4 * TICKS, seconds=2)],
    )
    at = NOON + 61 * SECOND
    event = beginning(camera.key, at, position=900 + 5 * TICKS)
    await add_events(world, camera, [event])
    found = await playback.event_playback(context(world), event.event_id)
    assert found.offset_us == 5 * SECOND + playback.NUDGE_US
    assert found.playlist_url == "/v2/hls/cam-front-01/2026-05-29/12/index.m3u8"


class CountingStore(RecordingStore):
    """Notes which hours are read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: list[Hour] = []

    def playlist(self, camera: CameraFolder, hour: Hour) -> Playlist:
        self.read.append(hour)
        return super().playlist(camera, hour)


async def test_many_events_are_found_as_each_alone_and_an_hour_is_read_once(world: World) -> None:
    chance, camera = Random(8), await add_camera(world)
    place, told = 0, []
    for hour in range(3):
        parts, at_us = [], NOON + hour * HOUR
        for _ in range(12):
            at_us += chance.choice([0, 0, 0, 5 * SECOND])
            place += chance.choice([0, 0, 0, 9 * TICKS])
            parts.append(segment(at_us, place, seconds=2))
            at_us, place = at_us + 2 * SECOND, place + 2 * TICKS
        lay_down(world, camera, parts, ended=True)
        for each in chance.sample(parts, 8):
            ticks = chance.randrange(-TICKS // 2, 5 * TICKS // 2, 9)
            when = each.start_us + ticks * SECOND // TICKS + chance.choice([0, 0, 0, 0, 5_000])
            position = chance.choice([*[each.position + ticks] * 5, None])
            told.append(beginning(camera.key, when, position=position))
    await add_events(world, camera, told)
    store = CountingStore(world.store.root)
    ctx = context(replace(world, store=store))
    events = await select(EventTable.within("default"), Event)
    found = await playback.event_playbacks(ctx, events)
    assert sorted(store.read) == sorted(set(store.read))
    assert sum(isinstance(each, playback.EventPlayback) for each in found) > 8
    for answer, event in zip(found, events, strict=True):
        if isinstance(answer, playback.EventPlayback):
            assert await playback.event_playback(ctx, event.id) == answer
        else:
            with pytest.raises(type(answer), match=re.escape(str(answer))):
                await playback.event_playback(ctx, event.id)


async def test_a_recent_event_is_awaited_and_the_others_are_not_lost(world: World) -> None:
    """The frame is at the turn of an hour: its segment is listed while two are asked for."""
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON - 10 * SECOND, 0)])
    there = beginning(camera.key, NOON - 9 * SECOND, position=TICKS)
    late = beginning(camera.key, NOON + SECOND, position=20 * TICKS)
    await add_events(world, camera, [there, late])
    ctx = context(replace(world, clock=StandingClock(NOON + 6 * SECOND)))
    events = await select(EventTable.within("default").order_by("at_us"), Event)
    asking = asyncio.create_task(playback.event_playbacks(ctx, events))
    await asyncio.sleep(0.1)
    assert not asking.done()
    lay_down(world, camera, [segment(NOON, 19 * TICKS)])
    found = [each.offset_us for each in map(value_of, await asking)]
    assert found == [SECOND + playback.NUDGE_US] * 2


async def test_a_frame_after_the_turn_of_the_hour_plays_where_its_segment_lies(
    world: World,
) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON + HOUR - 2 * SECOND, 0)])
    lay_down(world, camera, [segment(NOON + HOUR + 2 * SECOND, 4 * TICKS)])
    event = beginning(camera.key, NOON + HOUR + SECOND, position=3 * TICKS)
    await add_events(world, camera, [event])
    found = await playback.event_playback(context(world), event.event_id)
    assert (found.playlist_url.split("/")[-2], found.offset_us) == (
        "12",
        3 * SECOND + playback.NUDGE_US,
    )


async def test_a_frame_that_is_still_being_written_is_answered_for(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)])
    event = beginning(camera.key, NOON + 5 * SECOND, position=5 * TICKS)
    await add_events(world, camera, [event])
    soon = replace(world, clock=StandingClock(NOON + 6 * SECOND))
    found = await playback.event_playback(context(soon), event.event_id)
    assert found.offset_us == 5 * SECOND + playback.NUDGE_US
    later = replace(world, clock=StandingClock(NOON + HOUR))
    with pytest.raises(NotRecorded):
        await playback.event_playback(context(later), event.event_id)


async def test_what_was_never_recorded_or_is_gone_says_so(world: World) -> None:
    camera = await add_camera(world)
    unrecorded = beginning(camera.key, NOON)
    lost = beginning(camera.key, NOON, position=7)
    await add_events(world, camera, [unrecorded, lost])
    for event in (unrecorded, lost):
        with pytest.raises(NotRecorded):
            await playback.event_playback(context(world), event.event_id)
    await camera_delete(context(world), "cam-front-01")
    await add_camera(world, "cam-front-01")
    with pytest.raises(NotRecorded, match="was deleted"):
        await playback.event_playback(context(world), lost.event_id)


async def test_another_tenants_event_and_footage_cannot_be_played(world: World) -> None:
    theirs = await add_camera(world, "cam-a", "acme")
    await add_camera(world, "cam-a", "default")
    hour = lay_down(world, theirs, [segment(NOON, 0)])
    event = beginning(theirs.key, NOON, position=0)
    await add_events(world, theirs, [event])
    ctx = context(world, "default")
    for refusal in (
        playback.event_playback(ctx, event.event_id),
        playlists.hour_playlist(ctx, "cam-a", hour),
        playlists.interval_playlist(ctx, "cam-a", Interval(NOON, NOON + SECOND)),
        playback.open_file(ctx, "cam-a", hour, INIT),
    ):
        with pytest.raises(NotFound):
            await refusal
    file = await playback.open_file(context(world, "acme"), "cam-a", hour, INIT)
    assert not isinstance(file, FarFile)
    with file:
        assert file.read() == b"init of acme"


async def test_playback_needs_its_scope(world: World) -> None:
    await add_camera(world)
    ctx = context(world, "default", Scope.CAMERAS_READ, Scope.EVENTS_READ)
    for refusal in (
        playback.event_playback(ctx, "evt-1"),
        playback.playback(ctx, "cam-front-01", Interval(NOON, NOON + 1)),
        playlists.hour_playlist(ctx, "cam-front-01", Hour("2026-05-29", "12")),
        playback.open_file(ctx, "cam-front-01", Hour("2026-05-29", "12"), INIT),
    ):
        with pytest.raises(ScopeMissing):
            await refusal


async def test_a_grant_opens_its_own_hour_and_nothing_else(world: World) -> None:
    camera = await add_camera(world)
    await add_camera(world, "cam-other")
    hours = [
        lay_down(world, camera, [segment(NOON + n * HOUR, n * 4 * TICKS)], ended=True)
        for n in range(2)
    ]
    text = (await playlists.hour_playlist(context(world), "cam-front-01", hours[0])).text
    ctx = granted(world, text)
    for name in ("120000_000.m4s", INIT):
        file = await playback.open_file(ctx, "cam-front-01", hours[0], name)
        assert not isinstance(file, FarFile)
        file.close()
    for refusal in (
        playback.open_file(ctx, "cam-front-01", hours[1], "130000_000.m4s"),
        playback.open_file(ctx, "cam-front-01", hours[1], INIT),
        playback.open_file(ctx, "cam-other", hours[0], INIT),
        playlists.hour_playlist(ctx, "cam-front-01", hours[1]),
    ):
        with pytest.raises(NotFound):
            await refusal


async def test_a_grant_of_an_interval_shows_no_segment_beside_it(world: World) -> None:
    camera = await add_camera(world)
    run = uuid4()
    parts = [segment(NOON + n * 4 * SECOND, n * 4 * TICKS, run_id=run) for n in range(4)]
    hour = lay_down(world, camera, parts, ended=True)
    wanted = Interval(NOON + 5 * SECOND, NOON + 8 * SECOND)
    grant = world.identity.sign_grant(context(world).actor, camera.slug, wanted)
    ctx = Context(world.identity.actor_of_grant(grant), world)
    file = await playback.open_file(ctx, camera.slug, hour, parts[1].name)
    assert not isinstance(file, FarFile)
    file.close()
    for other in (parts[0], parts[2], parts[3]):
        with pytest.raises(NotFound):
            await playback.open_file(ctx, camera.slug, hour, other.name)
    text = (await playlists.hour_playlist(ctx, camera.slug, hour)).text
    assert re.findall(r"/(\d{6}_\d{3}\.m4s)\?", text) == [parts[1].name]


async def test_an_interval_across_hours_and_runs_is_one_signed_playlist(world: World) -> None:
    camera = await add_camera(world)
    run = uuid4()
    parts = [
        segment(NOON + HOUR - 8 * SECOND, 0, run_id=run),
        segment(NOON + HOUR - 4 * SECOND, 4 * TICKS, run_id=run),
        segment(NOON + HOUR, 8 * TICKS, run_id=run),
        segment(NOON + HOUR + 20 * SECOND, 12 * TICKS),
    ]
    lay_down(world, camera, parts[:2], ended=True)
    lay_down(world, camera, parts[2:])
    wanted = Interval(NOON + HOUR - SECOND, NOON + HOUR + 21 * SECOND)
    found = await playback.playback(context(world), "cam-front-01", wanted)
    query = parse_qs(urlsplit(found.playlist_url).query)
    ctx = Context(world.identity.actor_of_grant(query["grant"][0]), world)
    asked = Interval(int(query["from_us"][0]), int(query["to_us"][0]))
    text = (await playlists.interval_playlist(ctx, "cam-front-01", asked)).text
    assert re.findall(r"/(\d\d/\d{6}_\d{3}\.m4s)\?", text) == [
        "12/125956_000.m4s",
        "13/130000_000.m4s",
        "13/130020_000.m4s",
    ]
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert text.endswith("#EXT-X-ENDLIST\n")


async def test_an_empty_interval_is_refused(world: World) -> None:
    await add_camera(world)
    with pytest.raises(InvalidInput):
        await playback.playback(context(world), "cam-front-01", Interval(NOON, NOON))
    with pytest.raises(NotFound, match="nothing is recorded"):
        await playlists.interval_playlist(
            context(world), "cam-front-01", Interval(NOON, NOON + SECOND)
        )


async def test_the_live_hour_is_an_event_playlist_and_a_finished_one_vod(world: World) -> None:
    camera = await add_camera(world)
    now = world.clock.now_us()
    live = lay_down(world, camera, [segment(now, 0)])
    past = lay_down(world, camera, [segment(NOON, 0)])
    found = [
        await playlists.hour_playlist(context(world), "cam-front-01", hour) for hour in (live, past)
    ]
    texts = [each.text for each in found]
    assert ["EVENT" in text for text in texts] == [True, False]
    assert ["#EXT-X-ENDLIST" in text for text in texts] == [False, True]
    assert "#VMS" not in texts[0]


async def test_footage_of_a_deleted_camera_is_forgotten(world: World) -> None:
    camera = await add_camera(world)
    await summarise(world, camera, [segment(NOON, 0)])
    await camera_delete(context(world), "cam-front-01")
    (deletion,) = await ingest.deletions_with_footage(world)
    assert deletion.key == camera.key
    assert await ingest.footage_removed(world, deletion)
    assert await ingest.deletions_with_footage(world) == []


async def test_footage_of_a_deleted_camera_is_removed_from_each_store(
    world: World, tmp_path: Path
) -> None:
    other = replace(world, store=RecordingStore(tmp_path / "elsewhere"))
    third = replace(world, store=RecordingStore(tmp_path / "third"))
    camera = await add_camera(world)
    for each in (world, other):
        await summarise(each, camera, [segment(NOON, 0)])
    await camera_delete(context(world), "cam-front-01")
    (deletion,) = await ingest.deletions_with_footage(world)
    assert not await ingest.footage_removed(world, deletion)
    pending = [await ingest.deletions_with_footage(each) for each in (world, other, third)]
    assert pending == [[], [deletion], []]
    assert await ingest.footage_removed(other, deletion)
    assert await ingest.deletions_with_footage(other) == []
