from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.settings import SettingsError, read_settings, settings_table


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("VMS_"):
            monkeypatch.delenv(name)


def test_without_any_setting_everything_is_embedded(tmp_path: Path) -> None:
    settings = read_settings()
    assert settings.database.startswith("sqlite:///")
    assert (settings.redis_url, settings.host) == (None, "127.0.0.1")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_CAMERA_NETWORKS", "default, 127.0.0.1/32")
    monkeypatch.setenv("VMS_ORIGINS", "https://a.example")
    settings = read_settings()
    assert settings.camera_networks == ("default", "127.0.0.1/32")
    assert settings.origins == ("https://a.example",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VMS_PORT", "a"),
        ("VMS_PORT", "70000"),
        ("VMS_JWT_ALGORITHM", "none"),
        ("VMS_JWT_SECRET", "hunter2"),
        ("VMS_LOG_LEVEL", "LOUD"),
        ("VMS_DATABSE_URL", "x"),
    ],
)
def test_a_wrong_or_unknown_setting_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as caught:
        read_settings()
    assert "hunter2" not in str(caught.value)


def test_secrets_do_not_show_in_a_print(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_JWT_SECRET", "hunter2" * 8)
    monkeypatch.setenv("VMS_DATABASE_URL", "postgres://vms:hunter2@db/vms")
    assert "hunter2" not in repr(read_settings())


def test_the_table_has_a_row_for_each_setting() -> None:
    assert settings_table().count("\n| `VMS_") >= 20
