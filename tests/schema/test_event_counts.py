from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from media.playlist import iso_milliseconds
from resolvers.access import Scope
from resolvers.context import World
from resolvers.errors import ScopeMissing, TooManyRows
from resolvers.event_counts import EventDimension, TimeBucket, event_counts
from resolvers.events import EventFilter
from tests.schema.service import ask, codes, data
from tests.statements import counted
from tests.world import add_camera, add_events, beginning, context, token

MONDAY = 1_779_667_200_000_000  # 2026-05-25T00:00Z
MINUTE = 60_000_000
WIDTHS = {"MINUTE": MINUTE, "HOUR": 60 * MINUTE, "DAY": 1440 * MINUTE, "WEEK": 10_080 * MINUTE}
QUERY = """query ($filter: EventFilter!, $bucket: TimeBucket!, $by: [EventDimension!]! = []) {
  eventCounts(filter: $filter, bucket: $bucket, by: $by) { start count cameraId type typeName } }"""
BOTH = list(EventDimension)


@pytest.fixture
async def filled(world: World) -> tuple[World, list[tuple[int, str, str]]]:
    """Events of two cameras over three weeks: when, whose and what. And another tenant's."""
    dice, told = Random(5), []
    for slug in ("cam-a", "cam-b"):
        camera = await add_camera(world, slug)
        some = [
            (MONDAY + dice.randrange(3 * WIDTHS["WEEK"]), dice.choice(["person", "face"]))
            for _ in range(60)
        ]
        await add_events(world, camera, [beginning(camera.key, t, feature=f) for t, f in some])
        told += [(at_us, slug, feature) for at_us, feature in some]
    theirs = await add_camera(world, "cam-a", "acme")
    await add_events(world, theirs, [beginning(theirs.key, MONDAY)])
    return world, told


@pytest.mark.parametrize("bucket", ["HOUR", "DAY", "WEEK"])
@pytest.mark.parametrize("by", [[], ["CAMERA"], ["TYPE"], ["TYPE", "CAMERA", "TYPE"]])
async def test_counts_are_those_of_the_events(
    filled: tuple[World, list[tuple[int, str, str]]], bucket: str, by: list[str]
) -> None:
    world, told = filled
    since, until = MONDAY + 7 * MINUTE, MONDAY + 20 * WIDTHS["DAY"]
    expected = Counter(
        (
            at_us - (at_us - MONDAY) % WIDTHS[bucket],
            slug if "CAMERA" in by else None,
            feature if "TYPE" in by else None,
        )
        for at_us, slug, feature in told
        if since <= at_us < until
    )
    wanted = {
        "filter": {"since": iso_milliseconds(since), "until": iso_milliseconds(until)},
        "bucket": bucket,
        "by": by,
    }
    found = (await data(world, QUERY, wanted))["eventCounts"]
    rows = sorted(expected.items(), key=lambda each: tuple(str(part) for part in each[0]))
    assert found == [
        {
            "start": iso_milliseconds(start),
            "count": n,
            "cameraId": slug,
            "type": None if feature is None else feature.upper(),
            "typeName": feature,
        }
        for (start, slug, feature), n in rows
    ]


async def test_before_the_epoch_buckets_begin_where_they_should(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, -1)])
    wanted = EventFilter(since_us=-10 * MINUTE, until_us=10 * MINUTE)
    [found] = await event_counts(context(world), wanted, TimeBucket.HOUR)
    assert (found.start_us, found.count) == (-60 * MINUTE, 1)


async def test_a_filter_counts_what_it_lets_pass(
    filled: tuple[World, list[tuple[int, str, str]]],
) -> None:
    world, told = filled
    given = {"since": iso_milliseconds(MONDAY), "cameraIds": ["cam-a"], "types": ["FACE"]}
    given["until"] = iso_milliseconds(MONDAY + 4 * WIDTHS["WEEK"])
    found = (await data(world, QUERY, {"filter": given, "bucket": "WEEK"}))["eventCounts"]
    expected = sum(slug == "cam-a" and feature == "face" for _, slug, feature in told)
    assert sum(each["count"] for each in found) == expected > 0


async def test_another_tenants_events_are_not_counted(
    filled: tuple[World, list[tuple[int, str, str]]],
) -> None:
    world, _ = filled
    wanted = {"filter": {"since": iso_milliseconds(MONDAY)}, "bucket": "WEEK", "by": ["CAMERA"]}
    [found] = (await data(world, QUERY, wanted, token("acme")))["eventCounts"]
    assert (found["cameraId"], found["count"]) == ("cam-a", 1)
    with pytest.raises(ScopeMissing):
        await event_counts(
            context(world, "acme", Scope.CAMERAS_READ), EventFilter(since_us=0), TimeBucket.WEEK
        )


@pytest.mark.parametrize(
    ("filter", "bucket", "message"),
    [
        ({}, "DAY", "since: want where to begin counting"),
        (
            {
                "since": iso_milliseconds(MONDAY),
                "until": iso_milliseconds(MONDAY + 1000 * MINUTE + 1000),
            },
            "MINUTE",
            "since: want at most 1000 buckets of a minute, got 1001",
        ),
        ({"since": iso_milliseconds(MONDAY), "typeNames": ["No!"]}, "WEEK", None),
    ],
)
async def test_what_is_not_bounded_is_refused(
    world: World, filter: dict[str, Any], bucket: str, message: str | None
) -> None:
    answer = await ask(world, QUERY, {"filter": filter, "bucket": bucket})
    assert codes(answer) == ["INVALID_INPUT"]
    assert message is None or answer["errors"][0]["message"] == message


async def test_a_range_may_have_a_thousand_buckets(world: World) -> None:
    camera = await add_camera(world)
    ends = [MONDAY, MONDAY + 999 * MINUTE]
    await add_events(world, camera, [beginning(camera.key, at_us) for at_us in ends])
    given = {"since": iso_milliseconds(MONDAY), "until": iso_milliseconds(MONDAY + 1000 * MINUTE)}
    found = (await data(world, QUERY, {"filter": given, "bucket": "MINUTE"}))["eventCounts"]
    assert [each["start"] for each in found] == [iso_milliseconds(at_us) for at_us in ends]


async def test_too_many_counts_are_refused(world: World) -> None:
    camera = await add_camera(world)
    features = ["person", "face", "vehicle"]
    some = [
        beginning(camera.key, MONDAY + n * MINUTE, feature=each)
        for n in range(1000)
        for each in features
    ]
    await add_events(world, camera, some)
    wanted = EventFilter(since_us=MONDAY, until_us=MONDAY + 1000 * MINUTE)
    with pytest.raises(TooManyRows, match="more than 2000 counts"):
        await event_counts(context(world), wanted, TimeBucket.MINUTE, BOTH)
    less = EventFilter(since_us=MONDAY, until_us=MONDAY + 600 * MINUTE)
    assert len(await event_counts(context(world), less, TimeBucket.MINUTE, BOTH)) == 1800


async def test_counting_takes_one_statement(
    filled: tuple[World, list[tuple[int, str, str]]], caplog: pytest.LogCaptureFixture
) -> None:
    world, _ = filled
    wanted = {
        "filter": {"since": iso_milliseconds(MONDAY)},
        "bucket": "WEEK",
        "by": ["CAMERA", "TYPE"],
    }
    async with counted(caplog) as statements:
        await data(world, QUERY, wanted)
    assert len([each for each in statements if '"event"' in each]) == 1, statements
