"""`vms models compare`: another model's events beside those that were told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import Result

from app.installation import open_installation
from app.settings import Settings
from app.world import build_world
from media.types import Box, Detection, EventChange
from resolvers import ingest
from tests.app.replayed import Recorded, add_model, vms
from tests.app.test_cli import own_logging as own_logging
from tests.app.test_cli_replay import recorded as recorded
from tests.app.test_cli_replay import settings as settings
from tests.world import beginning


def compared(footage: Recorded, *words: str, model: str = "tiny") -> Result:
    return vms("models", "compare", *footage.whole, "--model", model, *words)


def told(result: Result) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(result.stdout)
    return found


def replayed(footage: Recorded) -> dict[str, Any]:
    """The one event that the tiny model begins."""
    printed = vms("models", "replay", *footage.whole)
    found: dict[str, Any] = json.loads(printed.stdout.splitlines()[0])
    return found


def store(footage: Recorded, at_us: int, box: Box) -> EventChange:
    """An event in the log, as if it had been told live."""
    change = beginning(footage.camera.key, at_us)
    detection = Detection("person", "person", 0.7, box)
    change = replace(change, detection=detection)

    async def write() -> None:
        world = build_world(footage.settings)
        async with open_installation(footage.settings, world):
            camera = footage.camera
            await ingest.record(world, "default", {camera.key: camera.slug}, [change])

    asyncio.run(write())
    return change


def test_the_stored_events_are_the_same_where_the_model_finds_them_again(
    recorded: Recorded,
) -> None:
    again = replayed(recorded)
    stored = store(recorded, again["at_us"], Box(*again["box"]))
    before = recorded.events()

    result = compared(recorded, "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    found = told(result)
    assert [each["before"]["id"] for each in found["same"]] == [stored.event_id]
    assert [each["after"]["id"] for each in found["same"]] == [again["id"]]
    assert found["changed"] == found["lost"] == found["new"] == []
    assert recorded.events() == before


def test_what_is_lost_and_new_is_listed_and_the_status_says_so(recorded: Recorded) -> None:
    again = replayed(recorded)
    stored = store(recorded, again["at_us"] - 400_000, Box(0.0, 0.0, 0.1, 0.2))

    result = compared(recorded)

    counts, lost, new = result.stdout.splitlines()
    assert result.exit_code == 1
    assert counts == "0 same, 0 changed, 1 lost, 1 new"
    assert lost.startswith("lost    2")
    assert lost.endswith(f"person         0.70  {stored.event_id}")
    assert new.startswith("new     2")
    assert new.endswith(again["id"])


def test_an_event_that_begins_at_another_time_is_changed(recorded: Recorded) -> None:
    again = replayed(recorded)
    store(recorded, again["at_us"] - 600_000, Box(*again["box"]))

    result = compared(recorded)

    assert result.exit_code == 1
    counts, changed = result.stdout.splitlines()
    assert counts == "0 same, 1 changed, 0 lost, 0 new"
    assert changed.startswith("changed 2")
    assert "begins +0.6 s, score " in changed


def test_two_models_are_compared_and_a_threshold_is_of_the_tried_one_alone(
    recorded: Recorded,
) -> None:
    add_model(recorded.settings, recorded.settings.data_dir / "other", 0.72, "other")

    alike = compared(recorded, "--against", "tiny", "--json", model="other")
    strict = compared(recorded, "--against", "tiny", "--json", "--begin", "0.95", model="other")

    assert (alike.exit_code, strict.exit_code) == (0, 1)
    assert (len(told(alike)["same"]), len(told(strict)["lost"])) == (1, 1)
    assert recorded.events() == []


@pytest.mark.parametrize(
    ("words", "model", "says"),
    [
        (["--against", "nothing"], "tiny", "model nothing is not installed"),
        ([], "nothing", "model nothing is not installed"),
        (["--tenant", "other"], "tiny", "there is no camera 'cam-gate'"),
    ],
    ids=["against", "model", "tenant"],
)
def test_what_cannot_be_compared_is_refused(
    recorded: Recorded, words: list[str], model: str, says: str
) -> None:
    result = compared(recorded, *words, model=model)

    assert (result.exit_code, result.stdout) == (2, "")
    assert says in result.stderr


def test_an_interval_without_footage_is_told(settings: Settings, recorded: Recorded) -> None:
    hour = ["--from", "2020-01-01T00:00:00Z", "--to", "2020-01-01T01:00:00Z"]

    result = vms("models", "compare", "cam-gate", *hour, "--model", "tiny")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "there was nothing to look at" in result.stderr
