"""A silent server is found out once, for everybody; a slow answer alone opens nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from models import circuit
from models.circuit import Circuit, ServerSilent


class Server:
    """Answers at once, or not at all."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = 0

    async def ask(self) -> None:
        self.asked += 1
        await self.answers.wait()

    async def query(self) -> str:
        await self.answers.wait()
        return "answer"


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def guarded(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Circuit]:
    for name in ("SUSPECT_SECONDS", "ANSWER_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(circuit, name, 0.05)
    made = Circuit(server.ask, (OSError, TimeoutError))
    yield made
    await made.close()


async def test_while_it_answers_nobody_is_asked_anything(guarded: Circuit, server: Server) -> None:
    assert [await guarded.guard(server.query()) for _ in range(20)] == ["answer"] * 20
    assert server.asked == 0


async def test_silence_fails_who_waits_and_then_who_comes_at_once_and_heals(
    guarded: Circuit, server: Server
) -> None:
    server.answers.clear()
    waiting = [asyncio.create_task(guarded.guard(server.query())) for _ in range(5)]
    async with asyncio.timeout(5):
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(each) for each in done} == {TimeoutError}
        for _ in range(100):
            with pytest.raises(ServerSilent):
                await guarded.guard(server.query())
        server.answers.set()
        while True:
            try:
                assert await guarded.guard(server.query()) == "answer"
                break
            except ServerSilent:
                await asyncio.sleep(0.01)


async def test_a_slow_answer_of_a_server_that_is_there_is_waited_for(
    guarded: Circuit, server: Server
) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "late"

    assert await guarded.guard(slow()) == "late"
    assert server.asked == 1
    assert await guarded.guard(server.query()) == "answer"


async def test_a_server_too_busy_for_another_connection_is_there_while_it_answers_others(
    guarded: Circuit, server: Server
) -> None:
    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "late"

    async def quick() -> str:
        return "quick"

    server.answers.clear()  # no new connection gets through
    waiting = asyncio.create_task(guarded.guard(slow()))
    while not waiting.done():
        assert await guarded.guard(quick()) == "quick"
        await asyncio.sleep(0.005)
    assert await waiting == "late"
    assert server.asked >= 1


async def test_an_error_of_the_work_itself_is_passed_on(guarded: Circuit) -> None:
    async def wrong() -> None:
        raise ValueError("no such column")

    with pytest.raises(ValueError, match="no such column"):
        await guarded.guard(wrong())
