"""What a companion tells of a job while it is done."""

from __future__ import annotations

import asyncio

import pytest

from app import rounds
from app.rounds import Stopping, telling
from resolvers.errors import Unavailable
from resolvers.jobs import JobLost


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TELL_SECONDS", 0.01)


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


def until(event: asyncio.Event) -> Stopping:
    return asyncio.create_task(event.wait())


async def test_it_is_told_again_and_again_until_the_job_ends(stop: asyncio.Event) -> None:
    done, told = asyncio.Event(), 0

    async def tell() -> None:
        nonlocal told
        told += 1
        if told == 3:
            done.set()

    work, stopping = until(done), until(stop)
    await telling(work, stopping, tell)
    assert (told, work.done(), stopping.done()) == (3, True, False)
    stopping.cancel()


async def test_what_cannot_be_told_stops_no_job(stop: asyncio.Event) -> None:
    done, told = asyncio.Event(), 0

    async def tell() -> None:
        nonlocal told
        told += 1
        if told == 2:
            done.set()
        raise Unavailable("the database does not answer")

    stopping = until(stop)
    await telling(until(done), stopping, tell)
    assert told == 2
    stopping.cancel()


async def test_at_the_workers_end_the_job_is_left_as_it_is(stop: asyncio.Event) -> None:
    async def tell() -> None:
        stop.set()

    work = until(asyncio.Event())
    await telling(work, until(stop), tell)
    assert not work.done()
    work.cancel()


async def test_one_that_is_lost_is_told_of_no_more(stop: asyncio.Event) -> None:
    async def tell() -> None:
        raise JobLost

    work, stopping = until(asyncio.Event()), until(stop)
    with pytest.raises(JobLost):
        await telling(work, stopping, tell)
    for each in (work, stopping):
        each.cancel()
