"""What a graphql-transport-ws client may send, parsed strictly."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from schema.execution import GraphQLRequest

Payload = dict[str, Any]
OperationId = Annotated[str, msgspec.Meta(min_length=1)]


class Malformed(Exception):
    """Not a message of the protocol; the text says why."""


class ConnectionInit(msgspec.Struct, frozen=True, tag_field="type", tag="connection_init"):
    payload: Payload | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    payload: Payload | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    payload: Payload | None = None


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    id: OperationId
    payload: GraphQLRequest


class Complete(msgspec.Struct, frozen=True, tag_field="type", tag="complete"):
    id: OperationId


Message = ConnectionInit | Ping | Pong | Subscribe | Complete

_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def parse_message(frame: str | bytes) -> Message:
    """Raises Malformed for a binary frame, and for whatever is no message of a client."""
    if isinstance(frame, bytes):
        raise Malformed("want text frames")
    try:
        return _DECODER.decode(frame)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise Malformed(f"want a message of the protocol: {error}") from error
