"""From a camera to a file in somebody's hands: recorded, exported, followed, fetched, played."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import httpx

from media.simulator import Simulator
from tests.browser import browser_page, evaluated
from tests.clips import Encoding, frame_coded
from tests.reel import shown
from tests.scenarios.test_browser_playback import number_in
from tests.schema.socket_client import opened
from tests.system import System, running_system

CODED = Encoding(fps=25, gop=25, bframes=2, audio="pcm_alaw")
COVERAGE = """query ($id: ID!, $from: DateTime!, $to: DateTime!) { camera(id: $id) {
  coverage(from: $from, to: $to) { intervals { from to recorded } } } }"""
CREATE = """mutation ($input: ExportCreateInput!) { exportCreate(input: $input) {
  export { id } userErrors { code message } } }"""
FOLLOW = """subscription ($id: ID!) { exportProgress(id: $id) {
  state downloadUrl manifestUrl error { code message } } }"""
PLAY = """
async ([url, at]) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.appendChild(video);
  const once = (name) => new Promise((done) => video.addEventListener(name, done, { once: true }));
  video.src = url;
  await once('loadeddata');
  const seeked = once('seeked');
  video.currentTime = at;
  await seeked;
  await new Promise((done) => setTimeout(done, 200));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  return [canvas.toDataURL('image/png'), video.duration];
}
"""


async def graphql(system: System, query: str, variables: dict[str, Any]) -> Any:
    body = {"query": query, "variables": variables}
    answer = (await system.client.post("/graphql", json=body)).json()
    assert "errors" not in answer, answer
    return answer["data"]


async def record(system: System, simulator: Simulator, *names: str) -> None:
    """Some seconds of each camera, with a break."""
    mounts = [simulator.add(name, frame_coded(1500, CODED)) for name in names]
    for name in names:
        body = {"id": name, "name": name, "rtsp_url": simulator.url(name)}
        assert (await system.client.post("/v2/api/cameras", json=body)).status_code == 201
    await asyncio.sleep(7)
    for mount in mounts:
        mount.kick()
    await asyncio.sleep(8)
    for name in names:
        await system.client.patch(f"/v2/api/cameras/{name}", json={"enabled": False})
    await asyncio.sleep(1)


async def exported(system: System, names: list[str], begin: str, end: str) -> dict[str, Any]:
    """Asks for an export and follows it; what is told last."""
    given = {"cameraIds": names, "from": begin, "to": end}
    done = (await graphql(system, CREATE, {"input": given}))["exportCreate"]
    assert done["userErrors"] == []
    place = system.base.removeprefix("http://")
    async with opened(place) as socket:
        await socket.init()
        await socket.subscribe(FOLLOW, {"id": done["export"]["id"]})
        last: dict[str, Any] = {}
        while (message := await socket.receive())["type"] == "next":
            last = message["payload"]["data"]["exportProgress"]
        assert message["type"] == "complete"
    assert last["state"] == "READY", last
    return last


async def fetched(address: str) -> bytes:
    """As a browser on a bad line: breaks off, and goes on where it was."""
    got = b""
    async with httpx.AsyncClient() as client:
        async with client.stream("GET", address) as answer:
            tag, length = answer.headers["etag"], int(answer.headers["content-length"])
            async for piece in answer.aiter_raw(1000):
                got += piece
                if len(got) > length // 3:
                    break
        headers = {"Range": f"bytes={len(got)}-", "If-Range": tag}
        rest = await client.get(address, headers=headers)
        assert rest.status_code == 206
        assert len(got) + len(rest.content) == length
        return got + rest.content


async def recorded(system: System, name: str) -> list[tuple[datetime, datetime]]:
    """From when to when, of each run of the last minute."""
    now = datetime.fromtimestamp(system.world.clock.now_us() / 1e6, UTC)
    asked = {"id": name, "from": _text(now - timedelta(minutes=1)), "to": _text(now)}
    found = (await graphql(system, COVERAGE, asked))["camera"]["coverage"]["intervals"]
    return [(_time(each["from"]), _time(each["to"])) for each in found if each["recorded"]]


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_footage_is_exported_followed_fetched_and_played(tmp_path: Path) -> None:
    async with Simulator() as simulator, running_system(tmp_path) as system:
        await record(system, simulator, "cam-a", "cam-b")
        (began, _), (_, ended) = await recorded(system, "cam-a")
        begin = began + timedelta(seconds=1.3)
        told = await exported(system, ["cam-a"], _text(begin), _text(ended))
        path = tmp_path / "fetched.mp4"
        path.write_bytes(await fetched(system.base + told["downloadUrl"]))
        [camera] = json.loads(await fetched(system.base + told["manifestUrl"]))["cameras"]
        [file], [gap] = camera["files"], camera["gaps"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        assert "camera" in gap["reason"]
        assert timedelta(0) <= begin - _time(file["start"]) < timedelta(milliseconds=41)

        whole = await exported(system, ["cam-a"], _text(began), _text(ended))
        (tmp_path / "whole.mp4").write_bytes(await fetched(system.base + whole["downloadUrl"]))
        pictures, everything = shown(str(path)), shown(str(tmp_path / "whole.mp4"))
        numbers = [number for _, number in everything]
        skipped = round((_time(file["start"]) - began).total_seconds() * 25)
        assert [number for _, number in pictures] == numbers[skipped:]
        with av.open(str(path)) as container:
            assert [each.type for each in container.streams] == ["video", "audio"]

        both = await exported(system, ["cam-a", "cam-b"], _text(began), _text(ended))
        archive = zipfile.ZipFile(io.BytesIO(await fetched(system.base + both["downloadUrl"])))
        assert archive.testzip() is None
        for name in archive.namelist()[:2]:
            assert shown(archive.extract(name, tmp_path))
        await watched(system.base + told["downloadUrl"], pictures, tmp_path)


async def watched(url: str, pictures: Sequence[tuple[float, int]], folder: Path) -> None:
    """In Chromium too it begins with the picture, and ends with the last."""
    async with browser_page() as page:
        await page.goto(url.partition("/v2/")[0] + "/v2/health")
        for place in (0, 1, 26, -1):
            at, number = pictures[place]
            picture, seconds = await evaluated(page, PLAY, [url, at + 3e-6])
            assert number_in(picture, folder) == number
            assert abs(seconds - pictures[-1][0]) < 0.1
