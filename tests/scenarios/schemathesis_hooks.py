"""What schemathesis must be told: how our scalars and SDP are written, what GraphQL may answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import schemathesis
from graphql import StringValueNode, ValueNode, parse_value
from hypothesis import strategies as st
from schemathesis.graphql import scalar

from resolvers.errors import VmsError
from schema import errors

INTERNAL = errors.INTERNAL
OF_REQUESTS = {
    errors.PARSE_FAILED,
    errors.VALIDATION_FAILED,
    errors.TOO_COSTLY,
    errors.BAD_REQUEST,
    errors.INVALID_INPUT,
}


def _text(value: str) -> ValueNode:
    return StringValueNode(value=value)


def _codes(kind: type[VmsError]) -> set[str]:
    return {kind.code}.union(*map(_codes, kind.__subclasses__()))


moments = st.integers(86_400, 4_000_000_000).map(lambda found: datetime.fromtimestamp(found, UTC))
objects = st.sampled_from(["{}", "{a: 1}", '{a: [null, {b: "c"}], d: 1.5}', "[]", "7"])
scalar("DateTime", moments.map(lambda found: _text(found.isoformat())))
scalar("Date", moments.map(lambda found: _text(found.date().isoformat())))
scalar("Bytes", st.integers(0, 2**53).map(lambda found: parse_value(str(found))))
scalar("Cursor", st.text("abcXYZ019-_", max_size=20).map(_text))
scalar("JSON", objects.map(parse_value))


@schemathesis.serializer("application/sdp")
def sdp(_: schemathesis.SerializationContext, value: object) -> bytes:
    return str(value).encode()


@schemathesis.check
def errors_are_told_by_their_codes(
    _: schemathesis.CheckContext, response: schemathesis.Response, __: schemathesis.Case[Any]
) -> None:
    """GraphQL's own check takes each error for a failure; ours tells refusals by their codes."""
    assert response.status_code == 200, response.status_code
    answer = json.loads(response.content)
    codes = {each["extensions"]["code"] for each in answer.get("errors", [])}
    assert codes <= (OF_REQUESTS | _codes(VmsError)) - {INTERNAL}, answer
