from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.calls import Call, CallKey, digest_of
from app.live_client import LiveClient
from app.worker_port import worker_app
from media.clock import SystemClock
from media.live.feed import LiveFeeds
from media.live.sessions import LiveOptions, LiveSessions
from media.live.signals import LiveCamera, LiveOffer, LiveRefusal, LiveRefused
from media.store import CameraFolder, RecordingStore
from models.lease import WorkerTable
from resolvers import leases
from resolvers.context import World
from resolvers.errors import Unavailable
from resolvers.leases import Wanted

KEY = CallKey("g" * 32, SystemClock())
CAMERA = LiveCamera(CameraFolder("default", "cam-a.01234567"), uuid4())
PATH = f"/live/{CAMERA.key}"
BODY = b'{"sdp":"v=0","expires_us":null}'


async def test_a_call_is_good_for_the_body_that_was_signed_and_its_camera(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    live = LiveSessions(LiveFeeds(SystemClock()), SystemClock(), LiveOptions())
    app = httpx.ASGITransport(worker_app(store, KEY, live=live))

    async def answered(digest: str | None, camera: CameraFolder | None) -> httpx.Response:
        call = Call(store.store_id, "POST", PATH, camera, digest)
        headers = {"Authorization": KEY.authorization(call)}
        return await client.post(PATH, content=BODY, headers=headers)

    async with httpx.AsyncClient(transport=app, base_url="http://worker.test") as client:
        good = await answered(digest_of(BODY), CAMERA.folder)
        assert (good.status_code, good.json()["code"]) == (409, "CAMERA_NOT_LIVE")
        for digest in (None, digest_of(b""), digest_of(BODY + b" ")):
            assert (await answered(digest, CAMERA.folder)).status_code == 401
        assert (await answered(digest_of(BODY), None)).status_code == 404
        assert (await client.post(PATH, content=BODY)).status_code == 401
    assert live.viewers == 0


async def test_a_picture_is_of_the_camera_that_was_signed(tmp_path: Path) -> None:
    store, path = RecordingStore(tmp_path), f"/picture/{CAMERA.key}"
    live = LiveSessions(LiveFeeds(SystemClock()), SystemClock(), LiveOptions())
    app = httpx.ASGITransport(worker_app(store, KEY, live=live))
    async with httpx.AsyncClient(transport=app, base_url="http://worker.test") as client:
        for camera, status in ((CAMERA.folder, 409), (None, 404)):
            call = Call(store.store_id, "GET", path, camera, digest_of(b""))
            headers = {"Authorization": KEY.authorization(call)}
            answer = await client.get(path, headers=headers)
            assert answer.status_code == status
        assert (await client.get(path)).status_code == 401


async def test_a_process_without_live_view_makes_no_pictures() -> None:
    options = LiveOptions(viewers=0)
    live = LiveSessions(LiveFeeds(SystemClock()), SystemClock(), options)
    with pytest.raises(LiveRefused) as refused:
        await live.picture(CAMERA)
    assert refused.value.code is LiveRefusal.VIEWERS_REACHED
    assert live.pictures.count == 0


@pytest.mark.parametrize("address", [None, "http://127.0.0.1:9"])
async def test_a_worker_that_cannot_be_reached_is_said_to_be_away(
    world: World, address: str | None
) -> None:
    client = LiveClient(KEY)
    with pytest.raises(LiveRefused) as nobody:
        await client.start(CAMERA, LiveOffer("v=0"))
    assert nobody.value.code is LiveRefusal.CAMERA_NOT_LIVE
    assert not await client.stop(CAMERA, uuid4())
    with pytest.raises(LiveRefused):
        await client.picture(CAMERA)
    worker, now_us = uuid4(), world.clock.now_us()
    await WorkerTable.create(
        id=worker, name="w", address=address, store_id=uuid4(), started_us=now_us, seen_us=now_us
    )
    await leases.take(world, worker, [Wanted("default", CAMERA.key)])
    with pytest.raises(Unavailable, match="not reachable"):
        await client.start(CAMERA, LiveOffer("v=0"))
    with pytest.raises(Unavailable, match="not reachable"):
        await client.picture(CAMERA)
    await client.close()
