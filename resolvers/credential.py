"""What tells a token from others, so that it can be revoked, with all that was made of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

AHEAD_US = 60 * 1_000_000
"""An issuer's clock may be so far ahead of ours; a time of issue beyond that is none."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Which token somebody acts with. Grants and live views carry that of the token they are from.

    `token` and `holder` are digests, of the token and of the subject it was made for. `issued_us`
    is None where it does not say when: it then counts as issued before any instant.
    """

    token: str
    holder: str | None = None
    issued_us: int | None = None

    @property
    def text(self) -> str:
        """For `Credential.read`; fit for an address."""
        issued = "" if self.issued_us is None else self.issued_us
        return f"{self.token}.{self.holder or ''}.{issued}"

    @classmethod
    def read(cls, text: str) -> Credential:
        """Raises ValueError for what is no `text` of ours."""
        token, holder, issued = text.split(".")
        return cls(token, holder or None, int(issued) if issued else None)


def credential_of(
    token: str, claims: Mapping[str, object], holder: str | None, now_us: int
) -> Credential:
    """Of a token that was verified.

    Without a `jti` it is known by what was signed. Not by all of its text: from one signature
    others of the same can be made, by anybody.
    """
    name = claims.get("jti")
    named = isinstance(name, str) and name
    digest = digest_of("jti", str(name)) if named else digest_of("token", token.rpartition(".")[0])
    issued = claims.get("iat")
    issued_us = None
    if isinstance(issued, int | float) and not isinstance(issued, bool):
        issued_us = int(issued * 1_000_000)
    if issued_us is not None and not 0 < issued_us <= now_us + AHEAD_US:
        issued_us = None
    return Credential(digest, holder, issued_us)


def holder_of(tenant_id: str, subject: str) -> str:
    """The digest of a tenant's subject: a name has no place in an address."""
    return digest_of("subject", tenant_id, subject)


def digest_of(*words: str) -> str:
    """128 bits, as 22 characters that are fit for an address."""
    found = hashlib.sha256("\0".join(words).encode()).digest()[:16]
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()
