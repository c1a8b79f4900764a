"""Pages through all cameras with gql: `pip install "gql[httpx]"`."""

import asyncio
import os

from gql import Client, gql
from gql.transport.httpx import HTTPXAsyncTransport

CAMERAS = gql("""
query Cameras($after: String) {
  cameras(first: 100, after: $after) {
    nodes { id name status }
    pageInfo { hasNextPage endCursor }
  }
}
""")


async def main() -> None:
    headers = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    transport = HTTPXAsyncTransport(url=os.environ["API"], headers=headers)
    async with Client(transport=transport) as session:
        CAMERAS.variable_values = {"after": None}
        while True:
            page = (await session.execute(CAMERAS))["cameras"]
            for camera in page["nodes"]:
                print(camera["id"], camera["status"], flush=True)
            if not page["pageInfo"]["hasNextPage"]:
                return
            CAMERAS.variable_values = {"after": page["pageInfo"]["endCursor"]}


asyncio.run(main())
