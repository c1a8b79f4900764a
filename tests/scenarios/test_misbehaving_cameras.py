"""Cameras that fail in every way say why in plain words, and the others go on."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from media.simulator import Credentials, Garbage, Simulator, SimulatorOptions
from tests.clips import Encoding, frame_coded
from tests.system import System, running_system

CODED = Encoding(fps=25, gop=25)


async def add(system: System, camera_id: str, url: str) -> None:
    body = {"id": camera_id, "name": camera_id, "rtsp_url": url}
    created = await system.client.post("/v2/api/cameras", json=body)
    assert created.status_code == 201, created.text


async def graphql(system: System, query: str, **variables: Any) -> dict[str, Any]:
    body = {"query": query, "variables": variables}
    answer = await system.client.post("/graphql", json=body)
    assert answer.status_code == 200, answer.text
    assert "errors" not in answer.json(), answer.text
    return dict(answer.json()["data"])


async def states(system: System) -> dict[str, tuple[str, str | None]]:
    data = await graphql(system, "{ cameras { nodes { id status statusReason } } }")
    return {node["id"]: (node["status"], node["statusReason"]) for node in data["cameras"]["nodes"]}


async def until_state(system: System, wanted: dict[str, str], seconds: float) -> None:
    found: dict[str, tuple[str, str | None]] = {}
    try:
        async with asyncio.timeout(seconds):
            while any(found.get(name, ("", None))[0] != state for name, state in wanted.items()):
                await asyncio.sleep(0.2)
                found = await states(system)
    except TimeoutError:
        pytest.fail(f"wanted {wanted}, found {found}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_each_failure_has_its_state_and_reason_and_harms_no_other(tmp_path: Path) -> None:
    clip = frame_coded(500, CODED)
    options = SimulatorOptions(credentials=Credentials("viewer", "s3cret-word"))
    async with Simulator(options) as simulator, running_system(tmp_path) as system:
        for path in ("good", "stalls", "garbles", "hole", "kicked"):
            simulator.add(path, clip)
        simulator.add("hole", clip).blackhole()
        stalls, garbles = simulator.add("stalls", clip), simulator.add("garbles", clip)
        good = simulator.url("good")
        await add(system, "good", good)
        await add(system, "stalls", simulator.url("stalls"))
        await add(system, "garbles", simulator.url("garbles"))
        await add(system, "closed", f"rtsp://127.0.0.1:{free_port()}/x")
        await add(system, "missing", simulator.url("nothing-here"))
        await add(system, "wrong-password", good.replace("s3cret-word", "wr0ng-word"))
        await add(system, "hole", simulator.url("hole"))
        await add(system, "unknown-host", "rtsp://user:hunter2@camera.invalid/x")
        online = {"good": "ONLINE", "stalls": "ONLINE", "garbles": "ONLINE"}
        await until_state(system, online, 30)
        stalls.stall()
        garbles.garble(Garbage.STREAM)
        away = {
            "closed": "OFFLINE",
            "missing": "ERROR",
            "wrong-password": "ERROR",
            "hole": "OFFLINE",
            "unknown-host": "OFFLINE",
            "stalls": "OFFLINE",
        }
        await until_state(system, {**away, "good": "ONLINE"}, 40)
        found = await states(system)
        for name in (*away, "garbles"):
            state, reason = found[name]
            assert state != "ONLINE"
            assert reason, name
            for secret in ("s3cret-word", "wr0ng-word", "hunter2"):
                assert secret not in reason
        stalls.resume()
        garbles.clear()
        await until_state(system, online, 60)
        await check_coverage(system)


async def check_coverage(system: System) -> None:
    """The good camera has one unbroken run; the one that stalled has a gap with a reason."""
    query = """query($id: ID!, $from: DateTime!, $to: DateTime!) { camera(id: $id) {
        coverage(from: $from, to: $to) {
            intervals { recorded reason seconds } recordedSeconds gapSeconds } } }"""
    end = datetime.now(UTC)
    start = end - timedelta(minutes=10)
    span = {"from": start.isoformat(), "to": end.isoformat()}
    parts = {}
    for name in ("good", "stalls"):
        coverage = (await graphql(system, query, id=name, **span))["camera"]["coverage"]
        assert coverage["recordedSeconds"] + coverage["gapSeconds"] == pytest.approx(600)
        parts[name] = coverage["intervals"]
        assert all(part["reason"] for part in parts[name] if not part["recorded"])
    assert [part["recorded"] for part in parts["good"]] == [False, True, False]
    gaps = [part["reason"] for part in parts["stalls"] if not part["recorded"]]
    assert len(gaps) >= 2
    assert gaps[0] == "nothing was recorded before"
    assert "sent nothing" in gaps[1] or "stopped" in gaps[1] or "no" in gaps[1], gaps
