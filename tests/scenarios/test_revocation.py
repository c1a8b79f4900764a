"""One token on every transport of one API process, ended at another one: each of them ends."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from media.simulator.server import Simulator
from tests.clips import Encoding, frame_coded
from tests.servers import Valkey
from tests.vms_processes import VmsProcess, fleet, installation
from tests.watching import Watcher, offered, watcher
from tests.world import EVERY_SCOPE, SECRET, found, token

log = logging.getLogger(__name__)

SUBSCRIBE = "subscription { cameras { kind } }"
REVOKE = """mutation ($token: String!) { done: tokenRevoke(token: $token) {
  revocation { revokedAt } userErrors { code } } }"""
HOURS = """query ($date: Date!) { camera(id: "cam-a") { hours(date: $date) { playlistUrl } } }"""
PATIENCE = 5


@dataclass(frozen=True, slots=True)
class Site:
    """Two API processes on one worker that records `cam-a`."""

    api: VmsProcess
    other: VmsProcess


@pytest.fixture
async def site(tmp_path: Path, valkey: Valkey, empty_database: str) -> AsyncIterator[Site]:
    await found(empty_database)
    settings = installation(empty_database, valkey.url)
    async with Simulator() as simulator, fleet(tmp_path, settings) as running:
        simulator.add("cam-a", frame_coded(1500, Encoding(fps=25, gop=25)))
        api, other, _ = await asyncio.gather(
            running.start("api", "api"),
            running.start("api", "other"),
            running.start("worker", "worker"),
        )
        async with client(other, token()) as admin:
            body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("cam-a")}
            assert (await admin.post("/v2/api/cameras", json=body)).status_code == 201
        yield Site(api, other)


def client(process: VmsProcess, bearer: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return httpx.AsyncClient(base_url=f"http://{process.address}", headers=headers, timeout=20)


def token_for(seconds: int) -> str:
    now = int(time.time())
    claims = {"tenant_id": "default", "scope": EVERY_SCOPE, "iat": now, "exp": now + seconds}
    return jwt.encode({**claims, "jti": uuid4().hex}, SECRET, algorithm="HS256")


async def addresses(process: VmsProcess, bearer: str) -> list[str]:
    """A playlist and a segment of it, by their grants; waits until there are."""
    async with client(process, bearer) as user, asyncio.timeout(60):
        while True:
            body = {"query": HOURS, "variables": {"date": time.strftime("%Y-%m-%d", time.gmtime())}}
            answer = (await user.post("/graphql", json=body)).json()
            for hour in answer["data"]["camera"]["hours"]:
                playlist = await user.get(hour["playlistUrl"], headers={"Authorization": ""})
                segments = [each for each in playlist.text.splitlines() if each.startswith("/")]
                if segments:
                    return [hour["playlistUrl"], segments[0]]
            await asyncio.sleep(0.3)


@dataclass(slots=True)
class Opened:
    """Everything that one token has open at one process."""

    process: VmsProcess
    bearer: str
    played: list[str]
    viewer: Watcher
    graphql: ClientConnection
    v2: ClientConnection
    bodies: list[httpx.Response]

    def endings(self) -> dict[str, Coroutine[Any, Any, object]]:
        """How each of them ends, by its name."""
        return {
            "graphql socket": closed(self.graphql),
            "/v2 socket": closed(self.v2),
            "server-sent events": last_words(self.bodies[0]),
            "multipart": last_words(self.bodies[1]),
            "live view": self.viewer.ended(PATIENCE),
            "GraphQL": refused(self.process, "/graphql?query={viewer{tenantId}}", self.bearer),
            "/v2": refused(self.process, "/v2/api/cameras", self.bearer),
            "playlist": refused(self.process, self.played[0]),
            "segment": refused(self.process, self.played[1]),
        }


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """The close frame; "the" is all that both sockets say differently."""
    with pytest.raises(ConnectionClosed) as over:
        await forever(socket)
    assert over.value.rcvd is not None
    return over.value.rcvd.code, over.value.rcvd.reason.lower().removeprefix("the ")


async def forever(socket: ClientConnection) -> None:
    while True:
        await socket.recv()


async def last_words(response: httpx.Response) -> str:
    text = (await response.aread()).decode()
    return text[text.rindex('"code":') :].split('"')[3]


async def refused(process: VmsProcess, place: str, bearer: str | None = None) -> tuple[int, str]:
    async with client(process, bearer) as user:
        while (answer := await user.get(place)).is_success:
            await asyncio.sleep(0.02)
    body = answer.json()
    found = body["errors"][0]["extensions"]["code"] if "errors" in body else body["code"]
    return answer.status_code, found


async def until_all_end(opened: Opened) -> tuple[dict[str, object], dict[str, float]]:
    """How each ended, and after how many seconds."""
    began, seconds = time.monotonic(), {}

    async def one(name: str, ending: Coroutine[Any, Any, object]) -> object:
        ended = await ending
        seconds[name] = round(time.monotonic() - began, 3)
        return ended

    endings = opened.endings()
    async with asyncio.timeout(PATIENCE):
        ends = await asyncio.gather(*(one(*each) for each in endings.items()))
    return dict(zip(endings, ends, strict=True)), seconds


async def with_all_open(site: Site, bearer: str, end: Coroutine[Any, Any, None]) -> Any:
    process = site.api
    subscribe = {"query": SUBSCRIBE}
    accepts = ("text/event-stream", "multipart/mixed;subscriptionSpec=1.0")
    protocol = Subprotocol("graphql-transport-ws")
    place = f"ws://{process.address}"
    await addresses(process, token())  # until something is recorded
    async with (
        watcher() as viewer,
        client(process, bearer) as user,
        connect(f"{place}/graphql", subprotocols=[protocol]) as graphql,
        connect(f"{place}/v2/ws/events?token={bearer}") as v2,
        user.stream("POST", "/graphql", json=subscribe, headers={"Accept": accepts[0]}) as sse,
        user.stream("POST", "/graphql", json=subscribe, headers={"Accept": accepts[1]}) as parts,
    ):
        init = {"type": "connection_init", "payload": {"token": bearer}}
        await graphql.send(json.dumps(init))
        await graphql.recv()
        played = await addresses(process, bearer)
        assert (await offered(user, "cam-a", viewer)).status_code == 201
        await viewer.seen(5)
        opened = Opened(process, bearer, played, viewer, graphql, v2, [sse, parts])
        await end
        return await until_all_end(opened)


def expected(code: str, reason: str) -> dict[str, object]:
    streams = dict.fromkeys(("server-sent events", "multipart"), code)
    requests = dict.fromkeys(("GraphQL", "/v2", "playlist", "segment"), (401, code))
    sockets = {
        "graphql socket": (4401, f"token {reason}"),
        "/v2 socket": (4401, f"token {'was' if reason == 'revoked' else 'has'} {reason}"),
    }
    return {**sockets, **streams, **requests, "live view": None}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("empty_database", ["postgres"], indirect=True)
async def test_a_token_that_is_revoked_at_one_process_ends_everywhere(site: Site) -> None:
    bearer = token_for(600)

    async def revoke() -> None:
        async with client(site.other, token()) as admin:
            body = {"query": REVOKE, "variables": {"token": bearer}}
            done = (await admin.post("/graphql", json=body)).json()["data"]["done"]
            assert done["userErrors"] == []

    ends, seconds = await with_all_open(site, bearer, revoke())
    log.info("seconds after the revocation: %s", seconds)
    assert ends == expected("TOKEN_REVOKED", "revoked")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("empty_database", ["postgres"], indirect=True)
async def test_a_token_that_expires_ends_everywhere(site: Site) -> None:
    await addresses(site.api, token())
    bearer = token_for(12)
    end = jwt.decode(bearer, options={"verify_signature": False})["exp"]

    async def expire() -> None:
        await asyncio.sleep(max(0.0, end - time.time()))

    ends, seconds = await with_all_open(site, bearer, expire())
    log.info("seconds after the end: %s", seconds)
    assert ends == expected("TOKEN_EXPIRED", "expired")
