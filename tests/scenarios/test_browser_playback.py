"""hls.js in Chromium plays recorded footage, and an offset shows its very frame."""

from __future__ import annotations

import asyncio
import base64
from itertools import pairwise
from pathlib import Path

import av

from media.simulator import Simulator
from tests.browser import browser_page, evaluated, hls_js
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.scenarios.playing import ANYWHERE, ended_copy
from tests.system import System, running_system
from tests.world import token

CODED = Encoding(fps=25, gop=25, bframes=2, audio="pcm_alaw")

PLAY = """
async ([url, offset]) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.appendChild(video);
  const hls = new Hls({ startPosition: 0 });
  hls.loadSource(url);
  hls.attachMedia(video);
  const once = (name) => new Promise((done) => video.addEventListener(name, done, { once: true }));
  await once('loadeddata');
  const seeked = once('seeked');
  const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  // A picture that is on show already may bring no callback.
  const drawn = Promise.race([
    new Promise((done) => video.requestVideoFrameCallback(done)), later(1000)]);
  video.currentTime = offset;
  await seeked;
  await drawn;
  await later(200);
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  const shown = { png: canvas.toDataURL('image/png'), duration: video.duration };
  hls.destroy();
  video.remove();
  return shown;
}
"""


async def record(system: System, simulator: Simulator) -> str:
    """Some seconds in two runs; the playlist's address."""
    mount = simulator.add("a", frame_coded(1500, CODED))
    body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
    created = await system.client.post("/v2/api/cameras", json=body)
    assert created.status_code == 201
    await asyncio.sleep(7)
    mount.kick()
    await asyncio.sleep(8)
    await system.client.patch("/v2/api/cameras/cam-a", json={"enabled": False})
    await asyncio.sleep(1)
    query = {"camera_id": "cam-a", "date": created.json()["created_at"][:10]}
    found = await system.client.get("/v2/api/playback/timeline", params=query)
    return str(found.json()["hours"][-1]["playlist_url"])


def numbers(url: str) -> list[tuple[float, int]]:
    """Seconds from the start, and frame number, of every picture: what libav makes of it."""
    with av.open(url, options=ANYWHERE, timeout=20) as container:
        frames = [(frame.pts or 0, read_frame_number(frame)) for frame in container.decode(video=0)]
    return [((pts - frames[0][0]) / 90_000, number) for pts, number in frames]


def places(frames: list[tuple[float, int]]) -> list[int]:
    """Of pictures to look at: in both runs, and round the reconnect between them."""
    again = next(
        place
        for place, ((_, before), (_, number)) in enumerate(pairwise(frames), start=1)
        if number - before > CODED.bframes + 1
    )
    near = [again + step for step in (-10, -2, -1, 0, 1, 2, 10, CODED.gop + 5)]
    return [0, 1, again // 2, *near, (again + len(frames)) // 2, len(frames) - 30]


def number_in(data_url: str, folder: Path) -> int:
    path = folder / "shown.png"
    path.write_bytes(base64.b64decode(data_url.partition(",")[2]))
    with av.open(str(path)) as container:
        return read_frame_number(next(container.decode(video=0)))


async def test_an_offset_shows_its_frame_in_a_browser_also_after_a_reconnect(
    tmp_path: Path,
) -> None:
    script = hls_js()
    async with Simulator() as simulator, running_system(tmp_path) as system:
        playlist = await record(system, simulator)
        url = f"{system.base}{playlist}?token={token()}"
        text = (await system.client.get(playlist)).text
        frames = await asyncio.to_thread(numbers, ended_copy(text, system.base, tmp_path))
        assert len(frames) > 200
        async with browser_page() as page:
            await page.goto(f"{system.base}/v2/health")
            await page.add_script_tag(content=script)
            for place in places(frames):
                seconds, number = frames[place]
                shown = await evaluated(page, PLAY, [url, seconds + 0.000003])
                assert number_in(shown["png"], tmp_path) == number, (place, seconds)
