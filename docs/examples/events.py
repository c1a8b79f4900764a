"""Follows events with gql, through any break: `pip install "gql[websockets]"`."""

import asyncio
import os

from gql import Client, gql
from gql.transport.exceptions import TransportError
from gql.transport.websockets import WebsocketsTransport

EVENTS = gql("""
subscription Follow($after: Cursor) {
  events(after: $after) {
    ... on EventChange { cursor kind event { id typeName ts cameraId } }
    ... on EventGap { cursor reason }
  }
}
""")


async def follow(after: str | None) -> None:
    while True:
        # A transport for each try: so the token can be another one, too.
        transport = WebsocketsTransport(
            url=os.environ["API"].replace("http", "ws", 1),
            init_payload={"token": os.environ["TOKEN"]},
        )
        try:
            async with Client(transport=transport) as session:
                EVENTS.variable_values = {"after": after}
                async for answer in session.subscribe(EVENTS):
                    item = answer["events"]
                    if "event" in item:
                        print(item["kind"], item["event"]["id"], flush=True)
                    else:
                        print("events are gone:", item["reason"], flush=True)
                    after = item["cursor"]  # store it with what you did about the event
        except (TransportError, OSError) as error:
            print("again, because:", error, flush=True)
        await asyncio.sleep(1)


asyncio.run(follow(os.environ.get("AFTER")))
