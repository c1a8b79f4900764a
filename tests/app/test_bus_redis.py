from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from app.bus_redis import RedisBus
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.watch import EventItem, place_now, watch
from tests.servers import Valkey
from tests.world import add_camera, add_events, beginning, context


@asynccontextmanager
async def bus_at(url: str) -> AsyncIterator[RedisBus]:
    bus = RedisBus(url)
    try:
        yield bus
    finally:
        await bus.close()


@pytest.fixture
async def two(valkey: Valkey) -> AsyncIterator[tuple[RedisBus, RedisBus]]:
    """The buses of two processes."""
    async with bus_at(valkey.url) as here, bus_at(valkey.url) as there:
        yield here, there


async def heard(bell: asyncio.Event, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        await bell.wait()
    bell.clear()


async def ring_until_heard(bus: RedisBus, topic: str, bell: asyncio.Event) -> None:
    """Rings until one is heard: subscribing takes a moment."""
    async with asyncio.timeout(30):
        while not bell.is_set():
            await bus.ring(topic)
            await asyncio.sleep(0.02)
    bell.clear()


async def test_a_ring_is_heard_in_the_other_process_and_at_home(
    two: tuple[RedisBus, RedisBus],
) -> None:
    here, there = two
    async with here.bell("events:a") as mine, there.bell("events:a") as theirs:
        await ring_until_heard(here, "events:a", theirs)
        await ring_until_heard(here, "events:a", mine)
        for _ in range(20):
            mine.clear()
            theirs.clear()
            await here.ring("events:a")
            await heard(mine)
            await heard(theirs)


async def test_topics_do_not_mix(two: tuple[RedisBus, RedisBus]) -> None:
    here, there = two
    async with there.bell("events:a") as wanted, there.bell("events:b") as other:
        await ring_until_heard(here, "events:a", wanted)
        other.clear()
        await here.ring("events:a")
        await heard(wanted)
        assert not other.is_set()


async def test_a_server_that_comes_back_is_heard_again(
    two: tuple[RedisBus, RedisBus], mortal_valkey: Valkey
) -> None:
    here, there = two
    async with there.bell("events:a") as bell:
        await ring_until_heard(here, "events:a", bell)
        mortal_valkey.kill()
        mortal_valkey.start()
        await ring_until_heard(here, "events:a", bell)


async def test_what_was_missed_meanwhile_rings_at_the_return(
    valkey: Valkey, mortal_valkey: Valkey
) -> None:
    async with bus_at(valkey.url) as bus, bus.bell("events:a") as bell:
        await ring_until_heard(bus, "events:a", bell)
        mortal_valkey.stop()
        bell.clear()
        mortal_valkey.start()
        await heard(bell)


async def test_a_silent_server_is_noticed_and_heard_again(
    two: tuple[RedisBus, RedisBus], mortal_valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = two
    async with there.bell("events:a") as bell:
        await ring_until_heard(here, "events:a", bell)
        mortal_valkey.freeze()
        async with asyncio.timeout(30):
            while "redis is away" not in caplog.text:
                await asyncio.sleep(0.05)
        mortal_valkey.thaw()
        await ring_until_heard(here, "events:a", bell)


@pytest.mark.parametrize("fault", ["stop", "freeze"])
async def test_a_check_of_an_absent_server_says_so_in_time(
    mortal_valkey: Valkey, fault: str
) -> None:
    async with bus_at(mortal_valkey.url) as bus:
        assert await bus.check() == "redis"
        getattr(mortal_valkey, fault)()
        async with asyncio.timeout(2):
            with pytest.raises(Unavailable, match="redis does not answer"):
                await bus.check()


async def test_an_absence_is_logged_once_and_its_end_too(
    mortal_valkey: Valkey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with bus_at(mortal_valkey.url) as bus, bus.bell("events:a") as bell:
        await ring_until_heard(bus, "events:a", bell)
        mortal_valkey.stop()
        for _ in range(50):
            await bus.ring("events:a")
            await heard(bell)  # those at home hear it all the same
            await asyncio.sleep(0.03)
        mortal_valkey.start()
        async with asyncio.timeout(30):
            while "redis is back" not in caplog.text:
                await asyncio.sleep(0.02)
    ours = [each.message for each in caplog.records if each.name == "app.bus_redis"]
    assert ours[0].startswith("redis is away")
    assert ours[1:] == ["redis is back"]


async def test_a_silent_server_holds_nobody_up(mortal_valkey: Valkey) -> None:
    """One ring may wait for the answer that does not come; those after it do not."""
    async with bus_at(mortal_valkey.url) as bus, bus.bell("events:a") as bell:
        await ring_until_heard(bus, "events:a", bell)
        mortal_valkey.freeze()
        async with asyncio.timeout(4):
            for _ in range(100):
                await bus.ring("events:a")


async def test_watchers_go_on_without_a_server_and_miss_nothing(
    world: World, mortal_valkey: Valkey
) -> None:
    """Another process writes: without a server its rings are lost, so the watcher must look."""
    async with bus_at(mortal_valkey.url) as here, bus_at(mortal_valkey.url) as there:
        watching, writing = replace(world, bus=here), replace(world, bus=there)
        camera = await add_camera(world)
        seen: list[str] = []
        after = await place_now(context(world))

        async def follow() -> None:
            async with aclosing(watch(context(watching), after=after)) as steps:
                async for step in steps:
                    assert isinstance(step, EventItem)
                    seen.append(step.event.id)

        async def write(count: int) -> list[str]:
            changes = [beginning(camera.key, 1_780_000_000_000_000 + n) for n in range(count)]
            for change in changes:
                await add_events(writing, camera, [change])
            return [change.event_id for change in changes]

        async def until_seen(count: int) -> None:
            async with asyncio.timeout(30):
                while len(seen) < count:
                    await asyncio.sleep(0.01)

        task = asyncio.create_task(follow())
        written = await write(20)
        await until_seen(20)
        mortal_valkey.kill()
        written += await write(20)
        await until_seen(40)
        mortal_valkey.start()
        written += await write(20)
        await until_seen(60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert seen == written


async def test_closing_without_a_server_is_clean(mortal_valkey: Valkey) -> None:
    bus = RedisBus(mortal_valkey.url)
    async with bus.bell("events:a"):
        mortal_valkey.stop()
        await bus.ring("events:a")
    await bus.close()


async def test_a_bus_that_was_never_used_closes() -> None:
    await RedisBus("redis://127.0.0.1:1/0").close()
