"""Changes from the cameras' threads to the tables: whose they are, in what order, how often."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from app.writer import writing_changes
from media.types import CameraState, ChangeKind, EventChange, StatusChanged
from models.camera import Camera, CameraTable
from models.event import EventTable
from resolvers.context import World
from tests.world import add_camera, beginning

AT = 1_780_000_000_000_000


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def left_in(spool: Path) -> list[Path]:
    return list(spool.glob("*"))


async def written(tenant_id: str = "default") -> list[str]:
    rows = EventTable.within(tenant_id).order_by("seq")
    return [str(name) for name in await rows.values_list("id", flat=True)]


def event(camera: Camera, name: str) -> EventChange:
    return beginning(camera.key, AT, event_id=name)


async def test_what_many_threads_deliver_is_written_once_each_thread_in_its_order(
    world: World, spool: Path
) -> None:
    camera = await add_camera(world)

    def deliver(thread: int) -> None:
        for number in range(60):
            writer.deliver(event(camera, f"{thread}-{number:03d}"))

    async with writing_changes(world, spool) as writer:
        writer.know([camera])
        threads = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))

    found = await written()
    assert len(found) == 240
    for number in range(4):
        mine = [name for name in found if name.startswith(f"{number}-")]
        assert mine == [f"{number}-{each:03d}" for each in range(60)]
    assert left_in(spool) == []


async def test_each_tenant_gets_its_own_in_order(world: World, spool: Path) -> None:
    ours, theirs = await add_camera(world), await add_camera(world, tenant_id="acme")
    async with writing_changes(world, spool) as writer:
        writer.know([ours, theirs])
        for number in range(20):
            writer.deliver(event(ours if number % 3 else theirs, f"evt-{number:02d}"))
    assert await written() == [f"evt-{number:02d}" for number in range(20) if number % 3]
    assert await written("acme") == [f"evt-{number:02d}" for number in range(0, 20, 3)]


async def test_an_event_is_written_while_nothing_else_happens(world: World, spool: Path) -> None:
    camera = await add_camera(world)
    async with asyncio.timeout(30), writing_changes(world, spool) as writer:
        writer.know([camera])
        for number in range(5):
            await asyncio.to_thread(writer.deliver, event(camera, f"evt-{number}"))
            while len(await written()) <= number:
                await asyncio.sleep(0.005)


async def test_a_camera_that_was_never_known_is_said_and_holds_up_nothing(
    world: World, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera, stranger = await add_camera(world), uuid4()
    async with writing_changes(world, spool) as writer:
        writer.know([camera])
        writer.deliver(beginning(stranger, AT))
        writer.deliver(event(camera, "evt-1"))
    assert await written() == ["evt-1"]
    assert f"a change of the unknown camera {stranger} is dropped" in caplog.messages


async def test_what_comes_after_the_end_is_said_and_written_nowhere(
    world: World, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera = await add_camera(world)
    async with writing_changes(world, spool) as writer:
        writer.know([camera])
    writer.deliver(event(camera, "evt-1"))
    assert caplog.messages == ["nobody takes EventChange any more: it came after the end"]
    assert await written() == []
    assert left_in(spool) == []


async def test_changes_of_a_tenant_that_is_gone_are_kept_aside(world: World, spool: Path) -> None:
    camera = await add_camera(world)
    gone = replace_tenant(camera, "gone")
    async with writing_changes(world, spool) as writer:
        writer.know([camera, gone])
        for name in ("a", "b", "c"):
            writer.deliver(event(camera if name == "b" else gone, name))
    assert await written() == ["b"]
    kept = [json.loads(line) for line in (spool / "refused").read_text().splitlines()]
    assert [each["why"] for each in kept] == ["TenantUnknown('gone')"] * 2


def replace_tenant(camera: Camera, tenant_id: str) -> Camera:
    values = {name: getattr(camera, name) for name in camera.__struct_fields__}
    return Camera(**{**values, "key": uuid4(), "tenant_id": tenant_id})


async def test_the_last_state_is_the_one_that_stays(world: World, spool: Path) -> None:
    camera = await add_camera(world)
    await CameraTable.within("default").update(enabled=True)
    async with writing_changes(world, spool) as writer:
        writer.know([camera])
        for number in range(50):
            reason = f"number {number}"
            writer.deliver(StatusChanged(camera.key, CameraState.ERROR, reason, AT + number, None))
    rows = CameraTable.within("default")
    assert await rows.values_list("status", "status_reason") == [("error", "number 49")]


async def test_a_change_that_is_delivered_again_is_written_once(world: World, spool: Path) -> None:
    """As what a killed process had written and not yet noted."""
    camera = await add_camera(world)
    began = event(camera, "evt-1")
    ended = replace(began, kind=ChangeKind.ENDED, ended_at_us=AT + 5)
    for _ in range(2):
        async with writing_changes(world, spool) as writer:
            writer.know([camera])
            for change in (began, ended, began, ended):
                writer.deliver(change)
    rows = EventTable.within("default")
    assert await rows.values_list("id", "began_seq", "seq", "ended_us") == [("evt-1", 1, 2, AT + 5)]
