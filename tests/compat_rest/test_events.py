from __future__ import annotations

import re

import pytest

from media.types import Snapshot
from resolvers.access import Scope
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_for, client_of
from tests.world import add_camera, add_events, beginning, token

EVENTS = "/v2/api/events"
AT = 1_777_558_925_123_000  # 2026-04-30T14:22:05.123Z
SECOND = 1_000_000


async def listed(world: World, query: str) -> list[str]:
    """Ids of the events that a query finds."""
    async with client_of(world) as client:
        answer = await client.get(f"{EVENTS}?{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()]


async def add_three(world: World) -> None:
    """evt-1 to evt-3, a second apart: person, vehicle, person; the last of another camera."""
    camera = await add_camera(world, "cam-a")
    other = await add_camera(world, "cam-b")
    await add_events(
        world,
        camera,
        [
            beginning(camera.key, AT, event_id="evt-1"),
            beginning(camera.key, AT + SECOND, event_id="evt-2", feature="vehicle"),
        ],
    )
    await add_events(world, other, [beginning(other.key, AT + 2 * SECOND, event_id="evt-3")])


async def test_an_event_has_the_references_fields_in_its_order(world: World) -> None:
    camera = await add_camera(world)
    shot = Snapshot("2026-04-30", "14", "snap-12.jpg")
    await add_events(world, camera, [beginning(camera.key, AT, snapshot=shot, event_id="evt-abc")])
    async with client_of(world) as client:
        answer = await client.get(EVENTS)
    assert re.fullmatch(
        r'\[\{"id":"evt-abc","tenant_id":"default","camera_id":"cam-front-01","type":"person",'
        r'"confidence":0\.87,"payload":\{"boxes":\[\{"x":0\.1,"y":0\.2,"w":0\.3,"h":0\.6,'
        r'"label":"person","score":0\.87\}\],"track_id":42\},'
        r'"snapshot_url":"/v2/hls/cam-front-01/2026-04-30/14/snap-12\.jpg",'
        r'"trace_id":"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",'
        r'"model_version":"yolox-nano@2021-08-19","ts":"2026-04-30T14:22:05\.123Z"\}\]',
        answer.text,
    )


async def test_an_event_without_a_picture_says_null(world: World) -> None:
    camera = await add_camera(world)
    await add_events(world, camera, [beginning(camera.key, AT)])
    async with client_of(world) as client:
        (shown,) = (await client.get(EVENTS)).json()
    assert shown["snapshot_url"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["evt-3", "evt-2", "evt-1"]),
        ("camera_id=cam-a", ["evt-2", "evt-1"]),
        ("camera_id=cam-nobody", []),
        ("type=vehicle", ["evt-2"]),
        ("type=person&camera_id=cam-b", ["evt-3"]),
        ("limit=1", ["evt-3"]),
        ("limit=100", ["evt-3", "evt-2", "evt-1"]),
        ("since=2026-04-30T14:22:06.123Z", ["evt-3", "evt-2"]),
        ("since=2026-04-30T14:22:06.124Z", ["evt-3"]),
        ("since=2026-04-30T14:22:06.123", ["evt-3", "evt-2"]),
        ("since=2026-04-30T21:22:06.123%2B07:00", ["evt-3", "evt-2"]),
        ("since=2026-04-30T21:22:06.123+07:00", ["evt-3", "evt-2"]),
        ("since=2026-04-30T09:22:06.123-05:00", ["evt-3", "evt-2"]),
        ("since=2026-04-30", ["evt-3", "evt-2", "evt-1"]),
        ("since=20260430", ["evt-3", "evt-2", "evt-1"]),
        ("since=2026-05-01", []),
        ("since=0001-01-01T00:00:00%2B14:00", ["evt-3", "evt-2", "evt-1"]),
        ("since=9999-12-31T23:59:59-14:00", []),
        ("until=2026-04-30T14:22:06.123Z", ["evt-1"]),
        ("unknown=1&unknown=2", ["evt-3", "evt-2", "evt-1"]),
    ],
)
async def test_queries_find_newest_first(world: World, query: str, found: list[str]) -> None:
    await add_three(world)
    assert await listed(world, query) == found


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=101", ["limit"]),
        ("limit=abc", ["limit"]),
        ("limit=-1", ["limit"]),
        ("limit=5.0", ["limit"]),
        ("limit=%205", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=" + "9" * 5000, ["limit"]),
        ("limit=%D9%A5", ["limit"]),
        ("limit=5&limit=5", ["limit"]),
        ("since=2026-13-01", ["since"]),
        ("since=2026-02-30", ["since"]),
        ("since=yesterday", ["since"]),
        ("since=2026-04-30T25:00:00Z", ["since"]),
        ("since=2026-04-30T10:00:00%2B99:00", ["since"]),
        ("since=1777558925", ["since"]),
        ("until=x&since=y&limit=z", ["limit", "since", "until"]),
        ("type=Dragon", ["type"]),
        ("type=a-dragon&limit=0", ["limit", "type"]),
        ("type=", ["type"]),
        ("camera_id=a&camera_id=b", ["camera_id"]),
        ("camera_id=", ["camera_id"]),
        ("camera_id=a%00b", ["camera_id"]),
        ("camera_id=" + "a" * 3000, ["camera_id"]),
    ],
)
async def test_wrong_parameters_are_all_named(world: World, query: str, fields: list[str]) -> None:
    async with client_of(world) as client:
        answer = await client.get(f"{EVENTS}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM), answer.text
    assert sorted(each["field"] for each in answer.json()["errors"]) == fields


@pytest.mark.parametrize(
    "cursor", ["x", "%00", "AAAA", "bAE", "ZR9kZWZhdWx0HzE", "%FF", "e" * 500, "ZR9kZWZhdWx0HzEfAA"]
)
async def test_a_cursor_that_is_none_of_ours_is_named(world: World, cursor: str) -> None:
    async with client_of(world) as client:
        answer = await client.get(f"{EVENTS}?cursor={cursor}")
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["code"] in {"BAD_CURSOR", "INVALID_INPUT"}
    assert [each["field"] for each in problem["errors"]] == ["cursor"]


async def test_links_lead_through_every_event_once(world: World) -> None:
    camera = await add_camera(world)
    many = [beginning(camera.key, AT + n // 3 * SECOND, event_id=f"evt-{n:02d}") for n in range(25)]
    await add_events(world, camera, many)
    seen: list[str] = []
    address: str | None = f"{EVENTS}?limit=10&since=2026-04-30&camera_id=cam-front-01"
    pages = 0
    async with client_of(world) as client:
        while address is not None:
            answer = await client.get(address)
            seen += [each["id"] for each in answer.json()]
            pages += 1
            link = answer.headers.get("link")
            found = re.fullmatch(r'<(/v2/api/events\?\S+)>; rel="next"', link) if link else None
            assert bool(found) == bool(link)
            address = found[1] if found else None
    assert (pages, seen) == (3, [f"evt-{n:02d}" for n in reversed(range(25))])


async def test_a_full_last_page_has_no_link(world: World) -> None:
    await add_three(world)
    async with client_of(world) as client:
        assert "link" not in (await client.get(f"{EVENTS}?limit=3")).headers
        assert "link" in (await client.get(f"{EVENTS}?limit=2")).headers


async def test_a_link_carries_nothing_but_the_query(world: World) -> None:
    await add_three(world)
    async with client_of(world) as client:
        answer = await client.get(f"{EVENTS}?limit=1&token={token()}&access_token=secret")
    link = answer.headers["link"]
    assert re.fullmatch(r'</v2/api/events\?limit=1&cursor=[\w-]+>; rel="next"', link)


async def test_events_of_another_tenant_are_not_there(world: World) -> None:
    for tenant in ("default", "acme"):
        camera = await add_camera(world, "cam-a", tenant)
        await add_events(world, camera, [beginning(camera.key, AT, event_id=f"evt-{tenant}")])
    async with client_for(world, "acme") as client:
        for query in ("", "?camera_id=cam-a", "?type=person"):
            found = (await client.get(EVENTS + query)).json()
            assert [(each["id"], each["tenant_id"]) for each in found] == [("evt-acme", "acme")]


async def test_a_cursor_of_another_tenant_is_none(world: World) -> None:
    await add_three(world)
    async with client_of(world) as client:
        link = (await client.get(f"{EVENTS}?limit=1")).headers["link"]
    address = re.sub(r"^<|>.*$", "", link)
    async with client_for(world, "acme") as client:
        answer = await client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (422, "BAD_CURSOR")


async def test_a_link_works_with_events_read_alone(world: World) -> None:
    await add_three(world)
    async with client_for(world, "default", Scope.EVENTS_READ) as client:
        answer = await client.get(f"{EVENTS}?limit=1")
        address = re.sub(r"^<|>.*$", "", answer.headers["link"])
        assert [each["id"] for each in (await client.get(address)).json()] == ["evt-2"]
