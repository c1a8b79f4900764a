from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from resolvers.cameras import cameras
from resolvers.context import World
from schema.playground import FETCHED, FOLDER, OWN
from tests.browser import browser_page
from tests.schema.service import client_of, served
from tests.world import add_camera, add_events, beginning, context, token

AT = 1_777_558_925_123_000
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def fake_assets(folder: Path) -> Path:
    (folder / FOLDER).mkdir()
    for name in FETCHED:
        (folder / FOLDER / name).write_text(f"/* {name} */")
    return folder


async def test_a_browser_gets_the_page_without_a_token(world: World, tmp_path: Path) -> None:
    async with client_of(world, "", assets=fake_assets(tmp_path)) as client:
        answer = await client.get("/graphql", headers=HTML)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for name in (*FETCHED, *OWN):
        assert f'"graphql/assets/{name}"' in answer.text
    assert "://" not in answer.text


@pytest.mark.parametrize(
    ("method", "params", "accept"),
    [
        ("GET", {"query": "{ viewer { tenantId } }"}, "text/html"),
        ("GET", {}, "application/json"),
        ("POST", {}, "text/html"),
    ],
)
async def test_whatever_is_a_request_gets_no_page(
    world: World, method: str, params: dict[str, str], accept: str
) -> None:
    async with client_of(world, "") as client:
        answer = await client.request(method, "/graphql", params=params, headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (
        401,
        "application/json; charset=utf-8",
    )


@pytest.mark.parametrize("gone", [None, "graphiql.min.js"])
async def test_what_is_missing_is_said_plainly(
    world: World, tmp_path: Path, gone: str | None
) -> None:
    assets = None
    if gone is not None:
        assets = fake_assets(tmp_path)
        (assets / FOLDER / gone).unlink()
    async with client_of(world, "", assets=assets) as client:
        page = (await client.get("/graphql", headers=HTML)).text
    assert "make setup" in page
    named = [name for name in FETCHED if f"<code>{name}</code>" in page]
    assert named == (list(FETCHED) if gone is None else [gone])
    assert "<script" not in page


async def test_assets_are_those_that_the_page_names(world: World, tmp_path: Path) -> None:
    async with client_of(world, "", assets=fake_assets(tmp_path)) as client:
        for name in (*FETCHED, *OWN):
            answer = await client.get(f"/graphql/assets/{name}")
            kind = "text/css" if name.endswith(".css") else "text/javascript"
            assert (answer.status_code, answer.headers["content-type"]) == (
                200,
                f"{kind}; charset=utf-8",
            )
            assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "vms.db",
        "playground.py",
        "schema.graphql",
        "../vms.db",
        "..%2fvms.db",
        "%2e%2e/vms.db",
        "graphiql%2fgraphiql.min.js",
        "graphiql.min.js%00",
        "GRAPHIQL.MIN.JS",
        "/etc/passwd",
    ],
)
async def test_no_other_file_is_served(world: World, tmp_path: Path, name: str) -> None:
    async with client_of(world, "", assets=fake_assets(tmp_path)) as client:
        assert (await client.get(f"/graphql/assets/{name}")).status_code == 404


def real_assets() -> Path:
    folder = Path(__file__).resolve().parents[2] / ".assets"
    if not all((folder / FOLDER / name).is_file() for name in FETCHED):
        pytest.skip("no playground files in .assets: `make setup` fetches them")
    return folder


def watch_outside(page: Page, place: str) -> list[str]:
    """The addresses that the page asks of any host but `place`, as they come."""
    outside: list[str] = []

    def note(address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme != "data" and parts.netloc != place:
            outside.append(address)

    page.on("request", lambda request: note(request.url))
    page.on("websocket", lambda socket: note(socket.url))
    return outside


async def test_a_person_follows_events_and_asks_for_cameras(world: World, tmp_path: Path) -> None:
    assets, camera = real_assets(), await add_camera(world)
    faults: list[str] = []
    async with served(world, assets=assets) as place, browser_page() as page:
        outside = watch_outside(page, place)
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(f"http://{place}/graphql")
        await page.get_by_label("Token").fill(token())
        await page.get_by_role("button", name="Use").click()
        run = page.get_by_role("button", name="Execute query (Ctrl-Enter)")
        answer = page.get_by_label("Result Window")
        await run.click()
        number = 0
        while "evt-" not in await answer.inner_text() and number < 100:
            await add_events(world, camera, [beginning(camera.key, AT, event_id=f"evt-{number}")])
            await page.wait_for_timeout(100)
            number += 1
        await expect(answer).to_contain_text('"kind": "BEGAN"')
        await page.screenshot(path=tmp_path / "subscription.png")
        await page.get_by_role("button", name="Stop query (Ctrl-Enter)").click()
        await page.get_by_role("tab", name="Cameras").click()
        await page.wait_for_timeout(500)  # GraphiQL reads the operation's name 100 ms later
        await run.click()
        await expect(answer).to_contain_text('"id": "cam-front-01"')
        await page.screenshot(path=tmp_path / "cameras.png")
    assert (outside, faults) == ([], [])


async def test_a_wrong_token_is_told_before_anything_is_tried(world: World, tmp_path: Path) -> None:
    assets = real_assets()
    sockets: list[str] = []
    async with served(world, assets=assets) as place, browser_page() as page:
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.goto(f"http://{place}/graphql")
        who = page.get_by_role("status")
        await expect(who).to_have_text("no token yet: `vms token` prints one")
        await page.get_by_label("Token").fill("wrong")
        await page.get_by_role("button", name="Use").click()
        await expect(who).to_have_text("the token is not valid")
        await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
        await expect(page.get_by_label("Result Window")).to_contain_text("NOT_AUTHENTICATED")
        await page.screenshot(path=tmp_path / "refused.png")
        await page.get_by_label("Token").fill(token(scope="events:read"))
        await page.get_by_role("button", name="Use").click()
        await expect(who).to_have_text("tenant default, events:read")
    assert sockets == []


async def test_the_end_of_a_token_is_told_to_who_follows(world: World) -> None:
    assets = real_assets()
    async with served(world, assets=assets) as place, browser_page() as page:
        await page.goto(f"http://{place}/graphql#token={token(ttl_seconds=5)}")
        await expect(page.get_by_role("status")).to_contain_text("tenant default")
        await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
        answer = page.get_by_label("Result Window")
        told = "Socket closed with event 4401 Token expired"
        await expect(answer).to_contain_text(told, timeout=20_000)


async def test_every_example_runs_as_it_stands(world: World) -> None:
    assets = real_assets()
    answered = {"Cameras": '"totalCount": 0', "AddCamera": '"userErrors": []'}
    async with served(world, assets=assets) as place, browser_page() as page:
        await page.goto(f"http://{place}/graphql#token={token()}")
        await expect(page.get_by_role("status")).to_contain_text("tenant default")
        assert await page.get_by_role("tab").all_inner_texts() == ["Events", *answered]
        for name, told in answered.items():
            await page.get_by_role("tab", name=name).click()
            await page.wait_for_timeout(500)  # GraphiQL reads the operation's name 100 ms later
            await page.get_by_role("button", name="Execute query (Ctrl-Enter)").click()
            await expect(page.get_by_label("Result Window")).to_contain_text(told)
    assert [each.name for each in await cameras(context(world))] == ["Lobby"]


async def test_a_link_hands_over_a_token_that_no_server_sees(world: World) -> None:
    assets = real_assets()
    handed = token()
    async with served(world, assets=assets) as place, browser_page() as page:
        outside, seen = watch_outside(page, place), list[str]()
        page.on("request", lambda request: seen.append(request.url))
        await page.goto(f"http://{place}/graphql#token={handed}")
        await expect(page.get_by_label("Token")).to_have_value(handed)
        assert page.url == f"http://{place}/graphql"
        assert not any(handed in address for address in seen)
    assert outside == []
