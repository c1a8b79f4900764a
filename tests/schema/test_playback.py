from __future__ import annotations

from dataclasses import replace

import pytest

from resolvers.context import World
from tests.footage import TICKS, lay_down, segment, summarise
from tests.schema.service import ask, codes, data
from tests.world import StandingClock, add_camera, token

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND
HOURS = """{ camera(id: "cam-front-01") { hours(date: "2026-05-29") {
  date hour start end duration complete playlistUrl iFramesUrl } } }"""
COVERAGE = """query Coverage($from: DateTime!, $to: DateTime!) { camera(id: "cam-front-01") {
  coverage(from: $from, to: $to) { from to recordedSeconds gapSeconds
    intervals { from to recorded reason seconds } } } }"""
PLAYBACK = """query Playback($from: DateTime!, $to: DateTime!) { camera(id: "cam-front-01") {
  playback(from: $from, to: $to) { from to playlistUrl iFramesUrl } } }"""


async def test_the_hours_of_a_day_have_signed_playlists(world: World) -> None:
    camera = await add_camera(world)
    for start in (NOON, NOON + 2 * HOUR + 1_500_000):
        parts = [segment(start, 0), segment(start + 60 * SECOND, 8 * TICKS)]
        lay_down(world, camera, parts)
        await summarise(world, camera, parts)
    found = (await data(world, HOURS))["camera"]["hours"]
    grants = []
    for each in found:
        address, _, grant = each.pop("playlistUrl").partition("?grant=")
        assert address == f"/v2/hls/cam-front-01/2026-05-29/{each['hour']:02d}/index.m3u8"
        pictures = address.replace("index", "iframes")
        assert each.pop("iFramesUrl") == f"{pictures}?grant={grant}"
        grants.append(world.identity.actor_of_grant(grant))
    assert found == [
        {
            "date": "2026-05-29",
            "hour": 12,
            "start": "2026-05-29T12:00:00.000Z",
            "end": "2026-05-29T12:01:04.000Z",
            "duration": 8.0,
            "complete": True,
        },
        {
            "date": "2026-05-29",
            "hour": 14,
            "start": "2026-05-29T14:00:01.500Z",
            "end": "2026-05-29T14:01:05.500Z",
            "duration": 8.0,
            "complete": True,
        },
    ]
    assert [actor.interval.from_us for actor in grants if actor.interval] == [
        NOON,
        NOON + 2 * HOUR,
    ]


async def test_coverage_has_a_reason_for_each_gap_and_sums_to_the_range(world: World) -> None:
    camera = await add_camera(world)
    first = segment(NOON + SECOND, 0, seconds=2.5)
    second = segment(NOON + 10 * SECOND, 4 * TICKS, seconds=4)
    await summarise(world, camera, [first], "the camera hung up")
    await summarise(world, camera, [second], "stopped")
    standing = replace(world, clock=StandingClock(NOON + 20 * SECOND))
    variables = {"from": "2026-05-29T12:00:00Z", "to": "2026-05-29T12:00:30Z"}
    found = (await data(standing, COVERAGE, variables))["camera"]["coverage"]
    assert [(each["seconds"], each["reason"]) for each in found["intervals"]] == [
        (1.0, "nothing was recorded before"),
        (2.5, None),
        (6.5, "the camera hung up"),
        (4.0, None),
        (6.0, "stopped"),
        (10.0, "in the future"),
    ]
    assert [each["recorded"] for each in found["intervals"]] == [
        each["reason"] is None for each in found["intervals"]
    ]
    ends = [each["to"] for each in found["intervals"]]
    assert [each["from"] for each in found["intervals"]] == [found["from"], *ends[:-1]]
    assert (found["from"], ends[-1]) == ("2026-05-29T12:00:00.000Z", found["to"])
    assert (found["recordedSeconds"], found["gapSeconds"]) == (6.5, 23.5)


async def test_a_range_has_one_signed_playlist(world: World) -> None:
    await add_camera(world)
    variables = {"from": "2026-05-29T12:00:00.5Z", "to": "2026-05-29T14:00:00+01:00"}
    found = (await data(world, PLAYBACK, variables))["camera"]["playback"]
    address, _, grant = found.pop("playlistUrl").partition("&grant=")
    assert found.pop("iFramesUrl") == f"{address.replace('index', 'iframes')}&grant={grant}"
    assert found == {"from": "2026-05-29T12:00:00.500Z", "to": "2026-05-29T13:00:00.000Z"}
    from_us, to_us = NOON + 500_000, NOON + HOUR
    assert address == f"/v2/hls/cam-front-01/index.m3u8?from_us={from_us}&to_us={to_us}"
    interval = world.identity.actor_of_grant(grant).interval
    assert interval is not None
    assert (interval.from_us, interval.to_us) == (from_us, to_us)


@pytest.mark.parametrize("query", [COVERAGE, PLAYBACK])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-05-29T12:00:00Z", "2026-05-29T12:00:00Z"),
        ("2026-05-29T12:00:00Z", "2026-05-29T11:00:00Z"),
        ("2026-05-29T12:00:00Z", "2027-05-29T12:00:00Z"),
    ],
)
async def test_an_empty_range_and_a_long_one_are_refused(
    world: World, query: str, start: str, end: str
) -> None:
    await add_camera(world)
    answer = await ask(world, query, {"from": start, "to": end})
    assert codes(answer) == ["INVALID_INPUT"]
    assert answer["errors"][0]["extensions"]["fields"][0]["field"] == "to"


@pytest.mark.parametrize("field", ["hours", "coverage", "playback"])
async def test_footage_needs_its_scope(world: World, field: str) -> None:
    await add_camera(world)
    query = {"hours": HOURS, "coverage": COVERAGE, "playback": PLAYBACK}[field]
    variables = {"from": "2026-05-29T12:00:00Z", "to": "2026-05-29T12:00:01Z"}
    bearer = token(scope="cameras:read events:read")
    answer = await ask(world, query, None if field == "hours" else variables, bearer)
    assert (codes(answer), answer["data"]) == (["SCOPE_MISSING"], {"camera": None})


async def test_another_tenants_footage_is_not_reached_by_a_namesake(world: World) -> None:
    theirs = await add_camera(world, tenant_id="acme")
    await add_camera(world)
    parts = [segment(NOON, 0)]
    lay_down(world, theirs, parts)
    await summarise(world, theirs, parts)
    assert (await data(world, HOURS))["camera"]["hours"] == []
    assert len((await data(world, HOURS, bearer=token("acme")))["camera"]["hours"]) == 1
