from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner, Result

from app.cli import app, main
from app.logging import QUIET
from tests.embedded import lay_database


@pytest.fixture(autouse=True)
def own_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("VMS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("VMS_DATA_DIR", str(tmp_path))


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """The command sets up logging for its process; this process goes on."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), {name: logging.getLogger(name).level for name in QUIET}
    level = root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize(
    "command",
    [
        *(
            "demo",
            "serve",
            "api",
            "worker",
            "migrate",
            "token",
            "token-revoke",
            "assets",
            "settings",
        ),
        *("tenants", "tenants list", "tenants create", "tenants set", "tenants after-restore"),
        *("events", "events import", "events export"),
        *(
            "models",
            "models list",
            "models pull",
            "models check",
            "models replay",
            "models compare",
        ),
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    shown = run(*command.split(), "--help")
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_a_token_is_printed_with_what_was_asked_for(tmp_path: Path) -> None:
    shown = run("token", "--tenant", "acme", "--scope", "cameras:read events:read", "--ttl", "1h")
    assert shown.exit_code == 0, shown.output
    secret = (tmp_path / "secrets/jwt-secret").read_text()
    claims = jwt.decode(shown.stdout.strip(), secret, algorithms=["HS256"])
    assert (claims["tenant_id"], claims["scope"]) == ("acme", "cameras:read events:read")
    assert claims["exp"] - claims["iat"] == 3600


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scope", "cameras:fly"], "cameras:fly"),
        (["--scope", "cameras:read", "--ttl", "soon"], "soon"),
    ],
)
def test_a_wrong_token_request_says_what_was_wanted(words: list[str], says: str) -> None:
    shown = run("token", *words)
    assert shown.exit_code == 2
    assert says in shown.output


def test_tenants_are_listed_created_and_changed() -> None:
    assert run("tenants", "list").stdout.startswith("default\tcamera limit 16\tperson,vehicle,face")
    made = run("tenants", "create", "acme", "--camera-limit", "10", "--features", "person,vehicle")
    assert made.stdout == "acme\tcamera limit 10\tperson,vehicle\n"
    changed = run("tenants", "set", "acme", "--camera-limit", "3")
    assert changed.stdout == "acme\tcamera limit 3\tperson,vehicle\n"
    assert len(run("tenants", "list").stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["create", "default"], "tenant default exists"),
        (["create", "Bad Name"], "id: want"),
        (["set", "ghost", "--camera-limit", "1"], "no tenant 'ghost'"),
        (["set", "default", "--features", "flying"], "flying"),
        (["set", "default", "--camera-limit", "-1"], "camera_limit"),
    ],
)
def test_a_wrong_tenant_request_changes_nothing(
    tmp_path: Path, words: list[str], says: str
) -> None:
    lay_database(tmp_path)
    before = run("tenants", "list").stdout
    shown = run("tenants", *words)
    assert shown.exit_code == 1
    assert says in shown.output
    assert run("tenants", "list").stdout == before


def test_an_unknown_setting_stops_with_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VMS_DATADIR", "x")
    monkeypatch.setattr("sys.argv", ["vms", "tenants", "list"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "VMS_DATADIR" in capsys.readouterr().err


def test_migrating_brings_a_new_database_up_to_date(tmp_path: Path) -> None:
    for _ in range(2):
        shown = run("migrate")
        assert shown.stdout == "the database is up to date\n"
    assert (tmp_path / "vms.db").exists()
