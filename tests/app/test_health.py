"""What readiness says of each component; of servers that are away in `test_outages`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.api import ApiOptions, build_api
from compat_rest.health import ReadinessJson
from media.disk import DiskMarks, halt
from media.store import RecordingStore
from resolvers.bus import LocalBus
from resolvers.context import World
from resolvers.errors import Unavailable
from tests.small_disk import small_disk


async def ready(world: World) -> tuple[int, dict[str, Any]]:
    """The status, and what is said of each component; the shape must be the documented one."""
    transport = httpx.ASGITransport(build_api(world, ApiOptions("prom", "secret")))
    async with httpx.AsyncClient(transport=transport, base_url="http://vms") as http:
        answer = await http.get("/v2/health/ready")
    told = msgspec.json.decode(answer.content, type=ReadinessJson)
    assert told.status == ("ok" if answer.status_code == 200 else "unavailable")
    assert answer.headers["cache-control"] == "no-store"
    assert list(told.checks) == ["postgres", "redis", "storage", "models"]
    found: dict[str, Any] = answer.json()["checks"]
    return answer.status_code, found


async def test_the_embedded_engines_are_told_under_the_names_of_the_others(world: World) -> None:
    status, checks = await ready(world)
    assert status == 200
    assert checks["postgres"] == {"status": "ok", "engine": "sqlite"}
    assert checks["redis"] == {"status": "ok", "engine": "local"}
    assert checks["storage"]["status"] == "ok"
    assert checks["storage"]["free_bytes"] > 0


async def test_a_full_disk_is_told_with_what_is_left(world: World, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024 * 1024) as disk:
        status, checks = await ready(replace(world, store=RecordingStore(disk)))
    assert status == 503
    left = checks["storage"].pop("free_bytes")
    assert 0 < left <= 1024 * 1024
    assert checks["storage"] == {"status": "unavailable", "reason": "the disk is full"}
    assert checks["postgres"]["status"] == checks["redis"]["status"] == "ok"


async def test_a_disk_that_fills_up_is_told_while_all_still_works(world: World) -> None:
    low = replace(world, marks=DiskMarks(low_bytes=1 << 60, reserve_bytes=0))
    for reason in ("the disk fills up", "nothing is recorded: no room"):
        status, checks = await ready(low)
        assert checks["storage"].pop("free_bytes") > 0
        assert (status, checks["storage"]) == (200, {"status": "degraded", "reason": reason})
        halt(world.store.root, "no room")


async def test_a_folder_that_is_gone_is_told_and_back_again(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    store = replace(world, store=RecordingStore(folder))
    status, checks = await ready(store)
    assert (status, checks["storage"]["status"]) == (503, "unavailable")
    assert checks["storage"]["reason"] == "the recordings folder cannot be written"
    folder.mkdir()
    assert (await ready(store))[0] == 200


async def test_a_bus_that_does_not_answer_is_told(world: World) -> None:
    class Dumb(LocalBus):
        async def check(self) -> str:
            raise Unavailable("redis does not answer")

    status, checks = await ready(replace(world, bus=Dumb()))
    assert status == 503
    assert checks["redis"] == {"status": "unavailable", "engine": "redis"}
    assert checks["postgres"]["status"] == "ok"


@pytest.mark.parametrize("path", ["/v2/health", "/v2/health/ready"])
async def test_no_token_is_wanted(world: World, path: str) -> None:
    transport = httpx.ASGITransport(build_api(world, ApiOptions("prom", "secret")))
    async with httpx.AsyncClient(transport=transport, base_url="http://vms") as http:
        assert (await http.get(path)).status_code == 200
