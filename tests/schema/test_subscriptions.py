from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from media.types import ChangeKind, EventChange
from models.camera import Camera
from models.tenant import TenantTable
from resolvers import cursors
from resolvers.access import Scope
from resolvers.camera_input import CameraChanges, CameraDraft
from resolvers.cameras import camera_create, camera_delete, camera_update
from resolvers.context import World
from tests.schema.service import data, served
from tests.schema.socket_client import Socket, opened
from tests.world import add_camera, add_events, beginning, context, token

AT = 1_777_558_925_123_000
SECOND = 1_000_000
EVENTS = """subscription Events($after: Cursor, $filter: EventFilter) {
  events(after: $after, filter: $filter) {
    __typename
    ... on EventChange { cursor kind event { id type camera { id } endedAt } }
    ... on EventGap { cursor reason }
  }
}"""
CAMERAS = "subscription { cameras { kind id camera { id name rtspUrl } } }"


def change_of(event: EventChange, kind: ChangeKind) -> EventChange:
    ended = event.at_us + SECOND if kind is ChangeKind.ENDED else None
    return replace(event, kind=kind, ended_at_us=ended)


async def begin(world: World, camera: Camera, *event_ids: str) -> None:
    many = [beginning(camera.key, AT, event_id=event_id) for event_id in event_ids]
    await add_events(world, camera, many)


@asynccontextmanager
async def following(
    place: str, query: str = EVENTS, bearer: str | None = None, **variables: object
) -> AsyncIterator[Socket]:
    async with opened(place) as socket:
        await socket.init({"token": bearer or token()})
        await socket.subscribe(query, variables)
        yield socket


async def change(socket: Socket) -> dict[str, Any]:
    found: dict[str, Any] = (await socket.next())["events"]
    return found


async def ids(socket: Socket, count: int) -> list[str]:
    return [(await change(socket))["event"]["id"] for _ in range(count)]


async def test_an_event_began_changed_and_ended(world: World) -> None:
    camera = await add_camera(world)
    start = cursors.encode_log("default", 0)
    async with served(world) as place, following(place, after=start) as socket:
        began = beginning(camera.key, AT, event_id="evt-1")
        seen = []
        for kind in ChangeKind:
            step = began if kind is ChangeKind.BEGAN else change_of(began, kind)
            await add_events(world, camera, [step])
            seen.append(await change(socket))
    assert [each["kind"] for each in seen] == ["BEGAN", "CHANGED", "ENDED"]
    assert [each["cursor"] for each in seen] == [
        cursors.encode_log("default", number) for number in (1, 2, 3)
    ]
    assert seen[-1] == {
        "__typename": "EventChange",
        "cursor": cursors.encode_log("default", 3),
        "kind": "ENDED",
        "event": {
            "id": "evt-1",
            "type": "PERSON",
            "camera": {"id": "cam-front-01"},
            "endedAt": "2026-04-30T14:22:06.123Z",
        },
    }


async def test_without_a_cursor_a_subscription_begins_now(world: World) -> None:
    camera = await add_camera(world)
    await begin(world, camera, "before")
    async with served(world) as place, following(place) as socket:
        first = asyncio.create_task(ids(socket, 1))
        number = 0
        while not first.done():  # whenever "now" is, some of these come after it
            await begin(world, camera, f"after-{number}")
            await asyncio.wait({first}, timeout=0.05)
            number += 1
        [seen] = await first
    assert seen.startswith("after-")


async def test_a_filter_lets_through_what_it_names(world: World) -> None:
    first, second = await add_camera(world, "cam-1"), await add_camera(world, "cam-2")
    wanted: Mapping[str, object] = {"cameraIds": ["cam-2"], "types": ["VEHICLE"]}
    start = cursors.encode_log("default", 0)
    async with served(world) as place, following(place, after=start, filter=wanted) as socket:
        for camera in (first, second):
            for feature in ("person", "vehicle"):
                name = f"{camera.slug}-{feature}"
                began = beginning(camera.key, AT, feature=feature, event_id=name)
                await add_events(world, camera, [began])
        await add_events(
            world, second, [beginning(second.key, AT, feature="vehicle", event_id="last")]
        )
        assert await ids(socket, 2) == ["cam-2-vehicle", "last"]


async def test_tenants_never_see_each_others_events(world: World) -> None:
    ours, theirs = await add_camera(world), await add_camera(world, tenant_id="acme")
    async with (
        served(world) as place,
        following(place, after=cursors.encode_log("default", 0)) as default,
        following(place, bearer=token("acme"), after=cursors.encode_log("acme", 0)) as acme,
    ):
        for number in range(20):
            await begin(world, ours, f"ours-{number}")
            await begin(world, theirs, f"theirs-{number}")
        assert await ids(default, 20) == [f"ours-{number}" for number in range(20)]
        assert await ids(acme, 20) == [f"theirs-{number}" for number in range(20)]


async def test_what_retention_removed_comes_as_a_gap(world: World) -> None:
    camera = await add_camera(world)
    await begin(world, camera, "evt-1", "evt-2", "evt-3")
    await TenantTable.filter(id="default").update(event_floor=2)
    start = cursors.encode_log("default", 1)
    async with served(world) as place, following(place, after=start) as socket:
        assert await change(socket) == {
            "__typename": "EventGap",
            "cursor": cursors.encode_log("default", 2),
            "reason": "RETENTION",
        }
        assert await ids(socket, 1) == ["evt-3"]


async def test_killed_and_resumed_at_random_each_of_1000_events_comes_once(world: World) -> None:
    camera = await add_camera(world)
    chance = random.Random(7)
    written = [f"evt-{number:04d}" for number in range(1000)]

    async def write() -> None:
        place = 0
        while place < len(written):
            size = chance.randint(1, 20)
            await begin(world, camera, *written[place : place + size])
            place += size

    seen: list[str] = []
    after = cursors.encode_log("default", 0)
    async with served(world) as place, asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        while len(seen) < len(written):
            async with following(place, after=after) as socket:
                for _ in range(min(chance.randint(0, 60), len(written) - len(seen))):
                    step = await change(socket)
                    seen.append(step["event"]["id"])
                    after = step["cursor"]
                if chance.random() < 0.5:
                    socket.connection.transport.abort()
    assert seen == written


async def test_the_cameras_come_first_and_then_each_change(world: World) -> None:
    await add_camera(world, "cam-1")
    await add_camera(world, "cam-2")
    await add_camera(world, "cam-acme", "acme")
    ctx = context(world)
    async with served(world) as place, following(place, CAMERAS) as socket:
        present = [(await socket.next())["cameras"] for _ in range(2)]
        await camera_update(ctx, "cam-2", CameraChanges(name="Two"))
        changed = (await socket.next())["cameras"]
        await camera_delete(ctx, "cam-1")
        deleted = (await socket.next())["cameras"]
    shown = "rtsp://user:secret@10.9.8.7/stream"
    assert present == [
        {
            "kind": "SAVED",
            "id": name,
            "camera": {"id": name, "name": "Front gate", "rtspUrl": shown},
        }
        for name in ("cam-1", "cam-2")
    ]
    assert (changed["kind"], changed["camera"]["name"]) == ("SAVED", "Two")
    assert deleted == {"kind": "DELETED", "id": "cam-1", "camera": None}


async def change_much(world: World, chance: random.Random, last: str) -> None:
    ctx, there = context(world), []
    for number in range(60):
        name = f"cam-{number}"
        draft = CameraDraft(id=name, name=name, rtsp_url="rtsp://10.0.0.1/", enabled=False)
        await camera_create(ctx, draft)
        there.append(name)
        renamed = chance.choice(there)
        await camera_update(ctx, renamed, CameraChanges(name=f"{renamed} at {number}"))
        if number % 3 == 0:
            await camera_delete(ctx, there.pop(chance.randrange(len(there))))
    await camera_create(ctx, CameraDraft(id=last, name=last, rtsp_url="rtsp://10.0.0.1/"))


async def follow_until(place: str, last: str) -> dict[str, str]:
    """The names that a client knows, by id, when it has heard of the last camera."""
    known: dict[str, str] = {}
    async with following(place, CAMERAS) as socket:
        while last not in known:
            step = (await socket.next())["cameras"]
            if step["camera"] is None:
                known.pop(step["id"], None)
            else:
                known[step["id"]] = step["camera"]["name"]
    return known


async def test_watchers_who_join_while_cameras_come_change_and_go_all_know_the_truth(
    world: World,
) -> None:
    chance = random.Random(11)
    await TenantTable.filter(id="default").update(camera_limit=1000)
    async with served(world) as place, asyncio.TaskGroup() as tasks:
        tasks.create_task(change_much(world, chance, "cam-last"))
        followers = []
        for _ in range(4):
            followers.append(tasks.create_task(follow_until(place, "cam-last")))
            await asyncio.sleep(chance.random() * 0.1)
    nodes = (await data(world, "{ cameras(first: 100) { nodes { id name } } }"))["cameras"]["nodes"]
    truth = {node["id"]: node["name"] for node in nodes}
    assert len(truth) == 41
    for follower in followers:
        assert follower.result() == truth


async def test_credentials_stay_hidden_from_watchers_who_may_not_set_them(world: World) -> None:
    await add_camera(world)
    reader = token(scope=Scope.CAMERAS_READ)
    async with served(world) as place, following(place, CAMERAS, reader) as socket:
        found = (await socket.next())["cameras"]["camera"]
    assert found["rtspUrl"] == "rtsp://***@10.9.8.7/stream"


async def test_the_counter_of_kinds_adds_up_when_changes_are_overtaken(world: World) -> None:
    camera = await add_camera(world)
    begun = [beginning(camera.key, AT + n, event_id=f"evt-{n}") for n in range(30)]
    await add_events(world, camera, begun)
    for kind in (ChangeKind.CHANGED, ChangeKind.CHANGED, ChangeKind.ENDED):
        await add_events(world, camera, [change_of(each, kind) for each in begun])
    start = cursors.encode_log("default", 0)
    async with served(world) as place, following(place, after=start) as socket:
        kinds = Counter([(await change(socket))["kind"] for _ in range(60)])
    assert kinds == {"BEGAN": 30, "ENDED": 30}
