"""A server killed in the middle of recording: what was whole is there and plays."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import av
import httpx

from media.simulator.server import Simulator
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.scenarios.playing import ANYWHERE, ended_copy
from tests.world import SECRET, token

GOP = Encoding(fps=25, gop=25)


async def start(data_dir: Path) -> tuple[asyncio.subprocess.Process, str]:
    environment = {
        "PATH": os.defpath,
        "VMS_DATA_DIR": str(data_dir),
        "VMS_PORT": "0",
        "VMS_JWT_SECRET": SECRET,
        "VMS_CAMERA_NETWORKS": "127.0.0.1/32",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "serve", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(90):
        line = (await process.stdout.readline()).decode()
    assert line.startswith("listening on "), line
    return process, line.split()[2].rstrip(";")


async def playlists(client: httpx.AsyncClient) -> list[str]:
    """Addresses of every hour's playlist, today's and yesterday's."""
    created = (await client.get("/v2/api/cameras")).json()[0]["created_at"]
    found = await client.get(
        "/v2/api/playback/timeline", params={"camera_id": "cam-a", "date": created[:10]}
    )
    return [hour["playlist_url"] for hour in found.json()["hours"]]


def numbers_in(url: str) -> list[int]:
    with av.open(url, options=ANYWHERE, timeout=20) as container:
        return [read_frame_number(frame) for frame in container.decode(video=0)]


async def test_after_kill_9_every_finished_gop_is_listed_and_plays(tmp_path: Path) -> None:
    clip = frame_coded(1500, GOP)
    headers = {"Authorization": f"Bearer {token()}"}
    async with Simulator() as simulator:
        simulator.add("a", clip)
        process, base = await start(tmp_path)
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=10) as client:
            body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
            assert (await client.post("/v2/api/cameras", json=body)).status_code == 201
            await asyncio.sleep(9.5)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        parts = list((tmp_path / "recordings").rglob("*.part"))
        assert parts, "nothing was being written when it was killed"
    process, base = await start(tmp_path)
    try:
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=10) as client:
            async with asyncio.timeout(60):
                while any((tmp_path / "recordings").rglob("*.part")):
                    await asyncio.sleep(0.2)
            seen: list[int] = []
            for url in await playlists(client):
                text = await check_files(client, url)
                ended = ended_copy(text, base, tmp_path)
                seen += await asyncio.to_thread(numbers_in, ended)
        assert seen == list(range(seen[0], seen[0] + len(seen)))
        assert len(seen) >= 7 * 25, "more than the unfinished GOP was lost"
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def check_files(client: httpx.AsyncClient, url: str) -> str:
    """The playlist lists nothing that is missing."""
    text = (await client.get(url)).text
    names = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert names
    for name in names:
        found = await client.get(name, headers={"Authorization": ""})
        assert found.status_code == 200, name
    return text
