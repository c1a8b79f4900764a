"""Clients of the event sockets that come, leave at random, and resume where they were."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.schema.socket_client import PROTOCOL

EVENTS = """subscription ($after: Cursor) { events(after: $after) {
  __typename ... on EventChange { cursor kind event { id } } ... on EventGap { cursor } } }"""

Step = tuple[str, str]
"""What happened and to which event: `("BEGAN", "evt-1")`."""


class Refused(Exception):
    """The server answered with an error: to be tried again."""


@dataclass
class Follower:
    """`seen` are all steps it was told, over all its connections, in the order of telling.

    `ports` are those of the servers it may choose from. It stays for `stay_seconds` on average and
    leaves as a program does that closes its socket, or as one whose machine is switched off.
    """

    ports: Sequence[int]
    bearer: str
    cursor: str
    stay_seconds: float
    chance: random.Random
    seen: list[Step] = field(default_factory=list)
    resumed: int = 0

    async def run(self) -> None:
        while True:
            try:
                stay = self.chance.expovariate(1 / self.stay_seconds)
                async with asyncio.timeout(0.2 + stay):
                    await self._stay(self.chance.choice(self.ports))
            except (OSError, WebSocketException, TimeoutError, Refused):
                await asyncio.sleep(self.chance.uniform(0.01, 0.3))
            self.resumed += 1

    async def _stay(self, port: int) -> None:
        """Until the connection or the time is over."""
        connection = await self._connected(port)
        try:
            async for frame in connection:
                self._take(json.loads(frame))
        finally:
            if self.chance.random() < 0.5:
                connection.transport.abort()
            try:
                await connection.close()
            finally:  # also when it is told to end while it waits for the server's word
                connection.transport.abort()

    async def _connected(self, port: int) -> ClientConnection:
        raise NotImplementedError

    def _take(self, message: dict[str, Any]) -> None:
        raise NotImplementedError


class OldFollower(Follower):
    """Of the `/v2` socket, which tells beginnings."""

    async def _connected(self, port: int) -> ClientConnection:
        address = f"ws://127.0.0.1:{port}/v2/ws/events?token={self.bearer}&after={self.cursor}"
        return await connect(address, close_timeout=1, compression=None)

    def _take(self, message: dict[str, Any]) -> None:
        self.cursor = message["cursor"]
        self.seen.append(("BEGAN", message["data"]["id"]))


class NewFollower(Follower):
    """Of a GraphQL subscription, which tells beginnings and ends."""

    async def _connected(self, port: int) -> ClientConnection:
        address = f"ws://127.0.0.1:{port}/graphql"
        subprotocols = [Subprotocol(PROTOCOL)]
        connection = await connect(
            address, subprotocols=subprotocols, close_timeout=1, compression=None
        )
        variables = {"after": self.cursor}
        begin = {"id": "1", "payload": {"query": EVENTS, "variables": variables}}
        await connection.send(json.dumps({"type": "connection_init", "payload": self._payload}))
        await connection.send(json.dumps({"type": "subscribe", **begin}))
        return connection

    @property
    def _payload(self) -> dict[str, str]:
        return {"token": self.bearer}

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "next" and "errors" not in message["payload"]:
            step = message["payload"]["data"]["events"]
            assert step["__typename"] == "EventChange", f"there was a gap: {step}"
            self.cursor = step["cursor"]
            self.seen.append((step["kind"], step["event"]["id"]))
        elif message["type"] == "ping":
            return
        elif message["type"] != "connection_ack":
            raise Refused(str(message))
