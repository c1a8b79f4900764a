from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.routing import Route, WebSocketRoute

from compat_rest.cameras import CameraJson, CameraPatch, NewCamera
from compat_rest.events import EventJson
from compat_rest.openapi import document
from compat_rest.routes import operations, routes, sockets
from resolvers.context import World
from tests.compat_rest.service import client_of

DOCUMENT = document(operations, sockets)
METHODS = {"get", "post", "patch", "delete"}
OF_THE_APP = {"/v2/health", "/v2/health/ready", "/v2/metrics"}


def described() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, each)
        for path, item in DOCUMENT["paths"].items()
        for method, each in item.items()
    ]


def objects(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from objects(each)


def pointed_at(reference: str) -> object:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


async def test_it_is_served_as_json_to_anybody(world: World) -> None:
    async with client_of(world, "") as client:
        answer = await client.get("/v2/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == json.loads(json.dumps(DOCUMENT))


def test_it_has_what_every_openapi_document_has() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert DOCUMENT.keys() == {"openapi", "info", "paths", "components"}
    assert all(path.startswith("/v2/") for path in DOCUMENT["paths"])
    assert all(method in METHODS for _, method, _ in described())


def test_every_route_is_in_it_and_back() -> None:
    served = {
        (route.path, method.lower())
        for route in routes
        if isinstance(route, Route)
        for method in route.methods or set()
        if method not in {"HEAD", "OPTIONS"}
    }
    served |= {(route.path, "get") for route in routes if isinstance(route, WebSocketRoute)}
    served |= {(path, "get") for path in OF_THE_APP}
    assert served == {(path, method) for path, method, _ in described()}


def test_every_reference_leads_somewhere() -> None:
    references = [each["$ref"] for each in objects(DOCUMENT) if "$ref" in each]
    assert len(references) > 50
    for reference in references:
        assert isinstance(pointed_at(reference), dict)


def test_operations_have_names_of_their_own() -> None:
    names = [each["operationId"] for _, _, each in described()]
    empty = [each for each in operations if each.is_whep]
    assert len(names) == len(set(names)) == len([*operations, *empty, *sockets]) + 4


@pytest.mark.parametrize(("path", "method", "operation"), described())
def test_every_operation_is_whole(path: str, method: str, operation: dict[str, Any]) -> None:
    in_path = set(re.findall(r"\{(\w+)\}", path))
    parameters = operation.get("parameters", [])
    assert {each["name"] for each in parameters if each["in"] == "path"} == in_path
    for each in parameters:
        assert each["in"] in {"path", "query"}
        assert each["required"] or each["in"] == "query"
        assert {"name", "description", "schema"} <= each.keys()
        assert each["schema"]["type"] in {"string", "integer"}
    pairs = [(each["name"], each["in"]) for each in parameters]
    assert len(pairs) == len(set(pairs))
    assert operation["summary"]
    assert ("requestBody" in operation) == (method in {"post", "patch"})
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert all(name in schemes for each in operation["security"] for name in each)


@pytest.mark.parametrize(("path", "method", "operation"), described())
def test_every_answer_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["responses"]
    for status, answer in operation["responses"].items():
        assert re.fullmatch("[1-5][0-9]{2}", status)
        whole: Any = pointed_at(answer["$ref"]) if "$ref" in answer else answer
        assert whole["description"]
        if status[0] in "45" and path not in OF_THE_APP:
            assert set(whole["content"]) == {"application/problem+json"}
    secured = [each for each in operation["security"] if "metrics" not in each]
    if secured and not path.startswith("/v2/ws/"):
        assert {"401", "403", "500"} <= operation["responses"].keys()


@pytest.mark.parametrize("shape", [CameraJson, EventJson])
def test_shapes_name_their_fields_in_the_references_order(shape: type[msgspec.Struct]) -> None:
    schema = DOCUMENT["components"]["schemas"][shape.__name__]
    assert tuple(schema["properties"]) == shape.__struct_fields__
    assert schema["required"] == list(shape.__struct_fields__)


def test_bodies_allow_no_other_fields() -> None:
    for shape, required in ((NewCamera, ["name", "rtsp_url"]), (CameraPatch, [])):
        schema = DOCUMENT["components"]["schemas"][shape.__name__]
        assert schema["additionalProperties"] is False
        assert schema["required"] == required
    fps = DOCUMENT["components"]["schemas"]["NewCamera"]["properties"]["fps"]
    assert (fps["minimum"], fps["maximum"]) == (0.2, 30.0)


def test_each_operation_names_its_graphql_field_and_its_scope() -> None:
    for each in operations:
        shown = DOCUMENT["paths"][each.path][each.method.lower()]
        assert each.equals in shown["summary"]
        assert f"`{each.scope}`" in shown["description"]


def test_security_names_the_scope_that_a_token_must_carry() -> None:
    """A grant has no scopes: it is good for one camera and a while."""
    for each in operations:
        shown = DOCUMENT["paths"][each.path][each.method.lower()]["security"]
        scopes = [each.scope.value]
        in_url = [{"token": scopes}, {"grant": []}]
        assert shown == [{"bearer": scopes}, *(in_url if each.in_url else [])]
    for socket in sockets:
        shown = DOCUMENT["paths"][socket.path]["get"]["security"]
        assert shown == [{"bearer": [socket.scope.value]}, {"token": [socket.scope.value]}]
