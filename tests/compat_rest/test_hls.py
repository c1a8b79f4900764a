from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from media.store import CameraFolder, Hour
from models.camera import Camera
from resolvers import playback
from resolvers.access import Interval, Scope
from resolvers.context import World
from tests.compat_rest.service import PROBLEM, client_for, client_of, served
from tests.footage import INIT, TICKS, lay_down, segment
from tests.world import add_camera, add_events, beginning, context, token

NOON = 1_780_056_000_000_000  # 2026-05-29T12:00:00Z
SECOND = 1_000_000
HOUR = 3600 * SECOND
PLACE = "/v2/hls/cam-a/2026-05-29/12"
SHOT = b"\xff\xd8 a picture of "


async def add_footage(world: World, tenant_id: str = "default", slug: str = "cam-a") -> Camera:
    """An hour with an init segment, two media segments and a picture at 12:00:01."""
    camera = await add_camera(world, slug, tenant_id)
    run = uuid4()
    parts = [segment(NOON + n * 4 * SECOND, n * 4 * TICKS, run_id=run) for n in range(2)]
    lay_down(world, camera, parts, ended=True)
    folder = CameraFolder(camera.tenant_id, camera.folder)
    world.store.save_snapshot(folder, NOON + SECOND, SHOT + tenant_id.encode())
    return camera


def bare(world: World) -> httpx.AsyncClient:
    """A player: it sends no headers of its own."""
    return client_of(world, "")


async def test_a_playlist_is_hls_with_addresses_a_bare_player_can_fetch(world: World) -> None:
    await add_footage(world)
    async with client_of(world) as client:
        answer = await client.get(f"{PLACE}/index.m3u8")
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert answer.headers["cache-control"] == "private, no-cache"
    text = answer.text
    assert text.startswith("#EXTM3U\n")
    assert "#EXT-X-PLAYLIST-TYPE:VOD" in text
    assert text.endswith("#EXT-X-ENDLIST\n")
    named = re.findall(r'(?:URI="|^)(/v2/hls/[^"\s]+)', text, re.MULTILINE)
    assert [urlsplit(each).path for each in named] == [
        f"{PLACE}/{INIT}",
        f"{PLACE}/120000_000.m4s",
        f"{PLACE}/120004_000.m4s",
    ]
    async with bare(world) as player:
        bodies = [await player.get(each) for each in named]
    assert [each.status_code for each in bodies] == [200, 200, 200]
    assert [each.content for each in bodies] == [
        b"init of default",
        b"\0" * 1000,
        b"\1" * 1000,
    ]
    assert [each.headers["content-type"] for each in bodies] == [
        "video/mp4",
        "video/iso.segment",
        "video/iso.segment",
    ]


async def test_the_users_own_token_is_in_no_playlist(world: World) -> None:
    await add_footage(world)
    jwt = token()
    async with bare(world) as player:
        answer = await player.get(f"{PLACE}/index.m3u8?token={jwt}")
    assert answer.status_code == 200
    assert jwt not in answer.text
    assert jwt.split(".")[1] not in answer.text
    assert all(jwt not in value for value in answer.headers.values())


async def test_a_player_may_bring_a_token_or_a_grant(world: World) -> None:
    await add_footage(world)
    grant = world.identity.sign_grant(context(world).actor, "cam-a", Interval(NOON, NOON + HOUR))
    async with bare(world) as player:
        for name in ("index.m3u8", INIT, "120000_000.m4s", "snap-1000.jpg"):
            for query in (f"token={token()}", f"grant={grant}"):
                answer = await player.get(f"{PLACE}/{name}?{query}")
                assert answer.status_code == 200, (name, query, answer.text)
            naked = await player.get(f"{PLACE}/{name}")
            assert (naked.status_code, naked.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_picture_is_a_jpeg(world: World) -> None:
    await add_footage(world)
    async with client_of(world) as client:
        answer = await client.get(f"{PLACE}/snap-1000.jpg")
    assert (answer.content, answer.headers["content-type"]) == (SHOT + b"default", "image/jpeg")


async def test_an_events_snapshot_url_opens_with_a_token(world: World) -> None:
    camera = await add_footage(world)
    folder = CameraFolder(camera.tenant_id, camera.folder)
    shot = world.store.save_snapshot(folder, NOON + 2 * SECOND, b"jpeg")
    await add_events(world, camera, [beginning(camera.key, NOON + 2 * SECOND, snapshot=shot)])
    async with client_of(world) as client:
        (event,) = (await client.get("/v2/api/events")).json()
        answer = await client.get(event["snapshot_url"])
    assert answer.content == b"jpeg"


async def test_a_grant_opens_its_camera_and_time_alone(world: World) -> None:
    await add_footage(world)
    await add_footage(world, slug="cam-b")
    whole = Interval(NOON, NOON + HOUR)
    for place, camera_id, allowed in (
        (PLACE, "cam-b", whole),
        (PLACE, "cam-a", Interval(NOON + HOUR, NOON + 2 * HOUR)),
    ):
        grant = world.identity.sign_grant(context(world).actor, camera_id, allowed)
        async with bare(world) as player:
            for name in ("index.m3u8", "120000_000.m4s", "snap-1000.jpg"):
                answer = await player.get(f"{place}/{name}?grant={grant}")
                assert answer.status_code == 404, (name, camera_id)
            api = await player.get(f"/v2/api/cameras?grant={grant}")
            assert api.status_code == 401


async def test_a_grant_is_no_token_and_a_token_no_grant(world: World) -> None:
    await add_footage(world)
    grant = world.identity.sign_grant(context(world).actor, "cam-a", Interval(NOON, NOON + HOUR))
    async with bare(world) as player:
        for query in (f"token={grant}", f"grant={token()}", f"token={token()}x&grant={grant}"):
            answer = await player.get(f"{PLACE}/index.m3u8?{query}")
            assert (answer.status_code, answer.headers["content-type"]) == (401, PROBLEM)
            assert grant not in answer.text
        api = await player.get("/v2/api/cameras", headers={"Authorization": f"Bearer {grant}"})
        assert api.status_code == 401


async def test_a_grant_ends(world: World) -> None:
    await add_footage(world)
    over = replace(context(world).actor, expires_us=world.clock.now_us() - SECOND)
    grant = world.identity.sign_grant(over, "cam-a", Interval(NOON, NOON + HOUR))
    async with bare(world) as player:
        answer = await player.get(f"{PLACE}/120000_000.m4s?grant={grant}")
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_EXPIRED")


async def test_an_interval_plays_over_its_signed_address(world: World) -> None:
    await add_footage(world)
    wanted = Interval(NOON + SECOND, NOON + 5 * SECOND)
    found = await playback.playback(context(world), "cam-a", wanted)
    async with bare(world) as player:
        answer = await player.get(found.playlist_url)
        named = re.findall(r"^(/v2/hls/\S+)", answer.text, re.MULTILINE)
        assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
        assert len(named) == 2
        assert (await player.get(named[1])).content == b"\1" * 1000


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["from_us", "to_us"]),
        ("from_us=1", ["to_us"]),
        ("from_us=x&to_us=-5", ["from_us", "to_us"]),
        ("from_us=5&to_us=5", ["to_us"]),
        (f"from_us=0&to_us={90_000 * SECOND}", ["to_us"]),
        (f"from_us={NOON}&to_us={'9' * 18}", ["to_us"]),
        (f"from_us={NOON}&to_us={'9' * 30}", ["to_us"]),
        (f"from_us={NOON}&from_us={NOON}&to_us={NOON + 1}", ["from_us"]),
    ],
)
async def test_wrong_intervals_are_named(world: World, query: str, fields: list[str]) -> None:
    await add_footage(world)
    async with client_of(world) as client:
        answer = await client.get(f"/v2/hls/cam-a/index.m3u8?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert [each["field"] for each in answer.json()["errors"]] == fields


async def test_an_interval_without_footage_is_not_found(world: World) -> None:
    await add_footage(world)
    async with client_of(world) as client:
        answer = await client.get(f"/v2/hls/cam-a/index.m3u8?from_us=0&to_us={SECOND}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_playing_needs_its_scope(world: World) -> None:
    await add_footage(world)
    others = [scope for scope in Scope if scope not in {Scope.PLAYBACK_READ, Scope.TENANT_ADMIN}]
    async with client_for(world, "default", *others) as client:
        for name in ("index.m3u8", "120000_000.m4s", "snap-1000.jpg"):
            answer = await client.get(f"{PLACE}/{name}")
            assert (answer.status_code, answer.json()["code"]) == (403, "SCOPE_MISSING")


async def test_another_tenants_footage_is_as_footage_that_is_not_there(world: World) -> None:
    await add_footage(world, "acme", "cam-theirs")
    async with client_of(world) as client:
        for name in ("index.m3u8", INIT, "120000_000.m4s", "snap-1000.jpg"):
            foreign = await client.get(f"/v2/hls/cam-theirs/2026-05-29/12/{name}")
            absent = await client.get(f"/v2/hls/cam-nobody/2026-05-29/12/{name}")
            assert (foreign.status_code, absent.status_code) == (404, 404)
            assert foreign.text.replace("cam-theirs", "cam-nobody") == absent.text
        times = f"from_us={NOON}&to_us={NOON + SECOND}"
        foreign = await client.get(f"/v2/hls/cam-theirs/index.m3u8?{times}")
        absent = await client.get(f"/v2/hls/cam-nobody/index.m3u8?{times}")
        assert foreign.status_code == 404
        assert foreign.text.replace("cam-theirs", "cam-nobody") == absent.text


async def test_two_tenants_keep_footage_of_the_same_camera_apart(world: World) -> None:
    await add_footage(world, "default")
    await add_footage(world, "acme")
    for tenant in ("default", "acme"):
        async with client_for(world, tenant) as client:
            picture = await client.get(f"{PLACE}/snap-1000.jpg")
            init = await client.get(f"{PLACE}/{INIT}")
            text = (await client.get(f"{PLACE}/index.m3u8")).text
        assert picture.content == SHOT + tenant.encode()
        assert init.content == b"init of " + tenant.encode()
        grant = parse_qs(urlsplit(re.findall(r"^/v2\S+", text, re.MULTILINE)[0]).query)["grant"][0]
        assert world.identity.actor_of_grant(grant).tenant_id == tenant


async def test_one_tenants_picture_is_not_there_for_a_namesake_without_it(world: World) -> None:
    await add_footage(world, "acme")
    await add_camera(world, "cam-a", "default")
    async with client_of(world) as client:
        for name in ("index.m3u8", INIT, "snap-1000.jpg"):
            assert (await client.get(f"{PLACE}/{name}")).status_code == 404


BAD_TARGETS = [
    "/v2/hls/cam-a%2f2026-05-29/12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29%2f12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29%2F12%2Findex.m3u8",
    "/v2/hls/cam-a/2026-05-29/12%2f120000_000.m4s",
    "/v2/hls%2fcam-a/2026-05-29/12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/12/%2e%2e%2f12%2findex.m3u8",
    "/v2/hls/cam-a/2026-05-29/12/../12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/../12/index.m3u8",
    "/v2/hls/cam-a/../cam-a/2026-05-29/12/index.m3u8",
    "/v2/hls/../hls/cam-a/2026-05-29/12/index.m3u8",
    "/v2/hls/../../../../etc/passwd",
    "/v2/hls/cam-a/2026-05-29/12/..",
    "/v2/hls/cam-a/2026-05-29/12/.",
    "/v2/hls/cam-a/2026-05-29/12/",
    "/v2/hls/cam-a/2026-05-29/12//etc/passwd",
    "/v2/hls/cam-a/2026-05-29/12/%2fetc%2fpasswd",
    "/v2/hls//cam-a/2026-05-29/12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/12/120000_000.m4s%00",
    "/v2/hls/cam-a/2026-05-29/12/120000_000.m4s%00.jpg",
    "/v2/hls/cam-a%00/2026-05-29/12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29%00/12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/12%00/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/12/%00",
    "/v2/hls/cam-a/2026-05-29/12/..%5cindex.m3u8",
    "/v2/hls/cam-a/2026-05-29/12/\\index.m3u8",
    "/v2/hls/cam-a/2026-05-29\\12/index.m3u8",
    "/v2/hls/cam-a\\..\\cam-a/2026-05-29/12/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/12/index.m3u8%0a",
    "/v2/hls/cam-a/2026-05-29/12/index.m3u8/",
    "/v2/hls/cam-a/2026-05-29/12/INDEX.M3U8",
    "/v2/hls/cam-a/2026-05-29/12/open-hours",
    "/v2/hls/cam-a/2026-05-29/12/120000_000.m4s.part",
    "/v2/hls/cam-a/2026-05-29/12/link-0123456789.mp4",
    "/v2/hls/cam-a/2026-05-29/12/init-ffffffffff.mp4",
    "/v2/hls/cam-a/2026-05-29/12/996199_999.m4s",
    "/v2/hls/cam-a/2026-05-29/12/snap-" + "9" * 5000 + ".jpg",
    "/v2/hls/cam-a/2026-05-29/12/" + "a" * 20_000,
    "/v2/hls/cam-a/2026-05-29/24/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/1/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/012/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/-1/index.m3u8",
    "/v2/hls/cam-a/2026-05-29/99999/index.m3u8",
    "/v2/hls/cam-a/2026-13-29/12/index.m3u8",
    "/v2/hls/cam-a/0000-00-00/12/index.m3u8",
    "/v2/hls/cam-a/9999-12-31/23/index.m3u8",
    "/v2/hls/CAM-A/2026-05-29/12/index.m3u8",
    "/v2/hls/" + "a" * 300 + "/2026-05-29/12/index.m3u8",
]


async def test_no_odd_address_reaches_a_file(world: World) -> None:
    camera = await add_footage(world)
    folder: Path = world.store.hour_path(
        CameraFolder(camera.tenant_id, camera.folder), Hour("2026-05-29", "12")
    )
    (folder / "link-0123456789.mp4").symlink_to("/etc/passwd")
    (folder / "init-ffffffffff.mp4").symlink_to("/etc/passwd")
    (folder / "120000_000.m4s.part").write_bytes(b"half")
    async with served(world) as server:
        good, _ = await server.get_raw(f"{PLACE}/index.m3u8", token())
        assert good == 200
        for target in BAD_TARGETS:
            status, answer = await server.get_raw(target, token())
            assert status == 404, (target, answer[:200])
            assert PROBLEM.encode() in answer, target
            assert b"root:" not in answer


async def test_the_token_in_an_address_shows_nowhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await add_footage(world)
    caplog.set_level("DEBUG")
    good, bad = token(), token(ttl_seconds=-5)
    addresses = [
        f"{PLACE}/index.m3u8?token={good}",
        f"{PLACE}/120000_000.m4s?token={good}",
        f"{PLACE}/nothing.m4s?token={good}",
        f"{PLACE}/index.m3u8/?token={good}",
        f"{PLACE}/index.m3u8?token={bad}",
        f"{PLACE}/index.m3u8?token={good}&token={good}",
        f"/v2/hls/cam-a/index.m3u8?token={good}&from_us=x",
        f"/v2/nothing?token={good}",
        f"/v2/api/cameras/?token={good}",
    ]
    async with served(world) as server:
        for address in addresses:
            _, answer = await server.get_raw(address)
            assert good.encode() not in answer, address
            assert bad.encode() not in answer, address
    assert good not in caplog.text
    assert bad not in caplog.text
