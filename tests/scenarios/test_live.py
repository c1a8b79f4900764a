"""Live view as browsers get it: a camera's pictures over WebRTC, from its running pipeline."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import av
import httpx
import pytest

from app.live_client import LiveNearby
from media.live.sessions import LiveSessions
from media.simulator import Mount, Simulator
from tests.browser import browser_page, evaluated, whep_js
from tests.clips import AudioCodec, Encoding, frame_coded, read_frame_number
from tests.scenarios.playing import jpeg_frame_number
from tests.servers import Valkey
from tests.system import System, running_system
from tests.vms_processes import fleet, installation
from tests.watching import Watcher, accepted, offered, watcher
from tests.world import found, token

FPS, LAP = 25, 300
CODED = Encoding(fps=FPS, gop=50, audio="pcm_alaw")
START = """mutation ($camera: ID!, $offer: String!) {
  done: liveStart(cameraId: $camera, offer: $offer) {
    session { id answer expiresAt } hlsUrl userErrors { code field message } } }"""
STOP = """mutation ($id: ID!) { done: liveStop(id: $id) { endedId userErrors { code } } }"""


@dataclass(frozen=True, slots=True)
class Scene:
    system: System
    simulator: Simulator
    mount: Mount


@asynccontextmanager
async def filmed(folder: Path, encoding: Encoding = CODED) -> AsyncIterator[Scene]:
    """A running system with the camera `cam-a`, which has been online for some pictures."""
    async with Simulator() as simulator, running_system(folder) as system:
        mount = simulator.add("a", frame_coded(LAP, encoding))
        body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
        created = await system.client.post("/v2/api/cameras", json=body)
        assert created.status_code == 201
        async with asyncio.timeout(60):
            while (await status(system)) != "online":
                await asyncio.sleep(0.1)
        yield Scene(system, simulator, mount)


async def status(system: System) -> str:
    return str((await system.client.get("/v2/api/cameras")).json()[0]["status"])


async def asked(
    system: System, query: str, headers: Mapping[str, str] | None = None, **variables: str
) -> Any:
    body = {"query": query, "variables": variables}
    answer = (await system.client.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, answer
    return answer["data"]["done"]


def assert_moving(viewer: Watcher) -> None:
    """Each picture once, in order; a lap of the clip may end."""
    numbers = viewer.numbers
    steps = [after - before for before, after in itertools.pairwise(numbers)]
    assert {step % LAP for step in steps} == {1}, numbers


@pytest.mark.parametrize(
    ("audio", "told"),
    [("pcm_alaw", "8 PCMA/8000"), ("pcm_mulaw", "0 PCMU/8000"), ("opus", "96 opus/48000/2")],
)
async def test_the_cameras_own_pictures_and_sound_come_in_order_from_the_present_gop_on(
    tmp_path: Path, audio: AudioCodec, told: str
) -> None:
    encoding = replace(CODED, audio=audio)
    async with filmed(tmp_path, encoding) as scene, watcher("video", "audio") as viewer:
        answer = await offered(scene.system.client, "cam-a", viewer)
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/sdp")
        assert f"a=rtpmap:{told}" in answer.text
        assert "VP8" not in answer.text
        await viewer.seen(60)
        assert viewer.numbers[0] % CODED.gop == 0
        assert_moving(viewer)
        loud = [each for each in viewer.sounds if each > 4_000]
        quiet = [each for each in viewer.sounds if each < 400]
        assert min(len(loud), len(quiet)) > 10, viewer.sounds
        assert scene.mount.client_count == 1


async def test_of_sound_that_browsers_do_not_take_there_is_none_and_the_pictures_come(
    tmp_path: Path,
) -> None:
    encoding = replace(CODED, audio="aac")
    async with filmed(tmp_path, encoding) as scene, watcher("video", "audio") as viewer:
        answer = await offered(scene.system.client, "cam-a", viewer)
        sections = {each.split()[0]: each for each in answer.text.split("\r\nm=")[1:]}
        assert "a=inactive" in sections["audio"]
        await viewer.seen(30)
        assert_moving(viewer)
        assert viewer.sounds == []


async def test_what_is_shown_is_hardly_older_than_what_another_reader_gets(tmp_path: Path) -> None:
    latest: list[int] = []
    async with filmed(tmp_path) as scene, watcher() as viewer:
        reading = asyncio.create_task(asyncio.to_thread(read, scene.simulator.url("a"), latest))
        async with asyncio.timeout(60):
            while not latest:
                await asyncio.sleep(0.02)
        await offered(scene.system.client, "cam-a", viewer)
        await viewer.seen(40)
        behind = (latest[-1] - viewer.numbers[-1] + LAP // 2) % LAP - LAP // 2
        assert behind < FPS, (latest[-1], viewer.numbers[-1])
        await reading


def read(url: str, latest: list[int]) -> None:
    """Follows a camera directly for some seconds."""
    options = {"rtsp_transport": "tcp", "fflags": "nobuffer"}
    with av.open(url, options=options, timeout=10) as container:
        for frame in itertools.islice(container.decode(video=0), 120):
            latest.append(read_frame_number(frame))


async def test_graphql_begins_and_ends_it_and_other_tenants_can_do_neither(tmp_path: Path) -> None:
    async with filmed(tmp_path) as scene, watcher() as viewer, watcher() as stranger:
        system, foreign = scene.system, {"Authorization": f"Bearer {token('acme')}"}
        begun = await asked(system, START, camera="cam-a", offer=viewer.offer)
        assert (begun["hlsUrl"], begun["userErrors"]) == (None, [])
        session = begun["session"]
        assert isinstance(session, dict)
        assert session["expiresAt"] is not None
        await accepted(viewer, session["answer"])
        await viewer.seen(10)
        place = "/v2/live/cam-a/whep/" + session["id"].rpartition(".")[2]
        async with httpx.AsyncClient(base_url=system.base, headers=foreign) as client:
            assert (await client.delete(place)).status_code == 404
            assert (await offered(client, "cam-a", stranger)).status_code == 404
        refused = await asked(system, STOP, foreign, id=session["id"])
        assert refused == {"endedId": None, "userErrors": [{"code": "NOT_FOUND"}]}
        await viewer.seen(len(viewer.numbers) + 10)
        ended = await asked(system, STOP, id=session["id"])
        assert ended == {"endedId": session["id"], "userErrors": []}
        await viewer.ended()
        again = await asked(system, STOP, id=session["id"])
        assert again["userErrors"] == [{"code": "NOT_FOUND"}]


async def test_a_viewer_stays_while_the_camera_reconnects_and_goes_with_token_and_camera(
    tmp_path: Path,
) -> None:
    async with filmed(tmp_path) as scene, watcher() as brief, watcher() as viewer:
        client = scene.system.client
        short = {"Authorization": f"Bearer {token(ttl_seconds=4)}"}
        async with httpx.AsyncClient(base_url=scene.system.base, headers=short) as hasty:
            assert (await offered(hasty, "cam-a", brief)).status_code == 201
        assert (await offered(client, "cam-a", viewer)).status_code == 201
        await asyncio.gather(brief.seen(10), viewer.seen(10))
        await brief.ended()
        scene.mount.kick()
        before = len(viewer.numbers)
        await viewer.seen(before + 60)
        assert viewer.connection.connectionState == "connected"
        changed = await client.patch("/v2/api/cameras/cam-a", json={"enabled": False})
        assert changed.status_code == 200
        await viewer.ended()
        async with watcher() as late:
            answer = await offered(client, "cam-a", late)
            assert (answer.status_code, answer.json()["code"]) == (409, "CAMERA_NOT_LIVE")
            assert "retry-after" in answer.headers


@pytest.mark.parametrize(
    ("encoding", "code"),
    [
        (Encoding(fps=FPS, gop=25, codec="hevc"), "LIVE_CODEC_UNSUPPORTED"),
        (Encoding(fps=FPS, gop=25, pixels="yuv420p10le"), "LIVE_CODEC_UNSUPPORTED"),
        (Encoding(fps=FPS, gop=25, bframes=2), "LIVE_B_FRAMES"),
    ],
)
async def test_what_webrtc_cannot_show_is_refused_with_the_address_that_plays_it(
    tmp_path: Path, encoding: Encoding, code: str
) -> None:
    async with filmed(tmp_path, encoding) as scene, watcher() as viewer:
        system = scene.system
        answer = await offered(system.client, "cam-a", viewer)
        shown = answer.json()
        assert (answer.status_code, shown["code"]) == (406, code)
        told = await asked(system, START, camera="cam-a", offer=viewer.offer)
        assert told["session"] is None
        assert told["userErrors"] == [{"code": code, "field": None, "message": shown["detail"]}]
        async with asyncio.timeout(15), httpx.AsyncClient(base_url=system.base) as player:
            for url in (shown["hls_url"], str(told["hlsUrl"])):
                while (await player.get(url)).status_code != 200:
                    await asyncio.sleep(0.3)
        assert live_view(system).viewers == 0
        narrow = {"Authorization": f"Bearer {token(scope='live:read')}"}
        async with httpx.AsyncClient(base_url=system.base, headers=narrow) as client:
            answer = await offered(client, "cam-a", viewer)
        assert (answer.status_code, "hls_url" in answer.json()) == (406, False)


def live_view(system: System) -> LiveSessions:
    assert isinstance(system.world.live, LiveNearby)
    assert isinstance(system.world.live.here, LiveSessions)
    return system.world.live.here


SHOW = """
async ([url, token]) => {
  const connection = new RTCPeerConnection();
  connection.addTransceiver('video', { direction: 'recvonly' });
  connection.addTransceiver('audio', { direction: 'recvonly' });
  const video = document.createElement('video');
  video.muted = true;
  video.autoplay = true;
  document.body.appendChild(video);
  connection.ontrack = (event) => { video.srcObject = event.streams[0]; };
  await connection.setLocalDescription();
  const headers = { 'Content-Type': 'application/sdp', 'Authorization': `Bearer ${token}` };
  const body = connection.localDescription.sdp;
  const answer = await fetch(url, { method: 'POST', headers, body });
  if (answer.status !== 201) throw new Error(await answer.text());
  await connection.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  const asked = performance.now();
  const shown = [];
  let first = null;
  while (shown.length < 40) {
    await new Promise((done) => video.requestVideoFrameCallback(done));
    first ??= performance.now() - asked;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
    canvas.getContext('2d').drawImage(video, 0, 0);
    shown.push(canvas.toDataURL('image/png'));
  }
  const place = answer.headers.get('Location');
  const left = await fetch(place, { method: 'DELETE', headers });
  connection.close();
  return { shown, first, left: left.status };
}
"""


async def test_a_browser_shows_a_moving_picture(tmp_path: Path) -> None:
    async with filmed(tmp_path) as scene, browser_page() as page:
        await page.goto(f"{scene.system.base}/v2/health")
        url = f"{scene.system.base}/v2/live/cam-a/whep"
        result = await evaluated(page, SHOW, [url, token(scope="live:read")])
        numbers = [number_in(each) for each in result["shown"]]
        assert len(set(numbers)) > 20
        laps = [after < before for before, after in itertools.pairwise(numbers)]
        assert sum(laps) <= 1, numbers
        assert result["left"] == 200
        assert live_view(scene.system).viewers == 0


def number_in(data_url: str) -> int:
    content = io.BytesIO(base64.b64decode(data_url.partition(",")[2]))
    with av.open(content, "r", format="png_pipe") as container:
        return read_frame_number(next(container.decode(video=0)))


WATCH = """
async ([module, url, token]) => {
  const { WHEPClient } = await import('data:text/javascript;base64,' + btoa(module));
  const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
  connection.addTransceiver('video', { direction: 'recvonly' });
  connection.addTransceiver('audio', { direction: 'recvonly' });
  const video = document.createElement('video');
  [video.muted, video.autoplay] = [true, true];
  document.body.appendChild(video);
  const streams = new Set();
  connection.ontrack = (event) => {
    event.streams.forEach((stream) => streams.add(stream));
    video.srcObject = event.streams[0];
  };
  const client = new WHEPClient();
  await client.view(connection, url, token);
  while (video.currentTime < 1) {
    await new Promise((done) => video.requestVideoFrameCallback(done));
  }
  const kinds = [...streams].flatMap((stream) => stream.getTracks().map((track) => track.kind));
  await client.stop();
  return { streams: streams.size, kinds: kinds.sort() };
}
"""


async def test_a_foreign_whep_player_plays_and_trickles_in_vain(tmp_path: Path) -> None:
    module = whep_js()
    async with filmed(tmp_path) as scene, browser_page() as page:
        answered: list[tuple[str, int]] = []
        page.on("response", lambda each: answered.append((each.request.method, each.status)))
        await page.goto(f"{scene.system.base}/v2/health")
        url = f"{scene.system.base}/v2/live/cam-a/whep"
        shown = await evaluated(page, WATCH, [module, url, token(scope="live:read")])
        assert shown == {"streams": 1, "kinds": ["audio", "video"]}
        assert ("POST", 201) in answered
        assert {status for method, status in answered if method == "PATCH"} == {405}
        async with asyncio.timeout(10):
            while live_view(scene.system).viewers:
                await asyncio.sleep(0.1)


PICTURE = "query ($camera: ID!) { done: camera(id: $camera) { snapshotUrl } }"
SHOW_PICTURE = """
async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/png');
}
"""


@pytest.mark.parametrize("codec", ["h264", "hevc"])
async def test_a_page_shows_a_picture_of_now_without_a_header_until_the_camera_is_off(
    tmp_path: Path, codec: Literal["h264", "hevc"]
) -> None:
    encoding = Encoding(fps=FPS, gop=25, codec=codec)
    async with filmed(tmp_path, encoding) as scene, browser_page() as page:
        system = scene.system
        url = (await asked(system, PICTURE, camera="cam-a"))["snapshotUrl"]
        await page.goto(f"{system.base}/v2/health")
        first = number_in(await evaluated(page, SHOW_PICTURE, url))
        await asyncio.sleep(2.5)
        later = number_in(await evaluated(page, SHOW_PICTURE, f"{url}&again"))
        assert (first % encoding.gop, later % encoding.gop) == (0, 0)
        assert (later - first) % LAP in (50, 75), (first, later)
        foreign = {"Authorization": f"Bearer {token('acme')}"}
        assert await asked(system, PICTURE, foreign, camera="cam-a") is None
        await system.client.patch("/v2/api/cameras/cam-a", json={"enabled": False})
        async with httpx.AsyncClient(base_url=system.base) as client:
            refused = await client.get(str(url))
        assert (refused.status_code, refused.json()["code"]) == (409, "CAMERA_NOT_LIVE")
        assert (await asked(system, PICTURE, camera="cam-a"))["snapshotUrl"] is None


async def test_a_worker_shows_its_cameras_to_viewers_who_ask_another_process(
    tmp_path: Path, valkey: Valkey, empty_database: str
) -> None:
    await found(empty_database)
    settings = installation(empty_database, valkey.url)
    headers = {"Authorization": f"Bearer {token()}"}
    async with Simulator() as simulator, fleet(tmp_path, settings) as running, watcher() as viewer:
        simulator.add("a", frame_coded(LAP, CODED))
        api, worker = await asyncio.gather(
            running.start("api", "api"), running.start("worker", "w")
        )
        async with httpx.AsyncClient(base_url=f"http://{api.address}", headers=headers) as client:
            body = {"id": "cam-a", "name": "A", "rtsp_url": simulator.url("a")}
            assert (await client.post("/v2/api/cameras", json=body)).status_code == 201
            async with asyncio.timeout(60):
                # Not live yet, or the worker is too busy with its start to answer.
                while (answer := await offered(client, "cam-a", viewer)).status_code in (409, 503):
                    await asyncio.sleep(0.2)
            assert answer.status_code == 201, (answer.text, worker.log)
            await viewer.seen(40)
            assert_moving(viewer)
            picture = await client.get("/v2/live/cam-a/snapshot.jpg")
            assert jpeg_frame_number(picture.content, tmp_path) % CODED.gop == 0
            assert (await client.delete(viewer.place)).status_code == 200
            await viewer.ended()
            async with watcher() as another:
                assert (await offered(client, "cam-a", another)).status_code == 201
                await another.seen(10)
                await worker.stop()
                await another.ended()
                refused = await offered(client, "cam-a", viewer)
                assert (await client.get("/v2/live/cam-a/snapshot.jpg")).status_code == 409
            assert (refused.status_code, refused.json()["code"]) == (409, "CAMERA_NOT_LIVE")
        for process in (api, worker):
            assert token() not in process.log
            assert "ice-pwd" not in process.log
