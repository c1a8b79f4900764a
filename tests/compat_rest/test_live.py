from __future__ import annotations

from dataclasses import replace

import pytest

from resolvers.camera_input import CameraChanges
from resolvers.cameras import camera_update
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_of
from tests.matrix import PictureInH265
from tests.world import add_camera, context

WHEP = "/v2/live/cam-front-01/whep"
SDP = {"Content-Type": "application/sdp"}


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/sdpx", ""])
async def test_an_offer_of_another_media_type_is_told_the_right_one(
    world: World, kind: str
) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        answer = await client.post(WHEP, content="v=0", headers={"Content-Type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (415, PROBLEM)
    assert answer.headers["accept-post"] == "application/sdp"
    assert answer.json()["code"] == "UNSUPPORTED_MEDIA_TYPE"


async def test_a_camera_that_is_off_has_no_live_view_now(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        answer = await client.post(WHEP, content="v=0", headers=SDP)
    assert (answer.status_code, answer.json()["code"]) == (409, "CAMERA_NOT_LIVE")
    assert int(answer.headers["retry-after"]) > 0


async def test_bytes_that_are_no_text_are_no_offer(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        answer = await client.post(WHEP, content=b"\xff\xfe", headers=SDP)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "offer")


async def test_a_token_in_the_address_is_none(world: World) -> None:
    await add_camera(world)
    async with client_of(world) as client:
        bearer = client.headers.pop("authorization").removeprefix("Bearer ")
        answer = await client.post(f"{WHEP}?token={bearer}", content="v=0", headers=SDP)
    assert answer.status_code == 401
    assert bearer not in answer.text


SNAPSHOT = "/v2/live/cam-front-01/snapshot.jpg"


async def test_a_picture_now_says_when_it_came_and_is_kept_for_a_second(world: World) -> None:
    await add_camera(world)
    await camera_update(context(world), "cam-front-01", CameraChanges(enabled=True))
    async with client_of(replace(world, live=PictureInH265())) as client:
        answer = await client.get(SNAPSHOT)
        assert (answer.status_code, answer.content) == (200, b"jpeg")
        told = answer.headers
        assert (told["content-type"], told["cache-control"]) == ("image/jpeg", "private, max-age=1")
        assert told["last-modified"] == "Fri, 29 May 2026 12:00:00 GMT"
        again = await client.get(SNAPSHOT, headers={"If-None-Match": told["etag"]})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", told["etag"])
        other = await client.get(SNAPSHOT, headers={"If-None-Match": '"1"'})
        assert other.status_code == 200


async def test_a_camera_that_is_off_has_no_picture_now(world: World) -> None:
    await add_camera(world)
    async with client_of(replace(world, live=PictureInH265())) as client:
        answer = await client.get(SNAPSHOT)
    assert (answer.status_code, answer.headers["content-type"]) == (409, PROBLEM)
    assert answer.json()["code"] == "CAMERA_NOT_LIVE"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("address", "allowed", "posted"),
    [
        (WHEP, "GET, HEAD, OPTIONS, POST", "application/sdp"),
        (f"{WHEP}/{'0' * 32}", "DELETE, GET, HEAD, OPTIONS", None),
    ],
)
async def test_whep_addresses_say_what_may_be_done_with_them_and_show_nothing(
    world: World, address: str, allowed: str, posted: str | None
) -> None:
    async with client_of(world, "") as client:
        asked = await client.options(address)
        assert (asked.status_code, asked.content, asked.headers["allow"]) == (200, b"", allowed)
        assert asked.headers.get("accept-post") == posted
        for method in ("GET", "HEAD"):
            shown = await client.request(method, address)
            assert (shown.status_code, shown.content) == (204, b"")


async def test_there_is_no_trickle_to_a_session(world: World) -> None:
    fragment = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
    async with client_of(world) as client:
        answer = await client.patch(f"{WHEP}/{'0' * 32}", content="a=x", headers=fragment)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
