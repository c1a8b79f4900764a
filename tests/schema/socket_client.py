"""A graphql-transport-ws client that takes nothing for granted, over a real WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.world import token

PROTOCOL = "graphql-transport-ws"
PATIENCE_SECONDS = 30


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        frame = await asyncio.wait_for(self.connection.recv(), PATIENCE_SECONDS)
        assert isinstance(frame, str), "answers are text frames"
        found: dict[str, Any] = json.loads(frame)
        return found

    async def init(self, payload: Mapping[str, object] | None = None) -> None:
        """Presents a token with every scope of `default` where nothing is said."""
        payload = {"token": token()} if payload is None else payload
        await self.send({"type": "connection_init", "payload": payload})
        assert await self.receive() == {"type": "connection_ack"}

    async def subscribe(
        self, query: str, variables: Mapping[str, object] | None = None, operation_id: str = "1"
    ) -> None:
        payload = {"query": query, "variables": variables}
        await self.send({"type": "subscribe", "id": operation_id, "payload": payload})

    async def next(self, operation_id: str = "1") -> dict[str, Any]:
        """The data of the next answer, which must be without errors."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", operation_id), message
        assert "errors" not in message["payload"], message
        found: dict[str, Any] = message["payload"]["data"]
        return found

    async def closed(self) -> tuple[int, str]:
        """Code and reason; the server must say nothing else before."""
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(self.connection.recv(), PATIENCE_SECONDS)
        assert closed.value.rcvd is not None, "closed without a close frame"
        return closed.value.rcvd.code, closed.value.rcvd.reason


@asynccontextmanager
async def opened(
    place: str,
    *,
    protocol: str | None = PROTOCOL,
    origin: str | None = None,
    bearer: str | None = None,
    **query: str,
) -> AsyncIterator[Socket]:
    """A socket to `host:port`, nothing sent yet."""
    address = f"ws://{place}/graphql?{urlencode(query)}"
    async with connect(
        address,
        subprotocols=[Subprotocol(protocol)] if protocol else None,
        origin=Origin(origin) if origin else None,
        additional_headers={"Authorization": f"Bearer {bearer}"} if bearer else {},
    ) as connection:
        yield Socket(connection)
