"""The OpenAPI 3.1 document, made from the URL table and the shapes it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from inspect import getdoc
from typing import Any

import msgspec

from compat_rest.errors import PROBLEM_JSON, Problem
from compat_rest.health import HealthJson, ReadinessJson
from compat_rest.limits import MAX_BODY_BYTES
from compat_rest.operation import Answer, Operation, Parameter, Socket

Json = dict[str, Any]

OPENAPI_PATH = "/v2/openapi.json"
_REFERENCE = "#/components/schemas/{name}"
_VERSION = "2.0.0"
"""Of the /v2 contract, not of this program."""

_MEANINGS = {
    400: "The body is not JSON in UTF-8",
    401: "No token, or a bad or expired one",
    403: "The token lacks the scope, or the plan's limit is reached",
    404: "There is none in this tenant",
    406: "What the camera sends can't be shown so; `code` says why, `hls_url` what plays it",
    409: "The id is taken, or nothing comes from the camera now",
    413: f"The body has more than {MAX_BODY_BYTES} bytes",
    415: "The body is not of the media type that is wanted",
    416: "The range begins behind the end of the file",
    422: "A value is wrong; `errors` names each field",
    426: "This is a WebSocket's address, and the request asks for no upgrade",
    429: "The plan allows no more requests a minute; `Retry-After` says when again",
    500: "Something went wrong on the server",
    503: "Something this needs is not here now",
}
_ALWAYS = (401, 403, 429, 500, 503)
_WITH_BODY = (400, 413, 422)
_SECURITY: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "token": {"type": "apiKey", "in": "query", "name": "token", "description": "The same JWT"},
    "grant": {
        "type": "apiKey",
        "in": "query",
        "name": "grant",
        "description": "Short-lived, for one camera, as addresses that are handed out carry it",
    },
    "metrics": {"type": "http", "scheme": "basic"},
}

_WANTED_SCHEME: Json = {
    "WWW-Authenticate": {"description": "The scheme that is wanted", "schema": {"type": "string"}}
}


def document(operations: Sequence[Operation], sockets: Sequence[Socket]) -> Json:
    """All of /v2, with the addresses that `app` serves itself."""
    shapes = _Shapes([Problem, HealthJson, ReadinessJson, *_shapes_of(operations)])
    paths: Json = {}
    for each in operations:
        item = paths.setdefault(each.path, {})
        item[each.method.lower()] = _operation(each, shapes)
        if each.is_whep:
            item["get"] = _nothing_to_see(each)
    for socket in sockets:
        paths[socket.path] = {"get": _socket(socket)}
    paths |= _other_paths(shapes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Video management, /v2",
            "version": _VERSION,
            "description": "The REST and WebSocket dialect. Each operation names the GraphQL "
            "field that gives the same. JSON bodies are read whatever their Content-Type; query "
            "parameters that are not listed are ignored. `security` names the scope that a token "
            "must carry.",
        },
        "paths": paths,
        "components": {
            "schemas": shapes.components,
            "responses": {_response_name(status): _refusal(status) for status in _MEANINGS},
            "securitySchemes": _SECURITY,
        },
    }


class _Shapes:
    """JSON Schemas of the types that are spoken; `components` defines what `of` refers to."""

    def __init__(self, types: Sequence[Any]) -> None:
        schemas, self.components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        self._by_type = list(zip(types, schemas, strict=True))

    def of(self, shape: object) -> Json:
        return next(schema for known, schema in self._by_type if known == shape)


def _shapes_of(operations: Iterable[Operation]) -> list[Any]:
    found = [shape for each in operations for shape in (each.answer.shape, each.body)]
    return [shape for n, shape in enumerate(found) if shape and shape not in found[:n]]


def _operation(operation: Operation, shapes: _Shapes) -> Json:
    summary, _, rest = (getdoc(operation.handler) or "").partition("\n\n")
    _, _, sentence = summary.partition(f" = {operation.equals}.")
    statuses = {*_ALWAYS, *operation.refusals, *(_WITH_BODY if operation.body else ())}
    described: Json = {
        "operationId": operation.handler.__name__,
        "summary": f"Equals {operation.equals} of the GraphQL schema",
        "description": _paragraphs(sentence.strip(), rest, f"Scope: `{operation.scope}`."),
        "parameters": [_parameter(each, operation.path) for each in operation.parameters],
        "security": _credentials(operation),
        "responses": {
            str(operation.answer.status): _answer(operation.answer, shapes),
            **_partial(operation, shapes),
            **{str(status): _refused(status) for status in sorted(statuses)},
        },
    }
    if operation.body:
        content = {operation.body_type: {"schema": shapes.of(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _paragraphs(*parts: str) -> str:
    """Lines that belong together are joined: Markdown would keep some breaks."""
    texts = [re.sub(r"(?<!\n)\n(?!\n)", " ", part) for part in parts]
    return "\n\n".join(text for text in texts if text)


def _parameter(parameter: Parameter, path: str) -> Json:
    in_path = f"{{{parameter.name}}}" in path
    return {
        "name": parameter.name,
        "in": "path" if in_path else "query",
        "required": in_path or parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _credentials(operation: Operation) -> list[Json]:
    """Any one of these will do. A token must carry the scope; a grant is one of its own."""
    scopes = [operation.scope.value]
    in_url: list[Json] = [{"token": scopes}, {"grant": []}] if operation.in_url else []
    return [{"bearer": scopes}, *in_url]


def _answer(answer: Answer, shapes: _Shapes) -> Json:
    described: Json = {"description": answer.text}
    if answer.shape:
        described["content"] = {"application/json": {"schema": shapes.of(answer.shape)}}
    elif answer.media_types:
        described["content"] = {name: {} for name in answer.media_types}
    if answer.headers:
        described["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in answer.headers.items()
        }
    return described


def _partial(operation: Operation, shapes: _Shapes) -> Json:
    """Files can be had in part and need not be sent again."""
    if 416 not in operation.refusals:
        return {}
    return {
        "206": {**_answer(operation.answer, shapes), "description": "The range that was asked for"},
        "304": {"description": "The client has it already"},
    }


def _response_name(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


def _refused(status: int) -> Json:
    return {"$ref": f"#/components/responses/{_response_name(status)}"}


def _refusal(status: int) -> Json:
    schema = {"$ref": _REFERENCE.format(name=Problem.__name__)}
    refusal: Json = {
        "description": _MEANINGS[status],
        "content": {PROBLEM_JSON: {"schema": schema}},
    }
    if status == 401:
        refusal["headers"] = _WANTED_SCHEME
    if status == 429:
        text = {"description": "Seconds until then", "schema": {"type": "integer"}}
        refusal["headers"] = {"Retry-After": text}
    return refusal


def _socket(socket: Socket) -> Json:
    """OpenAPI has no WebSockets: the handshake is described, and the closes in words."""
    _, _, rest = (getdoc(socket.handler) or "").partition("\n\n")
    closes = "\n".join(f"- {code}: {text}" for code, text in socket.closes.items())
    frames = 'Each text frame is `{"v":2,"data":{event},"cursor":"…"}`, `data` an EventJson.'
    return {
        "operationId": "event_socket",
        "summary": f"WebSocket, equals {socket.equals} of the GraphQL schema",
        "description": "\n\n".join(
            [_paragraphs(frames, rest, f"Scope: `{socket.scope}`. Close codes:"), closes]
        ),
        "parameters": [_parameter(each, socket.path) for each in socket.parameters],
        "security": [{name: [socket.scope.value]} for name in ("bearer", "token")],
        "responses": {
            "101": {"description": "It is a WebSocket now"},
            "426": _refused(426),
        },
    }


def _other_paths(shapes: _Shapes) -> Json:
    """What `app` serves, and this document itself: no use case stands behind these."""
    alive = _answer(Answer(200, "The process answers", HealthJson), shapes)
    ready = _answer(Answer(200, "All that is vital is well", ReadinessJson), shapes)
    exposition = {"description": "Prometheus exposition", "content": {"text/plain": {}}}
    stranger = {
        "description": "Not the user of the metrics",
        "content": {"text/plain": {}},
        "headers": _WANTED_SCHEME,
    }
    unwell = {**ready, "description": "Something vital is not"}
    itself = {"description": "This document", "content": {"application/json": {}}}
    return {
        "/v2/health": {"get": _open_get("health", "Liveness", {"200": alive})},
        "/v2/health/ready": {"get": _open_get("ready", "Readiness", {"200": ready, "503": unwell})},
        "/v2/metrics": {
            "get": {
                **_open_get("metrics", "Metrics", {"200": exposition, "401": stranger}),
                "security": [{"metrics": []}],
            }
        },
        OPENAPI_PATH: {"get": _open_get("openapi", "What there is", {"200": itself})},
    }


def _nothing_to_see(operation: Operation) -> Json:
    empty = {"204": {"description": "There is nothing to see here"}}
    described = _open_get(f"{operation.handler.__name__}_nothing", "Empty, as of WHEP", empty)
    return described | {"parameters": [_parameter(e, operation.path) for e in operation.parameters]}


def _open_get(name: str, summary: str, responses: Json) -> Json:
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}
