"""hls.js in Chromium shows every picture round a reconnect, however sound ends and begins there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Route

from media.playlist import Playlist, render
from media.store import RecordingStore
from tests.browser import browser_page, evaluated, hls_js, running_browser
from tests.clips import AudioCodec, Encoding, frame_coded
from tests.media.from_clip import Ends, record
from tests.media.recorded import CAMERA, hours
from tests.media.test_anchor import HandClock
from tests.scenarios.test_browser_playback import number_in

SITE = "http://footage.test"
PICTURES = 119
"""In the first run: it ends within a GOP, behind B-frames."""
FIRST_S, SECOND_S = PICTURES / 25, 4.0
SILENT = Encoding(fps=25, gop=25, bframes=2)
NARROW = replace(SILENT, audio="pcm_alaw")
WIDE = replace(SILENT, audio="aac", channels=2)
CHANGES = {
    "on": (SILENT, WIDE),
    "off": (WIDE, SILENT),
    "on-narrow": (SILENT, NARROW),
    "off-narrow": (NARROW, SILENT),
    "wider": (NARROW, WIDE),
    "narrower": (WIDE, NARROW),
    "never": (SILENT, SILENT),
}
LOAD = """
async ([url, startPosition]) => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.appendChild(video);
  const hls = new Hls({ startPosition });
  hls.loadSource(url);
  hls.attachMedia(video);
  const first = new Promise((done) => video.requestVideoFrameCallback(done));
  await new Promise((done) => hls.on(Hls.Events.BUFFERED_TO_END, done));
  await Promise.race([first, new Promise((done) => setTimeout(done, 1000))]);
  window.player = { video, hls };
  return [...Array(video.buffered.length).keys()].map((at) =>
    [video.buffered.start(at), video.buffered.end(at)]);
}
"""
SEEK = """
async ([offset]) => {
  const { video } = window.player;
  const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
  const seeked = new Promise((done) => video.addEventListener('seeked', done, { once: true }));
  const isShown = Math.abs(video.currentTime - offset) < 0.01;  // then no picture is drawn
  const drawn = isShown || Promise.race([
    new Promise((done) => video.requestVideoFrameCallback(done)), later(1000)]);
  video.currentTime = offset;
  await seeked;
  await drawn;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.toDataURL('image/png');
}
"""


@dataclass(frozen=True, slots=True)
class Side:
    """Of a reconnect: a run of a clip."""

    coded: Encoding
    ends: Ends


def footage(root: Path, first: Side, second: Side) -> tuple[Path, Playlist]:
    """Two runs in a folder with a playlist, `all.m3u8`."""
    store, clock = RecordingStore(root, 3600), HandClock()
    position = record(store, frame_coded(200, first.coded), first.ends, 0, clock)
    clock.go(1_000_000)
    record(store, frame_coded(200, second.coded), second.ends, position, clock)
    (hour,) = hours(store)
    folder, found = store.hour_path(CAMERA, hour), store.playlist(CAMERA, hour)
    (folder / "all.m3u8").write_text(render(found.segments, str, ended=True))
    return folder, found


def places(found: Playlist, fps: int = 25) -> list[tuple[float, int]]:
    """Offsets to look at, and the number that the picture there carries."""
    begin, end = found.segments[0].position, found.segments[-1].end_position
    again = next(one.position for one in found.segments if one.discontinuity)
    first, second = (again - begin) * fps // 90_000, (end - again) * fps // 90_000
    looks = [(0, n) for n in (0, first - 12, first - 3, first - 1)]
    looks += [(again - begin, n) for n in (0, 1, 4, 12, 24, 25, second - 12)]
    return [(begin_at / 90_000 + n / fps + 3e-6, n) for begin_at, n in looks]


async def serve(page: Page, folder: Path) -> None:
    async def answer(route: Route) -> None:
        path = folder / route.request.url.rpartition("/")[2]
        if path.is_file():
            await route.fulfill(path=path)
        else:
            await route.fulfill(body="<!doctype html>", content_type="text/html")

    await page.route(f"{SITE}/**", answer)
    await page.goto(f"{SITE}/")


async def shown_numbers(page: Page, offsets: Sequence[float], folder: Path) -> list[int]:
    return [number_in(await evaluated(page, SEEK, [offset]), folder) for offset in offsets]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Ends(FIRST_S, 0.0, FIRST_S - 0.3), Ends(SECOND_S, 0.3, SECOND_S)),
        (Ends(FIRST_S, 0.0, FIRST_S + 0.4), Ends(SECOND_S, 0.07, SECOND_S)),
        (Ends(FIRST_S, 9.0, 9.0), Ends(SECOND_S, 0.0, SECOND_S + 1)),
    ],
    ids=["ends-early", "ends-late", "is-missing"],
)
@pytest.mark.parametrize(("audio", "bframes"), [("aac", 2), ("pcm_alaw", 0)])
async def test_every_picture_round_a_reconnect_is_shown_whatever_sound_does(
    tmp_path: Path, audio: AudioCodec, bframes: int, first: Ends, second: Ends
) -> None:
    coded = Encoding(fps=25, gop=25, bframes=bframes, audio=audio)
    script = hls_js()
    folder, found = footage(tmp_path, Side(coded, first), Side(coded, second))
    async with browser_page() as page:
        await serve(page, folder)
        await page.add_script_tag(content=script)
        buffered: list[Any] = await evaluated(page, LOAD, [f"{SITE}/all.m3u8", 0])
        offsets = [offset for offset, _ in places(found)]
        shown = await shown_numbers(page, offsets, tmp_path)

    assert shown == [number for _, number in places(found)]
    assert len(buffered) == 1, buffered


@pytest.mark.parametrize(
    ("audio", "fps", "bframes"), [("aac", 30, 0), ("pcm_alaw", 25, 2), (None, 30, 0)]
)
async def test_what_is_before_a_reconnect_may_be_loaded_after_what_is_behind_it(
    tmp_path: Path, audio: AudioCodec | None, fps: int, bframes: int
) -> None:
    """Also where pictures, samples and microseconds don't meet: 30 pictures a second."""
    coded = Encoding(fps=fps, gop=25, bframes=bframes, audio=audio)
    script = hls_js()
    first, second = Ends(PICTURES / fps, 0.0, 6.0), Ends(SECOND_S, 0.0, SECOND_S)
    folder, found = footage(tmp_path, Side(coded, first), Side(coded, second))
    before, behind = places(found, fps)[1:4], places(found, fps)[4:]
    looks = [behind[3], *before, *behind]
    async with browser_page() as page:
        await serve(page, folder)
        await page.add_script_tag(content=script)
        await evaluated(page, LOAD, [f"{SITE}/all.m3u8", behind[0][0] + 0.1])
        shown = await shown_numbers(page, [offset for offset, _ in looks], tmp_path)

    assert shown == [number for _, number in looks]


@pytest.mark.parametrize(("first", "second"), CHANGES.values(), ids=CHANGES.keys())
async def test_sound_may_be_switched_on_or_off_or_change_at_a_reconnect(
    tmp_path: Path, first: Encoding, second: Encoding
) -> None:
    """Init segments of other tracks stop hls.js for good."""
    script = hls_js()
    ends = Ends(FIRST_S, 0.0, FIRST_S + 0.4), Ends(SECOND_S, 0.0, SECOND_S)
    folder, found = footage(tmp_path, Side(first, ends[0]), Side(second, ends[1]))
    before, behind = places(found)[1:4], places(found)[4:]
    shown = []
    orders = (0.0, places(found)), (behind[0][0] + 0.1, [behind[3], *before, *behind])
    async with running_browser() as browser:
        for start, looks in orders:
            page = await browser.new_page()
            await serve(page, folder)
            await page.add_script_tag(content=script)
            await evaluated(page, LOAD, [f"{SITE}/all.m3u8", start])
            numbers = await shown_numbers(page, [offset for offset, _ in looks], tmp_path)
            shown.append((numbers, [number for _, number in looks]))
            await page.close()

    assert [numbers for numbers, _ in shown] == [wanted for _, wanted in shown]
