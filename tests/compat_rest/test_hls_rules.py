"""Playlists as they are served keep the rules of HLS, also for who reads them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from uuid import uuid4

import pytest
from msgspec.structs import replace as replaced

from media.playlist import Playlist, Segment, dump, joined
from media.store import CameraFolder, Hour
from models.camera import Camera
from resolvers.context import World
from tests.compat_rest.service import client_of
from tests.footage import lay_down, segment
from tests.hls_rules import Served, check_reload, checked
from tests.world import StandingClock, add_camera

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND
OF_HOUR = "/v2/hls/cam-front-01/2026-05-29/12/index.m3u8"
OTHER_INIT = "init-aaaaaaaaaa.mp4"


def of_interval(from_us: int, to_us: int) -> str:
    return f"/v2/hls/cam-front-01/index.m3u8?from_us={from_us}&to_us={to_us}"


def run(at_us: int, position: int, lengths: Sequence[float]) -> list[Segment]:
    """One run's segments, without holes."""
    run_id, made = uuid4(), []
    for seconds in lengths:
        made.append(segment(at_us, position, seconds, run_id))
        at_us, position = made[-1].end_us, made[-1].end_position
    return made


async def read(world: World, address: str, now_us: int) -> str:
    """At a moment; what is served then."""
    async with client_of(replace(world, clock=StandingClock(now_us))) as client:
        answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def two_runs_and_a_gap() -> list[Segment]:
    """The second with other parameters: another codec, say."""
    first = run(NOON, 0, [4.04, 4.0, 3.96])
    later = run(NOON + 60 * SECOND, first[-1].end_position, [4.0, 6.123])
    return [*first, *(replaced(each, init=OTHER_INIT) for each in later)]


async def test_an_hour_with_a_gap_and_another_codec(world: World) -> None:
    lay_down(world, await add_camera(world), two_runs_and_a_gap(), ended=True)
    found = checked(await read(world, OF_HOUR, NOON + 2 * HOUR))
    assert (found.kind, found.ended, found.independent) == ("VOD", True, True)
    assert [each.discontinuity for each in found.media] == [False] * 3 + [True, False]
    inits = [(each.init or "").split("?")[0].rpartition("/")[2] for each in found.media]
    assert inits == ["init-0123456789.mp4"] * 3 + [OTHER_INIT] * 2


async def test_an_interval_across_hours_and_a_gap(world: World) -> None:
    camera = await add_camera(world)
    before = run(NOON - 10 * SECOND, 0, [4.0, 4.0, 4.0])
    lay_down(world, camera, before, ended=True)
    after = [
        replaced(each, run_id=before[0].run_id)
        for each in run(NOON + 2 * SECOND, before[-1].end_position, [4.0, 4.0])
    ]
    again = run(NOON + 300 * SECOND, after[-1].end_position, [4.0])
    lay_down(world, camera, [*after, *again], ended=True)
    wanted = of_interval(NOON - 5 * SECOND, NOON + HOUR)
    found = checked(await read(world, wanted, NOON + 2 * HOUR))
    assert len(found.media) == 5
    assert [each.discontinuity for each in found.media] == [False] * 4 + [True]


async def test_the_hour_being_recorded_is_read_again_and_again(world: World) -> None:
    camera = await add_camera(world)
    parts = two_runs_and_a_gap()
    texts = []
    for count in range(1, len(parts) + 1):
        lay_down(world, camera, parts[:count])
        texts.append(await read(world, OF_HOUR, parts[count - 1].end_us + SECOND))
    lay_down(world, camera, parts, ended=True)
    texts.append(await read(world, OF_HOUR, NOON + HOUR + SECOND))
    assert follow(texts)[-1].ended


def follow(texts: Sequence[str]) -> list[Served]:
    """Each as read after the one before; how many segments they have only grows."""
    for before, after in pairwise(texts):
        check_reload(before, after)
    return [checked(each) for each in texts]


async def test_an_interval_ends_when_its_last_segment_is_listed(world: World) -> None:
    """Not when its time is over: what began in it is still being written then."""
    camera = await add_camera(world)
    parts = run(NOON, 0, [4.0, 4.0, 4.0])
    wanted = of_interval(NOON, NOON + 9 * SECOND)
    lay_down(world, camera, parts[:2])
    texts = [await read(world, wanted, NOON + at * SECOND) for at in (8, 10, 11)]
    lay_down(world, camera, parts)
    texts.append(await read(world, wanted, NOON + 12 * SECOND))
    found = follow(texts)
    assert [each.ended for each in found] == [False, False, False, True]
    assert [len(each.media) for each in found] == [2, 2, 2, 3]
    assert {each.start.get("TIME-OFFSET") for each in found[:3]} == {"0"}


async def test_an_interval_whose_footage_ends_before_it_ends_too(world: World) -> None:
    lay_down(world, await add_camera(world), run(NOON, 0, [4.0]))
    wanted = of_interval(NOON, NOON + 9 * SECOND)
    texts = [await read(world, wanted, NOON + at * SECOND) for at in (10, 100, 200)]
    assert [each.ended for each in follow(texts)] == [False, False, True]


@pytest.mark.parametrize("gone", [1, 3, 4])
async def test_an_hour_that_retention_shortened_counts_on(world: World, gone: int) -> None:
    camera = await add_camera(world)
    parts = list(joined(two_runs_and_a_gap()))
    hour = lay_down(world, camera, parts)
    whole = Playlist(tuple(parts), ended=False)
    before = await read(world, OF_HOUR, NOON + 120 * SECOND)
    _shorten(world, camera, hour, whole.without(parts[gone:]))
    found = checked(await read(world, OF_HOUR, NOON + 121 * SECOND))
    assert (found.kind, found.sequence) == (None, gone)
    assert found.discontinuity_sequence == int(gone >= 3)
    told = [each.told for each in checked(before).media[gone + 1 :]]
    assert [each.told for each in found.media[1:]] == told


def _shorten(world: World, camera: Camera, hour: Hour, left: Playlist) -> None:
    folder = world.store.hour_path(CameraFolder(camera.tenant_id, camera.folder), hour)
    (folder / "index.m3u8").write_text(dump(left))
