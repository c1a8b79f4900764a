from __future__ import annotations

import pytest

from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_of
from tests.world import add_camera

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
