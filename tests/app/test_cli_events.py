"""`vms events import`: a file's events, each once, or a list of what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.cli_events import BATCH, MAX_MISTAKES
from app.installation import open_installation
from app.settings import Settings
from app.world import build_world
from models.base import select
from models.event import Event, EventTable
from tests.app.test_cli import own_logging as own_logging
from tests.embedded import lay_database
from tests.world import add_camera

LINE: dict[str, Any] = {
    "camera_id": "cam-front-01",
    "type": "door_contact",
    "ts": "2026-05-29T12:00:00Z",
}


@pytest.fixture(autouse=True)
def installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """One camera, on SQLite."""
    for name in list(os.environ):
        if name.startswith("VMS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VMS_DATA_DIR", str(tmp_path))
    settings = Settings(data_dir=tmp_path)
    lay_database(tmp_path)

    async def prepare() -> None:
        world = build_world(settings)
        async with open_installation(settings, world):
            await add_camera(world)

    asyncio.run(prepare())
    return settings


def imported(path: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["events", "import", *words, str(path)])


def written(folder: Path, lines: list[dict[str, Any]] | list[str]) -> Path:
    path = folder / "events.ndjson"
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def stored(settings: Settings) -> list[Event]:
    async def read() -> list[Event]:
        world = build_world(settings)
        async with open_installation(settings, world):
            return await select(EventTable.within("default").order_by("began_seq"), Event)

    return asyncio.run(read())


def test_every_line_is_an_event_with_all_it_says(installation: Settings, tmp_path: Path) -> None:
    box = {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.4, "label": "door", "score": 0.5}
    whole = {
        **LINE,
        "key": "k1",
        "ended_at": "2026-05-29T14:00:01.5+02:00",
        "confidence": 0.7,
        "boxes": [box],
        "payload": {"who": ["a", 1]},
        "source": "doors@2",
    }
    shown = imported(written(tmp_path, [whole, LINE]))
    assert (shown.exit_code, shown.output) == (
        0,
        "2 events imported, 0 were there already\n",
    )
    first, second = stored(installation)
    assert (first.at_us, first.ended_us) == (1_780_056_000_000_000, 1_780_056_001_500_000)
    assert (first.boxes, first.payload) == ([box], {"who": ["a", 1]})
    assert (first.confidence, first.model_version) == (0.7, "doors@2")
    assert (second.type, second.payload, second.began_seq) == ("door_contact", {}, 3)


def test_a_try_that_was_cut_short_is_gone_on_with(installation: Settings, tmp_path: Path) -> None:
    lines = [{**LINE, "key": f"k{n}"} for n in range(2 * BATCH + 7)]
    assert imported(written(tmp_path, lines[: BATCH + 3])).exit_code == 0
    shown = imported(written(tmp_path, lines))
    assert shown.output == f"{BATCH + 4} events imported, {BATCH + 3} were there already\n"
    events = stored(installation)
    assert len(events) == len(lines)
    assert [each.began_seq for each in events] == list(range(1, 2 * len(lines), 2))


def test_the_same_line_twice_is_one_event(installation: Settings, tmp_path: Path) -> None:
    shown = imported(written(tmp_path, [LINE, LINE, {**LINE, "type": "window"}]))
    assert shown.output == "2 events imported, 1 were there already\n"
    assert len(stored(installation)) == 2


def test_wrong_lines_are_all_named_and_nothing_is_written(
    installation: Settings, tmp_path: Path
) -> None:
    lines = [
        json.dumps(LINE),
        "not json",
        "",
        json.dumps({**LINE, "camera_id": "ghost"}),
        json.dumps({**LINE, "ts": "2026-05-29T12:00:00"}),
        json.dumps({**LINE, "confidence": 7}),
        json.dumps({**LINE, "colour": "red"}),
        json.dumps({"type": "x", "ts": LINE["ts"]}),
        '{"payload": ' + "[" * 5000,
        "\x00",
        json.dumps({**LINE, "payload": {"a": "x" * (1 << 20)}}),
    ]
    shown = imported(written(tmp_path, lines))
    assert shown.exit_code == 1
    named = [each.split(":")[1].strip() for each in shown.stderr.splitlines()]
    wanted = [f"line {n}" for n in (2, 4, 5, 6, 7, 8, 9, 10, 11)]
    assert named[:9] == wanted
    assert shown.stderr.splitlines()[-1] == "vms: nothing was imported"
    assert stored(installation) == []


def test_of_very_many_mistakes_the_first_are_named(tmp_path: Path) -> None:
    shown = imported(written(tmp_path, ["x"] * 1000))
    assert (shown.exit_code, len(shown.stderr.splitlines())) == (1, MAX_MISTAKES + 1)


def test_an_empty_file_is_no_mistake(installation: Settings, tmp_path: Path) -> None:
    assert imported(written(tmp_path, [])).output == "0 events imported, 0 were there already\n"
    assert stored(installation) == []


def test_a_tenant_that_there_is_not_is_named(tmp_path: Path) -> None:
    shown = imported(written(tmp_path, [LINE]), "--tenant", "ghost")
    assert (shown.exit_code, shown.stderr) == (1, "vms: there is no tenant 'ghost'\n")
