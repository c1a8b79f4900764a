"""Secrets at rest: camera addresses are stored encrypted."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from resolvers.errors import Unavailable


class Vault:
    """Encrypts with the first key and decrypts with any: put a new key in front to rotate.

    Keys are 32 bytes, url-safe base64 (Fernet: AES-128-CBC with HMAC-SHA256).
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text; raises Unavailable when no key fits (the data directory lost its key)."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise Unavailable("a stored secret does not open with the configured keys") from error
