from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.keyring import Keyring, KeyringError
from app.settings import Settings


def test_what_is_not_given_is_generated_once_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = (Keyring(Settings(data_dir=tmp_path)) for _ in range(2))
    assert first.token_secret() == second.token_secret()
    assert len({first.token_secret(), first.grant_key(), first.metrics_password()}) == 3
    Fernet(first.camera_keys()[0])
    for path in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_what_is_given_is_taken_and_nothing_is_written(tmp_path: Path) -> None:
    given = SecretStr("g" * 32)
    keyring = Keyring(Settings(data_dir=tmp_path, jwt_secret=given, grant_key=given))
    assert keyring.token_secret() == keyring.grant_key() == "g" * 32
    assert list(tmp_path.iterdir()) == []


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(
            threads.map(lambda _: Keyring(Settings(data_dir=tmp_path)).token_secret(), range(64))
        )
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["jwt-secret"]


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    keyring = Keyring(Settings(data_dir=tmp_path))
    keyring.token_secret()
    (tmp_path / "secrets/jwt-secret").chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        keyring.token_secret()
