from __future__ import annotations

from resolvers.context import World
from tests.clients.node import outcome
from tests.schema.service import served
from tests.world import token

AUDITS = 61


async def test_every_audit_of_graphql_http_passes(world: World) -> None:
    async with served(world) as place:
        found = await outcome("graphql_http.mjs", url=f"http://{place}/graphql", token=token())
    assert [each for each in found if each["status"] != "ok"] == []
    assert len({each["id"] for each in found}) == AUDITS
