"""Two API processes, one of them killed while it delivers: the other one goes on, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.receiver import Received, Receiver, receiving
from tests.servers import Valkey
from tests.vms_processes import VmsProcess, fleet, installation
from tests.world import found, token

EVENTS = 120
SAVE = """mutation ($url: String!) { webhookSave(input: {url: $url, kinds: [BEGAN]}) {
    secret userErrors { message } } }"""
TELL = """mutation ($key: String!) { eventCreate(
    input: {key: $key, cameraId: "cam-a", typeName: "door_contact", source: $key}) {
    created userErrors { message } } }"""
STATE = "{ webhooks { cursor deliveredAt failingSince } }"


async def graphql(process: VmsProcess, query: str, **variables: object) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token()}"}
    async with httpx.AsyncClient(base_url=f"http://{process.address}", timeout=20) as client:
        body = {"query": query, "variables": variables}
        answer = (await client.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, answer
    told: dict[str, Any] = answer["data"]
    return told


async def enrol(process: VmsProcess) -> None:
    body = {"id": "cam-a", "name": "A", "rtsp_url": "rtsp://127.0.0.1:9/x", "enabled": False}
    async with httpx.AsyncClient(base_url=f"http://{process.address}", timeout=20) as client:
        headers = {"Authorization": f"Bearer {token()}"}
        answer = await client.post("/v2/api/cameras", json=body, headers=headers)
        assert answer.status_code == 201, answer.text


def keys(received: list[Received]) -> list[str]:
    """In the order of each step's first message."""
    first = {one.id: one.words["data"]["event"]["modelVersion"] for one in reversed(received)}
    return [first[each] for each in dict.fromkeys(one.id for one in received)]


@pytest.mark.parametrize("empty_database", ["postgres"], indirect=True)
async def test_killed_while_delivering(empty_database: str, valkey: Valkey, tmp_path: Path) -> None:
    await found(empty_database)
    settings = installation(empty_database, valkey.url) | {
        "VMS_WEBHOOK_NETWORKS": "127.0.0.1/32",
        "VMS_WEBHOOK_HTTP": "true",
    }
    async with receiving() as receiver, fleet(tmp_path, settings) as running:
        first = await running.start("api", "first")
        await enrol(first)
        saved = (await graphql(first, SAVE, url=receiver.url))["webhookSave"]
        secret = saved["secret"]
        receiver.delay = 0.02
        second = await running.start("api", "second")
        wanted = [f"key-{number:03}" for number in range(EVENTS)]
        for number, key in enumerate(wanted):
            told = await graphql(second, TELL, key=key)
            assert told["eventCreate"]["created"], told
            if number == EVENTS // 3:
                await receiver.take(EVENTS // 6)
                await first.kill()
        await _until_all(receiver, wanted)
        logs = first.log + second.log
    for one in receiver.received:
        one.verify(secret)
    assert keys(receiver.received) == wanted
    assert len(receiver.received) <= EVENTS + 1
    assert secret[6:] not in logs
    assert "/hook" not in logs
    assert "Traceback" not in logs


async def _until_all(receiver: Receiver, wanted: list[str]) -> None:
    count = len(wanted)
    while len(set(keys(list(await receiver.take(count, 60))))) < len(wanted):
        count = len(receiver.received) + 1
