"""Whatever fails while events flow: none is lost, none repeated, all come in commit order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenarios.faults.faults import BRIEFLY, played
from tests.scenarios.faults.stage import SHORT, Stage, stage, told
from tests.servers import Postgres, Valkey


@pytest.fixture(scope="module")
def servers(
    postgres: Postgres, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    with stage(postgres, valkey, tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.fixture
def on_stage(servers: Stage) -> Iterator[Stage]:
    """With servers that run again afterwards, whatever a failed play left."""
    yield servers
    servers.valkey.revive()
    servers.postgres.revive()


@pytest.mark.parametrize("fault", BRIEFLY)
async def test_every_subscriber_is_told_everything_once_and_in_order(
    on_stage: Stage, fault: str
) -> None:
    outcome = await played(on_stage, fault, SHORT)
    for follower in outcome.followers:
        assert follower.seen == told(follower, outcome.steps)
    assert outcome.resumed > SHORT.subscribers
