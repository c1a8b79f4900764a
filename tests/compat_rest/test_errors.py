from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from compat_rest.errors import exception_handlers, status_of
from compat_rest.routes import operations
from resolvers import errors
from resolvers.context import World
from resolvers.errors import Unavailable, VmsError
from resolvers.vault import Vault
from tests.compat_rest.service import PROBLEM, client_of
from tests.world import add_camera

STATUSES = {
    "NotAuthenticated": 401,
    "TokenExpired": 401,
    "TokenRevoked": 401,
    "ScopeMissing": 403,
    "NotFound": 404,
    "NotRecorded": 404,
    "InvalidInput": 422,
    "BadCursor": 422,
    "TooManyRows": 422,
    "Conflict": 409,
    "CameraLimitReached": 403,
    "ExportTooLarge": 403,
    "ExportLimitReached": 403,
    "ComparisonLimitReached": 403,
    "RateLimited": 429,
    "ConnectionLimitReached": 429,
    "Unavailable": 503,
    "FootageAway": 503,
    "LiveViewersReached": 503,
    "CameraNotLive": 409,
    "LiveUnsupported": 406,
    "LiveCodecUnsupported": 406,
    "LiveBFrames": 406,
}


def test_every_refusal_of_the_use_cases_has_a_status() -> None:
    kinds = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, VmsError) and kind is not VmsError
    }
    assert kinds.keys() == STATUSES.keys()
    for name, kind in kinds.items():
        assert status_of(kind.__new__(kind)) == STATUSES[name]


async def test_a_problem_has_the_members_of_rfc_9457(world: World) -> None:
    async with client_of(world) as client:
        answer = await client.delete("/v2/api/cameras/cam-a")
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json() == {
        "type": "urn:vms:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "there is no camera 'cam-a'",
        "code": "NOT_FOUND",
    }


@pytest.mark.parametrize(
    "address",
    [
        "/v2",
        "/v2/",
        "/v2/nothing",
        "/v2/api",
        "/v2/api/camera",
        "/v2/api/cameras/",
        "/v2/api/cameras/a/b",
        "/v2/api/cameras/a%2fb",
        "/v2/hls/cam-a",
        "/V2/api/cameras",
        "/v2/api/playback/event/",
    ],
)
async def test_an_unknown_address_is_a_problem(world: World, address: str) -> None:
    async with client_of(world, "") as client:
        answer = await client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
    assert (answer.json()["code"], "location" in answer.headers) == ("NOT_FOUND", False)


@pytest.mark.parametrize("path", sorted({each.path for each in operations}))
async def test_a_wrong_method_is_told_the_right_ones(world: World, path: str) -> None:
    known = {each.method for each in operations if each.path == path}
    if any(each.is_whep for each in operations if each.path == path):
        known |= {"GET", "OPTIONS"}
    allowed = ", ".join(sorted(known | ({"HEAD"} if "GET" in known else set())))
    address = path.format(id="a", cam="a", date="a", hour="a", name="a", session="a")
    async with client_of(world) as client:
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - known:
            answer = await client.request(method, address)
            assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
            assert answer.headers["content-type"] == PROBLEM
            assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


async def test_what_is_not_here_now_is_a_503(world: World) -> None:
    await add_camera(world)
    other_key = Vault(["A" * 43 + "="])
    async with client_of(replace(world, vault=other_key)) as client:
        answer = await client.get("/v2/api/cameras")
    assert (answer.status_code, answer.json()["code"]) == (503, "UNAVAILABLE")
    assert answer.headers["retry-after"] == "5"


async def test_a_fault_of_the_server_is_logged_and_not_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_: Request) -> None:
        raise LookupError("password=hunter2")

    async with client_of(world) as client:
        app = Starlette(
            routes=[Route("/v2/broken/{id}", broken)], exception_handlers=exception_handlers
        )
        client._transport.app = app  # type: ignore[attr-defined]
        answer = await client.get("/v2/broken/me?token=x")
    assert (answer.status_code, answer.headers["content-type"]) == (500, PROBLEM)
    assert answer.json() == {
        "type": "urn:vms:problem:internal",
        "title": "Internal",
        "status": 500,
        "detail": "something went wrong on the server",
        "code": "INTERNAL",
    }
    (record,) = [each for each in caplog.records if each.name == "compat_rest.errors"]
    assert record.getMessage() == "GET /v2/broken/{id} failed"
    assert record.exc_info is not None


async def test_a_kind_of_refusal_that_is_new_is_a_500() -> None:
    class Novel(VmsError):
        code = "NOVEL"

    assert status_of(Novel("x")) == 500
    assert status_of(Unavailable("x")) == 503
