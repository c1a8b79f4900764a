"""Secrets that were not given: generated once into the data directory, readable by its owner."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.settings import Settings


class KeyringError(Exception):
    """A stored secret cannot be read or trusted; the text says which file and what to do."""


class Keyring:
    """The secrets of an installation: from the settings, else from files of mode 0600."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = settings.data_dir / "secrets"

    def token_secret(self) -> str:
        return self._given(self._settings.jwt_secret) or self._kept("jwt-secret", _random)

    def grant_key(self) -> str:
        return self._given(self._settings.grant_key) or self._kept("grant-key", _random)

    def metrics_password(self) -> str:
        given = self._given(self._settings.metrics_password)
        return given or self._kept("metrics-password", _random)

    def demo_password(self) -> str:
        """Of the simulated cameras."""
        return self._kept("demo-camera-password", lambda: secrets.token_hex(8))

    def camera_keys(self) -> list[str]:
        """Fernet keys, the one that seals first."""
        given = [key.get_secret_value() for key in self._settings.camera_keys]
        return given or [self._kept("camera-key", lambda: Fernet.generate_key().decode())]

    @staticmethod
    def _given(secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret is not None else None

    def _kept(self, name: str, generate: Callable[[], str]) -> str:
        """Linked into place when whole: two processes that start at once agree on one secret."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / name
        if not path.exists():
            draft = self._folder / f".{name}.{secrets.token_hex(4)}"
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(generate())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return self._read(path)

    def _read(self, path: Path) -> str:
        if path.stat().st_mode & 0o077:
            raise KeyringError(f"{path} can be read by others; do: chmod 600 {path}")
        text = path.read_text().strip()
        if not text:
            raise KeyringError(f"{path} is empty; restore it from a backup, or delete it")
        return text


def _random() -> str:
    return secrets.token_urlsafe(36)
