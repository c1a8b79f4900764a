"""`vms models replay`: the same footage is the same log, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from app.settings import Settings
from media.eventing import EventRules
from tests.app.replayed import Recorded, add_model, iso, vms
from tests.app.test_cli import own_logging as own_logging
from tests.data import shared_data


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name in list(os.environ):
        if name.startswith("VMS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VMS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VMS_DEVICE", "CPU")
    monkeypatch.setenv("VMS_LOG_LEVEL", "WARNING")
    return Settings(data_dir=tmp_path, device="CPU")


@pytest.fixture
def recorded(pattern: Recorded, settings: Settings) -> Recorded:
    return pattern.copied(settings)


def replay(*words: str) -> Result:
    return vms("models", "replay", *words)


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_footage_gives_the_same_bytes_twice_and_other_bytes_otherwise(recorded: Recorded) -> None:
    """Of a camera; of a copy of its hour, which knows nothing of the camera; and another model."""
    first, second = replay(*recorded.whole), replay(*recorded.whole)
    add_model(recorded.settings, recorded.settings.data_dir / "other", 0.72, "other")
    copy = recorded.settings.data_dir / "copy"
    shutil.copytree(recorded.folder, copy)

    began, ended = lines(first)

    assert first.stdout_bytes == second.stdout_bytes
    assert (began["change"], ended["change"]) == ("began", "ended")
    assert (began["type"], began["model_version"]) == ("person", "tiny@2024-01-02")
    assert began["at_us"] == ended["at_us"] < ended["ended_us"]
    assert replay(*recorded.whole, "--model", "other").stdout_bytes != first.stdout_bytes
    assert lines(replay(*recorded.whole, "--begin", "0.95")) == []
    of_copy = lines(replay("--footage", str(copy), "--feature", "person"))
    assert [each["at_us"] for each in of_copy] == [began["at_us"]] * 2
    assert recorded.events() == []


def test_only_events_that_begin_in_the_interval_are_told(recorded: Recorded) -> None:
    """Who stands there before is an event before: the lead-in has seen them."""
    began = lines(replay(*recorded.whole))[0]
    moment = began["at_us"]

    def told(from_us: int, to_us: int) -> int:
        since, until = iso(from_us), iso(to_us)
        return len(lines(replay(recorded.camera.slug, "--from", since, "--to", until)))

    assert EventRules().still_s == 3.0
    assert told(moment, moment + 200_000) == 2
    assert told(moment + 1, moment + 900_000) == 0
    assert told(moment - 900_000, moment) == 0


def test_the_log_goes_to_a_file_and_the_counts_to_the_terminal(recorded: Recorded) -> None:
    path = recorded.settings.data_dir / "log.ndjson"
    printed = replay(*recorded.whole)

    shown = replay(*recorded.whole, "--out", str(path))

    assert path.read_bytes() == printed.stdout_bytes
    assert shown.stdout == ""
    assert "tiny@2024-01-02: 1 events; " in shown.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "want a CAMERA with --from and --to, or --footage alone"),
        (["cam-gate", "--from", "2026-01-01T00:00:00Z"], "want a CAMERA with --from and --to"),
        (
            ["cam-gate", "--from", "2026-01-01", "--to", "2026-01-01T01:00:00Z"],
            "--from: want a time with its zone",
        ),
        (
            ["cam-gate", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-03T00:00:00Z"],
            "by a day at most",
        ),
        (
            ["cam-none", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"],
            "there is no camera 'cam-none'",
        ),
    ],
    ids=["nothing", "half an interval", "no zone", "too long", "no camera"],
)
def test_what_cannot_be_replayed_is_refused(
    settings: Settings, words: list[str], says: str
) -> None:
    add_model(settings, settings.data_dir / "made")

    refused = replay(*words)

    assert refused.exit_code == 2
    assert says in " ".join(refused.stderr.replace("│", " ").split())
    assert refused.stdout == ""


def test_another_tenants_camera_is_absent(recorded: Recorded) -> None:
    vms("tenants", "create", "other")

    refused = replay(*recorded.whole, "--tenant", "other")

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "there is no camera 'cam-gate'" in refused.stderr


def test_an_interval_without_footage_is_told(recorded: Recorded) -> None:
    hour = ["--from", "2020-01-01T00:00:00Z", "--to", "2020-01-01T01:00:00Z"]

    shown = replay(recorded.camera.slug, *hour)

    assert shown.exit_code == 2
    assert "there was nothing to look at" in shown.stderr


def test_a_model_that_is_not_installed_is_told(recorded: Recorded) -> None:
    shown = replay(*recorded.whole, "--model", "yolox-nano")

    assert shown.exit_code == 2
    assert "vms: model yolox-nano is not installed" in shown.stderr


def test_real_footage_with_a_real_model_is_the_same_twice(settings: Settings) -> None:
    """A square with walkers, decoded, detected, followed and told: to the last bit."""
    material = shared_data()
    vms("models", "pull", "--file", str(material / "models" / "yolox_nano.onnx"))
    words = ["--footage", str(material / "videos" / "vtest.avi"), "--fps", "1"]

    first, second = replay(*words), replay(*words)

    assert first.exit_code == 0, first.output
    assert first.stdout_bytes == second.stdout_bytes
    assert {each["change"] for each in lines(first)} >= {"began", "ended"}
