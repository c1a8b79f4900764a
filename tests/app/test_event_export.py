"""`vms events export`: events with their pictures and crops, in a folder."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from app import event_export
from app.cli import app
from app.installation import open_installation
from app.settings import Settings
from app.world import build_world
from media.snapshot import encode_jpeg
from media.store import CameraFolder
from media.types import ChangeKind, View
from resolvers.access import Actor, Scope
from resolvers.context import Context, World
from resolvers.event_review import ReviewWish, event_review
from resolvers.verdicts import Verdict
from tests.app.test_cli import own_installation as own_installation
from tests.app.test_cli import own_logging as own_logging
from tests.embedded import lay_database
from tests.resolvers.keeping import NOON, SECOND
from tests.world import add_camera, add_events, beginning

JPEG = encode_jpeg(av.VideoFrame.from_ndarray(np.zeros((100, 200, 3), np.uint8), format="rgb24"))
BOX = {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.6}


@pytest.fixture
def installation(tmp_path: Path) -> Path:
    """Three events; one has no picture, one a broken one, and the last a best view too."""
    world = build_world(Settings(data_dir=tmp_path))
    lay_database(tmp_path)

    async def prepare() -> None:
        async with open_installation(Settings(data_dir=tmp_path), world):
            await _add_events(world)

    asyncio.run(prepare())
    return tmp_path


async def _add_events(world: World) -> None:
    camera = await add_camera(world)
    folder = CameraFolder("default", camera.folder)
    broken = world.store.save_snapshot(folder, NOON + SECOND, b"jpeg")
    shot, best = (world.store.save_snapshot(folder, NOON + n * SECOND, JPEG) for n in (2, 3))
    begun = beginning(camera.key, NOON + 2 * SECOND, snapshot=shot, event_id="evt-3")
    view = View(NOON + 3 * SECOND, None, begun.detection, best)
    changes = [
        beginning(camera.key, NOON, event_id="evt-1"),
        beginning(camera.key, NOON + SECOND, snapshot=broken, event_id="evt-2"),
        begun,
        replace(begun, kind=ChangeKind.CHANGED, best=view),
    ]
    await add_events(world, camera, changes)
    ann = Actor("default", frozenset({Scope.EVENTS_WRITE}), subject="ann")
    await event_review(Context(ann, world), "evt-1", ReviewWish(Verdict.ACKNOWLEDGED))
    wish = ReviewWish(Verdict.FALSE_ALARM, "a shadow")
    await event_review(Context(ann, world), "evt-3", wish)


def exported(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["events", "export", str(folder), *words])


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


def test_false_alarms_come_with_pictures_and_crops(installation: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shown = exported(out, "--false-alarms")
    assert (shown.exit_code, shown.output) == (
        0,
        "1 events exported, 0 views without a picture\n",
    ), shown.output
    (line,) = lines(out)
    assert line["review"].pop("at").endswith("Z")
    assert line["review"] == {"verdict": "false_alarm", "note": "a shadow", "by": "ann"}
    assert (line["id"], line["ts"], line["model_version"]) == (
        "evt-3",
        "2026-05-29T12:00:02.000Z",
        "yolox-nano@2021-08-19",
    )
    assert [view["ts"] for view in line["views"]] == [
        "2026-05-29T12:00:02.000Z",
        "2026-05-29T12:00:03.000Z",
    ]
    for view in line["views"]:
        assert {side: pytest.approx(view["box"][side]) for side in "xywh"} == BOX
        assert (view["width"], view["height"], view["label"]) == (200, 100, "person")
        assert (out / view["image"]).read_bytes() == JPEG
        with av.open(str(out / view["crop"])) as crop:
            stream = crop.streams.video[0]
            assert (stream.width, stream.height) == (60, 60)
    named = [view[kind] for view in line["views"] for kind in ("image", "crop")]
    assert files(out) == sorted([*named, "events.ndjson"])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["evt-1", "evt-2", "evt-3"]),
        (["--acknowledged"], ["evt-1"]),
        (["--acknowledged", "--false-alarms"], ["evt-1", "evt-3"]),
        (["--since", "2026-05-29T12:00:01Z", "--until", "2026-05-29T14:00:02+02:00"], ["evt-2"]),
        (["--tenant", "acme"], []),
    ],
    ids=["all", "acknowledged", "reviewed", "time", "other tenant"],
)
def test_what_is_asked_for_is_written(
    installation: Path, tmp_path: Path, words: list[str], names: list[str]
) -> None:
    assert exported(tmp_path / "out", *words).exit_code == 0
    assert [line["id"] for line in lines(tmp_path / "out")] == names


def test_events_without_a_picture_are_listed_all_the_same(
    installation: Path, tmp_path: Path
) -> None:
    shown = exported(tmp_path / "out")
    assert shown.output == "3 events exported, 2 views without a picture\n"
    views = [view for line in lines(tmp_path / "out")[:2] for view in line["views"]]
    assert [(view["image"], view["crop"], view["width"]) for view in views] == [(None,) * 3] * 2


def test_pages_follow_each_other(
    installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_export, "PAGE", 1)
    assert exported(tmp_path / "out").exit_code == 0
    assert [line["id"] for line in lines(tmp_path / "out")] == ["evt-1", "evt-2", "evt-3"]


def test_an_export_again_is_the_same(installation: Path, tmp_path: Path) -> None:
    exported(tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in files(tmp_path / "out")}
    exported(tmp_path / "out")
    assert before == {
        name: (tmp_path / "out" / name).read_bytes() for name in files(tmp_path / "out")
    }


def test_a_folder_that_cannot_be_written_is_named(installation: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "images").write_text("in the way")
    shown = exported(tmp_path / "out")
    assert shown.exit_code == 1
    assert "vms: " in shown.output
    assert "Traceback" not in shown.output


def test_a_time_that_is_none_is_refused(installation: Path, tmp_path: Path) -> None:
    shown = exported(tmp_path / "out", "--since", "yesterday")
    assert shown.exit_code == 2
    assert not (tmp_path / "out").exists()
