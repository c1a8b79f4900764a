from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from media.boxes import RUN_BOX_BYTES
from media.key_pictures import KeyPicture
from media.store import CameraFolder
from resolvers import playlists
from resolvers.context import Context, World
from resolvers.errors import InvalidInput
from resolvers.playlists import PartOfHour, ServedPlaylist
from resolvers.reloads import Reloads
from resolvers.stores import StoredHour
from tests.far import asking, host
from tests.footage import TICKS, lay_down, segment, with_key_picture
from tests.world import StandingClock, add_camera, context

NOON = 1_780_056_000_000_000
SECOND = 1_000_000


def now(world: World, seconds: int = 6) -> Context:
    return context(replace(world, clock=StandingClock(NOON + seconds * SECOND)))


def asked(ctx: Context, sequence: int) -> asyncio.Task[ServedPlaylist]:
    hour = ctx.world.store.hour_of(NOON)
    part = PartOfHour(sequence=sequence)
    return asyncio.create_task(playlists.hour_playlist(ctx, "cam-front-01", hour, part))


async def test_who_waits_for_a_segment_is_answered_when_it_is_listed(world: World) -> None:
    camera, run = await add_camera(world), uuid4()
    parts = [segment(NOON + n * 4 * SECOND, n * 4 * TICKS, run_id=run) for n in range(3)]
    lay_down(world, camera, parts[:1])
    ctx = now(world)
    there = (await asked(ctx, 0)).text
    assert "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n" in there
    waiting = [asked(ctx, 1), asked(ctx, 1), asked(ctx, 2)]
    while ctx.world.reloads.waiting < 3 or not ctx.world.reloads.watched:
        await asyncio.sleep(0.01)
    assert ctx.world.reloads.watched == 1
    assert not any(each.done() for each in waiting)
    lay_down(world, camera, parts[:2])
    texts = [(await each).text for each in waiting[:2]]
    assert [text.count("#EXTINF") for text in texts] == [2, 2]
    assert not waiting[2].done()
    lay_down(world, camera, parts, ended=True)
    last = (await waiting[2]).text
    assert (last.count("#EXTINF"), "CAN-BLOCK-RELOAD" in last) == (3, False)
    assert (ctx.world.reloads.waiting, ctx.world.reloads.watched) == (0, 0)


async def test_nobody_waits_for_what_will_not_come_next(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)])
    ctx = now(world)
    with pytest.raises(InvalidInput):
        await asked(ctx, 3)
    assert ctx.world.reloads.waiting == 0


async def test_a_finished_hour_is_answered_at_once(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)], ended=True)
    text = (await asked(now(world), 1)).text
    assert "#EXT-X-ENDLIST" in text
    assert "CAN-BLOCK-RELOAD" not in text


async def test_who_comes_when_as_many_wait_as_may_is_answered_at_once(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)])
    full = now(replace(world, reloads=Reloads(most=0)))
    assert (await asked(full, 1)).text.count("#EXTINF") == 1


async def test_whoever_gives_up_leaves_nothing_behind(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)])
    ctx = now(world)
    waiting = asked(ctx, 1)
    while not ctx.world.reloads.watched:
        await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert (ctx.world.reloads.waiting, ctx.world.reloads.watched) == (0, 0)


async def test_who_waits_when_the_process_is_to_end_is_answered_as_it_is(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)])
    ctx = now(replace(world, stopping=asyncio.Event()))
    waiting = asked(ctx, 1)
    while not ctx.world.reloads.waiting:
        await asyncio.sleep(0.01)
    ctx.world.stopping.set()
    assert (await waiting).text.count("#EXTINF") == 1
    assert (ctx.world.reloads.waiting, ctx.world.reloads.watched) == (0, 0)


class PassingClock(StandingClock):
    """Half a minute goes by with every look at the monotonic time."""

    looks = 0

    def monotonic_us(self) -> int:
        self.looks += 1
        return self.looks * 30 * SECOND


async def test_after_half_a_minute_the_playlist_is_answered_as_it_is(world: World) -> None:
    camera = await add_camera(world)
    lay_down(world, camera, [segment(NOON, 0)])
    ctx = context(replace(world, clock=PassingClock(NOON + 6 * SECOND)))
    assert (await asked(ctx, 1)).text.count("#EXTINF") == 1


async def test_key_pictures_of_another_store_come_from_its_worker(
    world: World, tmp_path: Path
) -> None:
    camera = await add_camera(world)
    async with host(world, tmp_path / "far") as away, asking(world) as asks:
        parts = [segment(NOON, 0)]
        hour = lay_down(away.world, camera, parts)
        with_key_picture(away.world, camera, parts[0])
        place = StoredHour(
            away.world.store.store_id, CameraFolder(camera.tenant_id, camera.folder), hour
        )
        assert asks.far is not None
        found = await asks.far.key_pictures(place)
    assert found == {parts[0].name: KeyPicture(RUN_BOX_BYTES, 209)}
