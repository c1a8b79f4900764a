"""Another process on the same database, for tests of what happens at once.

Run as a program it says `ready`, waits for a line, does its work and says what came of it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

from media.types import EventChange
from resolvers import ingest, tenants
from resolvers.camera_input import CameraDraft
from resolvers.cameras import camera_create
from resolvers.context import World
from resolvers.errors import CameraLimitReached, Unavailable
from tests.world import beginning, context, open_world

AT = 1_780_000_000_000_000


async def write_events(world: World, camera_key: str, name: str, count: str) -> int:
    """Events `name-0000` and on, one transaction each."""
    key = UUID(camera_key)
    for number in range(int(count)):
        change = beginning(key, AT + number, event_id=f"{name}-{number:04d}")
        while not await written(world, key, change):
            pass
    return int(count)


async def written(world: World, key: UUID, change: EventChange) -> bool:
    """As workers do: on a busy machine SQLite keeps some waiting for too long."""
    try:
        await ingest.record(world, "default", {key: "cam-front-01"}, [change])
    except Unavailable:
        return False
    return True


async def create_cameras(world: World, count: str) -> int:
    """As many at once in the tenant `acme`; how many there was room for."""
    draft = CameraDraft(name="Lobby", rtsp_url="rtsp://10.9.8.7/x")
    done = await asyncio.gather(
        *(_created(world, draft) for _ in range(int(count))), return_exceptions=True
    )
    others = [each for each in done if isinstance(each, BaseException)]
    assert {type(each) for each in others} <= {CameraLimitReached}, others
    return len(done) - len(others)


async def _created(world: World, draft: CameraDraft) -> None:
    """Who is told that the database is too busy, as on a loaded machine, asks again."""
    for _ in range(20):
        with suppress(Unavailable):
            await camera_create(context(world, "acme"), draft)
            return
    raise Unavailable("the database was busy all the time")


async def found_default(world: World) -> int:
    await tenants.ensure_default_tenant(world.clock.now_us())
    return 1


WORK = {work.__name__: work for work in (write_events, create_cameras, found_default)}


async def main(url: str, folder: str, name: str, *words: str) -> None:
    async with open_world(url, Path(folder)) as world:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        done = await WORK[name](world, *words)
        sys.stdout.write(f"{done}\n")


@asynccontextmanager
async def elsewhere(
    url: str, folder: Path, *works: Sequence[str]
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """A process for each work, all of them let go at once."""
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.elsewhere", url, str(folder), *words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for words in works
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        yield processes
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def result(process: asyncio.subprocess.Process) -> int:
    said, _ = await process.communicate()
    assert process.returncode == 0
    return int(said)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
