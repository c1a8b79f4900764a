"""Cameras that are recorded at once play in step: EXT-X-PROGRAM-DATE-TIME says when it was."""

from __future__ import annotations

import asyncio
import io
import json
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import pytest
from av.container import InputContainer

from media.simulator import Simulator
from media.simulator.mount import Mount
from media.simulator.options import MountOptions
from tests.browser import browser_page, evaluated, hls_js
from tests.clips import Encoding, frame_coded, read_frame_number
from tests.scenarios.test_browser_playback import number_in
from tests.system import System, running_system

HOUR_SECONDS = 8
BOUND_US = 350_000
"""Wall time is that of arrival; the threads of a busy machine come late by as much."""
CODED = {
    "cam-b-frames": Encoding(fps=25, gop=25, bframes=2, audio="pcm_alaw"),
    "cam-cut-off": Encoding(fps=5, gop=5),
    "cam-h265": Encoding(fps=5, gop=10, bframes=2, codec="hevc"),
}
PLAYBACK = """query ($from: DateTime!, $to: DateTime!) { cameras { nodes {
  id playback(from: $from, to: $to) { playlistUrl } } } }"""
SHOW = """
async ([url, at]) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.appendChild(video);
  const hls = new Hls();
  hls.loadSource(url);
  hls.attachMedia(video);
  const once = (name) => new Promise((done) => video.addEventListener(name, done, { once: true }));
  await once('loadeddata');
  const fragment = hls.levels[0].details.fragments.find(
    (each) => each.programDateTime <= at && at < each.programDateTime + each.duration * 1000);
  const seeked = once('seeked');
  video.currentTime = fragment.start + (at - fragment.programDateTime) / 1000;
  await seeked;
  await new Promise((done) => setTimeout(done, 300));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  const shown = { png: canvas.toDataURL('image/png'), at: hls.playingDate.getTime() };
  hls.destroy();
  video.remove();
  return shown;
}
"""


@dataclass(frozen=True)
class Shown:
    """Pictures of a camera by the wall time that its playlist gives them, µs, and their numbers.

    `ends` are when the segments end.
    """

    mount: Mount
    encoding: Encoding
    url: str
    walls: list[int]
    numbers: list[int]
    ends: list[int]

    def number_at(self, at_us: int) -> int | None:
        """What a viewer sees at a time; None in a gap."""
        place = bisect_right(self.walls, at_us) - 1
        if place < 0 or at_us >= self.ends[bisect_right(self.ends, self.walls[place])]:
            return None
        return self.numbers[place]

    @property
    def whole_until_us(self) -> int:
        """Of the very last pictures, those that wait for a later one may not have come."""
        last = (self.encoding.bframes + 1) * 1_000_000 / self.encoding.fps
        return self.ends[-1] - round(last)

    def taken_us(self, number: int) -> int:
        """When the camera took it."""
        assert self.mount.began_us is not None
        return self.mount.began_us + round(number * 1_000_000 / self.encoding.fps)

    def check(self, at_us: int, number: int) -> int:
        """It is the picture of that time; how many µs it had been there then."""
        age_us = at_us - self.taken_us(number)
        assert -BOUND_US <= age_us < 1_000_000 / self.encoding.fps + BOUND_US, (self.url, at_us)
        return age_us


async def record(system: System, simulator: Simulator) -> dict[str, Mount]:
    """Some seconds of all, with a break of one, over the turn of an hour."""
    options = MountOptions(linger_seconds=60)
    clips = {
        name: await asyncio.to_thread(frame_coded, int(encoding.fps * 60), encoding)
        for name, encoding in CODED.items()
    }
    mounts = {name: simulator.add(name, clip, options) for name, clip in clips.items()}
    for name in CODED:
        body = {"id": name, "name": name, "rtsp_url": simulator.url(name)}
        assert (await system.client.post("/v2/api/cameras", json=body)).status_code == 201
    await asyncio.sleep(5)
    mounts["cam-cut-off"].kick()
    await asyncio.sleep(7)
    for name in CODED:
        await system.client.patch(f"/v2/api/cameras/{name}", json={"enabled": False})
    await asyncio.sleep(1)
    return mounts


async def urls(system: System, began: datetime, ended: datetime) -> dict[str, str]:
    variables = {"from": began.isoformat(), "to": ended.isoformat()}
    body = {"query": PLAYBACK, "variables": variables}
    answer = (await system.client.post("/graphql", json=body)).json()
    nodes = answer["data"]["cameras"]["nodes"]
    return {each["id"]: system.base + each["playback"]["playlistUrl"] for each in nodes}


async def shown(system: System, url: str, mount: Mount, encoding: Encoding) -> Shown:
    """As a client reads it that knows no more than the playlist says."""
    found = Shown(mount, encoding, url, [], [], [])
    init, wall_us, lasts_us = b"", 0, 0
    for line in (await system.client.get(url)).text.splitlines():
        name, _, value = line.partition(":")
        if name == "#EXT-X-MAP":
            init = (await system.client.get(json.loads(value.removeprefix("URI=")))).content
        elif name == "#EXT-X-PROGRAM-DATE-TIME":
            wall_us = round(datetime.fromisoformat(value).timestamp() * 1_000_000)
        elif name == "#EXTINF":
            lasts_us = round(float(value.rstrip(",")) * 1_000_000)
        elif line and not line.startswith("#"):
            segment = (await system.client.get(line)).content
            for ticks, number in await asyncio.to_thread(pictures, init + segment):
                found.walls.append(wall_us + ticks * 100 // 9)
                found.numbers.append(number)
            found.ends.append(wall_us + lasts_us)
    return found


def pictures(segment: bytes) -> list[tuple[int, int]]:
    """Ticks from the first, and number, of each in the order of their times."""
    with av.open(io.BytesIO(segment)) as container:
        assert isinstance(container, InputContainer)
        frames = [(each.pts or 0, read_frame_number(each)) for each in container.decode(video=0)]
    return [(pts - frames[0][0], number) for pts, number in frames]


async def test_the_same_wall_time_shows_the_same_moment_of_every_camera(tmp_path: Path) -> None:
    running = running_system(tmp_path, hour_seconds=HOUR_SECONDS)
    async with Simulator() as simulator, running as system:
        mounts = await record(system, simulator)
        began = datetime.now(UTC) - timedelta(minutes=1)
        found = await urls(system, began, datetime.now(UTC))
        cameras = {
            name: await shown(system, found[name], mounts[name], encoding)
            for name, encoding in CODED.items()
        }
        first_us = max(each.walls[0] for each in cameras.values())
        last_us = min(each.whole_until_us for each in cameras.values())
        assert last_us - first_us > HOUR_SECONDS * 1_000_000, "there is a turn of the hour"
        gaps = 0
        for at_us in range(first_us, last_us, 130_000):
            for name, camera in cameras.items():
                number = camera.number_at(at_us)
                if number is None:
                    assert name == "cam-cut-off"
                    gaps += 1
                else:
                    camera.check(at_us, number)
        assert gaps
        await in_a_browser(system, [cameras["cam-b-frames"], cameras["cam-cut-off"]], tmp_path)


async def in_a_browser(system: System, cameras: list[Shown], folder: Path) -> None:
    """hls.js too, before the gap and behind it."""
    script = hls_js()
    times = [cameras[-1].walls[0] + 2_033_000, cameras[-1].ends[-1] - 1_533_000]
    async with browser_page() as page:
        await page.goto(f"{system.base}/v2/health")
        await page.add_script_tag(content=script)
        for at_us in times:
            for camera in cameras:
                seen: dict[str, Any] = await evaluated(page, SHOW, [camera.url, at_us / 1000])
                assert abs(seen["at"] - at_us / 1000) < 50
                number = number_in(seen["png"], folder)
                camera.check(at_us, number)
                assert number == pytest.approx(camera.number_at(at_us), abs=1)
