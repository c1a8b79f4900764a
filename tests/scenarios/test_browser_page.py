"""One page plays all there is of a camera: live, recorded, across a gap, across an hour."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from media.simulator import Simulator
from tests.browser import browser_page, evaluated, hls_js, whep_js
from tests.clips import Encoding, frame_coded
from tests.scenarios.test_live import WATCH, number_in
from tests.system import System, running_system
from tests.world import token

FPS, LAP, HOUR_SECONDS = 25, 1500, 20
CODED = Encoding(fps=FPS, gop=FPS)
PLAYER_LOOKS = 0.4
"""Seconds in which hls.js notices that it plays another fragment: `playingDate` is late there."""
PLAYED = """query ($from: DateTime!, $to: DateTime!) { camera(id: "cam-a") {
  coverage(from: $from, to: $to) { intervals { from to recorded } }
  playback(from: $from, to: $to) { playlistUrl iFramesUrl } } }"""

PLAYER = """
window.opened = async (url) => {
  window.hls?.destroy();
  window.video?.remove();
  const video = window.video = document.createElement('video');
  video.muted = true;
  document.body.appendChild(video);
  window.hls = new Hls({ startPosition: 0 });
  window.faults = [];
  hls.on(Hls.Events.ERROR, (_, fault) => faults.push(fault.details));
  hls.loadSource(url);
  hls.attachMedia(video);
  await new Promise((done) => video.addEventListener('loadeddata', done, { once: true }));
};
window.drawn = (video) => {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png');
};
window.played = async (from, until) => {
  const seeked = new Promise((done) => video.addEventListener('seeked', done, { once: true }));
  video.currentTime = from;
  await seeked;
  const seen = [];
  const playing = video.play();
  while (video.currentTime < until) {
    const { mediaTime } = await new Promise((done) =>
      video.requestVideoFrameCallback((_, frame) => done(frame)));
    const behind = video.currentTime - mediaTime;
    const date = hls.playingDate.getTime() / 1000 - behind;
    seen.push({ time: mediaTime, date, png: drawn(video) });
  }
  await playing;
  video.pause();
  return seen;
};
window.scrubbed = async (url, iFrames, times) => {
  const type = 'BANDWIDTH=500000,CODECS="avc1.42c01e",RESOLUTION=320x240';
  const both = ['#EXTM3U', `#EXT-X-STREAM-INF:${type}`, new URL(url, location).href,
    `#EXT-X-I-FRAME-STREAM-INF:${type},URI="${new URL(iFrames, location).href}"`];
  await opened(URL.createObjectURL(new Blob([both.join('\\n')])));
  const small = document.createElement('video');
  small.muted = true;
  document.body.appendChild(small);
  const player = hls.createIFramePlayer();
  player.attachMedia(small);
  const pictures = [];
  for (const time of times) {
    while (small.seeking || small.readyState < 2 || Math.abs(small.currentTime - time) > 0.2) {
      player.loadMediaAt(time, { seekOnAppend: true });  // again: hls.js may drop a wish
      await new Promise((done) => setTimeout(done, 1000));
    }
    pictures.push(drawn(small));
  }
  player.destroy();
  return pictures;
};
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture: its place in the player, the wall time that the player tells, its number."""

    time: float
    date: float
    number: int


async def played(page: Page, start: float, end: float) -> list[Seen]:
    found = await evaluated(page, "([from, until]) => played(from, until)", [start, end])
    assert await evaluated(page, "faults.filter((each) => each !== 'bufferStalledError')") == []
    seen = [Seen(each["time"], each["date"], number_in(each["png"])) for each in found]
    assert len(seen) > FPS, "hardly a picture was shown"
    return sorted({each.time: each for each in seen}.values(), key=lambda each: each.time)


def assert_even(seen: Sequence[Seen]) -> None:
    """Pictures, places and wall time go on together."""
    first = seen[0]
    for each in seen:
        passed = each.time - first.time
        assert each.date - first.date == pytest.approx(passed, abs=0.06), seen
        assert abs((each.number - first.number) % LAP - passed * FPS) < 1.5, seen


@dataclass(frozen=True, slots=True)
class Footage:
    """Wall times, in seconds: of two recorded parts with a gap between, the second over a turn."""

    began: float
    cut: float
    again: float
    end: float
    playlist_url: str
    i_frames_url: str

    @property
    def turn(self) -> float:
        """Where in the player the hour turns."""
        turn = self.end // HOUR_SECONDS * HOUR_SECONDS
        return turn - self.again + self.gap

    @property
    def gap(self) -> float:
        """Where in the player the gap is."""
        return self.cut - self.began


async def footage(system: System, since: datetime) -> Footage:
    now = datetime.fromtimestamp(system.world.clock.now_us() / 1e6, tz=since.tzinfo)
    whole = await _asked(system, since, now)
    parts = [each for each in whole["coverage"]["intervals"] if each["recorded"]]
    assert len(parts) == 2, parts
    times = [datetime.fromisoformat(each[end]) for each in parts for end in ("from", "to")]
    addresses = (await _asked(system, times[0], times[3]))["playback"]
    began, cut, again, end = (each.timestamp() for each in times)
    return Footage(began, cut, again, end, addresses["playlistUrl"], addresses["iFramesUrl"])


async def _asked(system: System, start: datetime, end: datetime) -> Any:
    variables = {"from": start.isoformat(), "to": end.isoformat()}
    body = {"query": PLAYED, "variables": variables}
    answer = (await system.client.post("/graphql", json=body)).json()
    assert "errors" not in answer, answer
    return answer["data"]["camera"]


async def until_in_hour(system: System, second: float) -> None:
    """Waits for the next time that so much of an hour is over."""
    now = system.world.clock.now_us() / 1e6
    await asyncio.sleep((second - now) % HOUR_SECONDS)


async def growing_hour_is_followed(system: System, page: Page) -> None:
    """hls.js waits for the next segment at the server, and the hour gets longer in the player."""
    asked: list[str] = []
    page.on("request", lambda each: asked.append(each.url))
    hour = system.world.store.hour_of(system.world.clock.now_us())
    url = f"{system.base}/v2/hls/cam-a/{hour}/index.m3u8?token={token()}"
    await evaluated(page, "(url) => opened(url)", url)
    before = await evaluated(page, "hls.latestLevelDetails.totalduration")
    await page.wait_for_function(
        "(before) => hls.latestLevelDetails.totalduration > before", arg=before
    )
    assert any("_HLS_msn=" in each for each in asked)


async def test_one_page_plays_live_recorded_across_a_gap_across_an_hour_and_scrubs(
    tmp_path: Path,
) -> None:
    player, whep = hls_js(), whep_js()
    async with (
        Simulator() as simulator,
        running_system(tmp_path, hour_seconds=HOUR_SECONDS) as system,
        browser_page() as page,
    ):
        await page.goto(f"{system.base}/v2/health")
        await page.add_script_tag(content=player)
        await page.add_script_tag(content=PLAYER)
        mount = simulator.add("a", frame_coded(LAP, CODED))
        await until_in_hour(system, 0)
        body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
        created = await system.client.post("/v2/api/cameras", json=body)
        since = datetime.fromisoformat(created.json()["created_at"])
        await until_in_hour(system, 6)
        mount.kick()
        await until_in_hour(system, 9)
        await growing_hour_is_followed(system, page)
        live = [whep, f"{system.base}/v2/live/cam-a/whep", token(scope="live:read")]
        assert (await evaluated(page, WATCH, live))["kinds"] == ["video"]
        await until_in_hour(system, 9)
        found = await footage(system, since)
        await evaluated(page, "(url) => opened(url)", f"{system.base}{found.playlist_url}")
        await shown(page, found)
        await scrubbed(page, system, found)


async def shown(page: Page, found: Footage) -> None:
    recorded = await played(page, 0.5, 2.5)
    assert recorded[0].date == pytest.approx(found.began + recorded[0].time, abs=0.06)
    assert_even(recorded)
    across = await played(page, found.gap - 1.5, found.gap + 1.5)
    before = [each for each in across if each.time < found.gap - 0.01]
    after = [each for each in across if each.time > found.gap + PLAYER_LOOKS]
    assert_even(before)
    assert_even(after)
    leap = (after[0].date - before[0].date) - (after[0].time - before[0].time)
    assert leap == pytest.approx(found.again - found.cut, abs=0.06)
    filmed = (after[0].number - before[0].number) % LAP / FPS
    assert filmed == pytest.approx(after[0].date - before[0].date, abs=0.3)
    over = await played(page, found.turn - 1.5, found.turn + 1.5)
    assert over[0].time < found.turn < over[-1].time
    assert_even(over)


async def scrubbed(page: Page, system: System, found: Footage) -> None:
    """The I-frame player shows the picture that each segment begins with."""
    playlist, i_frames = system.base + found.playlist_url, system.base + found.i_frames_url
    times = [0.1, found.gap + 0.1, found.turn + 0.1]
    script = "([url, iFrames, times]) => scrubbed(url, iFrames, times)"
    pictures = await evaluated(page, script, [playlist, i_frames, times])
    assert all(number_in(each) % FPS == 0 for each in pictures)
    assert len({number_in(each) for each in pictures}) == len(times)
