"""A process that makes events as a media worker's cameras do, and writes them as a worker does.

It is told what to do as JSON, and says the number of each event once that was delivered: from then
on it may not be lost, whatever happens to this process.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

import msgspec

from app.bus_redis import RedisBus
from app.writer import ChangeWriter, writing_changes
from media.types import ChangeKind, EventChange
from models.base import select
from models.camera import Camera, CameraTable
from resolvers.context import World
from tests.world import beginning, open_world

AT = 1_780_000_000_000_000
LASTS = 8
"""Every fourth event ends when so many others have begun."""
_TRACES = UUID(int=77)


class Task(msgspec.Struct, frozen=True):
    """Events `{name}-{first}` to `{name}-{count - 1}`, so many a second."""

    database: str
    redis: str
    folder: str
    name: str
    first: int
    count: int
    per_second: float


def event(task: Task, camera_key: UUID, number: int) -> EventChange:
    """The same each time it is asked for."""
    change = beginning(
        camera_key, AT + number * 1000, event_id=event_id(task.name, number), position=number
    )
    return replace(change, trace_id=uuid5(_TRACES, f"{task.name}-{number}"))


def event_id(name: str, number: int) -> str:
    return f"{name}-{number:05d}"


def changes(task: Task, camera_key: UUID, number: int) -> list[EventChange]:
    """What happens as event `number` begins."""
    found = [event(task, camera_key, number)]
    ends = number - LASTS
    if ends >= 0 and ends % 4 == 0:
        before = event(task, camera_key, ends)
        ended_us = AT + number * 1000
        found.append(replace(before, kind=ChangeKind.ENDED, ended_at_us=ended_us))
    return found


async def main(task: Task) -> None:
    folder = Path(task.folder)
    async with open_world(task.database, folder) as bare:
        bus = RedisBus(task.redis)
        world = replace(bare, bus=bus)
        cameras = await select(CameraTable.within("default"), Camera)
        async with writing_changes(world, folder / "spool") as writer:
            writer.know(cameras)
            await make(task, world, writer, cameras[0].key)
        await bus.close()


async def make(task: Task, world: World, writer: ChangeWriter, camera_key: UUID) -> None:
    """At a steady pace: what came late is caught up with."""
    start_us = world.clock.monotonic_us()
    for number in range(task.first, task.count):
        for change in changes(task, camera_key, number):
            writer.deliver(change)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        due_us = start_us + (number + 1 - task.first) / task.per_second * 1_000_000
        await asyncio.sleep(max(0.0, due_us - world.clock.monotonic_us()) / 1_000_000)


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Task)))
