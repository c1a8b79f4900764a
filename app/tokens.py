"""Makes tokens for people and programs, where this installation holds the secret."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import jwt

from app.keyring import Keyring
from app.settings import Settings, SettingsError
from media.clock import Clock
from resolvers.access import Scope

_TTL = re.compile(r"(\d{1,6})([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds_of(ttl: str) -> int:
    """`90s`, `15m`, `1h`, `30d` in seconds. Raises ValueError for anything else."""
    found = _TTL.fullmatch(ttl)
    if not found or int(found[1]) == 0:
        raise ValueError(f"{ttl!r}: want a time like 90s, 15m, 1h or 30d")
    return int(found[1]) * _UNIT_SECONDS[found[2]]


def scopes_of(text: str) -> list[str]:
    """Names separated by spaces. Raises ValueError that names an unknown one."""
    names = text.replace(",", " ").split()
    known = [scope.value for scope in Scope]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        wrong = f"{unknown[0]!r} is no scope" if unknown else "no scope was given"
        raise ValueError(f"{wrong}; there are {' '.join(known)}")
    return names


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a token shall say. `subject` is whom it is for, so that all of theirs can be revoked."""

    tenant_id: str
    scopes: Sequence[str]
    ttl_seconds: int
    subject: str | None = None


def make_token(settings: Settings, clock: Clock, wish: TokenWish) -> str:
    """A signed token of a name of its own. Raises SettingsError where another party signs them."""
    if settings.jwt_algorithm != "HS256":
        raise SettingsError("tokens are signed by your identity provider (VMS_JWT_ALGORITHM)")
    now = clock.now_us() // 1_000_000
    claims: dict[str, object] = {
        settings.jwt_tenant_claim: wish.tenant_id,
        settings.jwt_scope_claim: " ".join(wish.scopes),
        "iat": now,
        "exp": now + wish.ttl_seconds,
        "jti": uuid4().hex,
    }
    if wish.subject is not None:
        claims["sub"] = wish.subject
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience:
        claims["aud"] = settings.jwt_audience
    return jwt.encode(claims, Keyring(settings).token_secret(), algorithm="HS256")
