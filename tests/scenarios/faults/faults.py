"""The faults: each happens while events flow, and is over when its function returns."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

import msgspec

from tests.scenarios.faults.proxy import network
from tests.scenarios.faults.stage import Fault, Outcome, Scene, Size, Stage, play
from tests.small_disk import fill, small_disk

AWAY_SECONDS = 1.2


async def api_killed(scene: Scene) -> None:
    api = scene.stage.apis[0]
    api.kill()
    await asyncio.sleep(AWAY_SECONDS / 3)
    api.start()
    await asyncio.to_thread(api.wait_until_up)


async def worker_killed(scene: Scene) -> None:
    """Once as it writes, and once when what it could not write is on its disk alone."""
    await scene.kill_driver()
    await scene.start_driver()
    await scene.flow(scene.flowed + 10)
    scene.stage.postgres.stop()
    await scene.flow(scene.task.count * 2 // 3)
    await scene.kill_driver()
    scene.stage.postgres.start()
    await scene.start_driver()


async def redis_killed(scene: Scene) -> None:
    scene.stage.valkey.kill()
    await asyncio.sleep(AWAY_SECONDS)
    scene.stage.valkey.start()


async def postgres_killed(scene: Scene) -> None:
    scene.stage.postgres.kill()
    await asyncio.sleep(AWAY_SECONDS)
    scene.stage.postgres.start()


async def postgres_frozen(scene: Scene) -> None:
    scene.stage.postgres.freeze()
    await asyncio.sleep(2 * AWAY_SECONDS)
    scene.stage.postgres.thaw()


async def all_killed(scene: Scene) -> None:
    """As when the machine of everything but the clients is reset."""
    for api in scene.stage.apis:
        api.kill()
    await scene.kill_driver()
    scene.stage.postgres.kill()
    scene.stage.valkey.kill()
    scene.stage.valkey.start()
    scene.stage.postgres.start()
    for api in scene.stage.apis:
        api.start()
        await asyncio.to_thread(api.wait_until_up)
    await scene.start_driver()


async def clocks_stepped(scene: Scene) -> None:
    """An hour on, then two back, of every process but the servers."""
    for kind in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR2):
        scene.signal(kind)
        for api in scene.stage.apis:
            api.signal(kind)
        await asyncio.sleep(AWAY_SECONDS / 3)


async def parted_network(scene: Scene) -> None:
    """Between the worker and the database; connections stay open and nothing passes."""
    between = Path(tempfile.mkdtemp())  # a socket's path is short
    async with network(scene.stage.postgres.folder, between) as net:
        await scene.kill_driver()
        through = scene.task.database.replace(str(scene.stage.postgres.folder), str(between))
        scene.task = msgspec.structs.replace(scene.task, database=through)
        await scene.start_driver()
        await scene.flow(scene.task.count // 2)
        net.part()
        await asyncio.sleep(2 * AWAY_SECONDS)
        net.heal()
        await scene.end()


async def full_disk(scene: Scene) -> None:
    """The worker's, with the database away for a part of that time."""
    ballast = await asyncio.to_thread(fill, Path(scene.task.folder))
    scene.stage.postgres.stop()
    await asyncio.sleep(AWAY_SECONDS)
    scene.stage.postgres.start()
    await scene.flow(scene.task.count * 3 // 4)
    ballast.unlink()


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        *(api_killed, worker_killed, redis_killed, postgres_killed, postgres_frozen),
        *(all_killed, clocks_stepped, parted_network, full_disk),
    )
}
BRIEFLY = [name for name in FAULTS if name != postgres_frozen.__name__]
"""Those of the suite: a frozen server is, to the worker, much like a parted network."""


async def played(stage: Stage, name: str, size: Size) -> Outcome:
    """Plays the fault of that name. Skips what this machine does not allow."""
    if name != full_disk.__name__:
        return await play(stage, FAULTS[name], size)
    with small_disk(stage.folder / "disk", 1024 * 1024) as disk:
        return await play(stage, FAULTS[name], size, disk)
