"""Digest and basic authentication (RFC 2617, RFC 7617) as cameras ask for it."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from media.simulator.messages import Header, Request

REALM = "simulator"
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


class AuthScheme(StrEnum):
    DIGEST = "digest"
    BASIC = "basic"


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str = field(repr=False)
    schemes: frozenset[AuthScheme] = frozenset(AuthScheme)
    """What the camera offers and takes."""


def challenges(credentials: Credentials, nonce: str) -> tuple[Header, ...]:
    """The headers of a 401, strongest scheme first."""
    offers = {
        AuthScheme.DIGEST: f'Digest realm="{REALM}", nonce="{nonce}", algorithm="MD5"',
        AuthScheme.BASIC: f'Basic realm="{REALM}"',
    }
    return tuple(
        Header("WWW-Authenticate", offer)
        for scheme, offer in offers.items()
        if scheme in credentials.schemes
    )


def is_authorized(request: Request, credentials: Credentials, nonce: str) -> bool:
    """Whether a request proves that its sender knows the password."""
    scheme, _, proof = request.headers.get("authorization", "").partition(" ")
    try:
        wanted = AuthScheme(scheme.lower())
    except ValueError:
        return False
    if wanted not in credentials.schemes:
        return False
    if wanted is AuthScheme.BASIC:
        return _is_basic(proof, credentials)
    return _is_digest(proof, request, credentials, nonce)


def _is_basic(proof: str, credentials: Credentials) -> bool:
    try:
        given = b64decode(proof, validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(given, f"{credentials.user}:{credentials.password}".encode())


def _is_digest(proof: str, request: Request, credentials: Credentials, nonce: str) -> bool:
    """RFC 2617, 3.2.2, without qop, which is not offered."""
    given = {name: quoted or bare for name, quoted, bare in _PARAMETER.findall(proof)}
    expected: Mapping[str, str] = {
        "username": credentials.user,
        "realm": REALM,
        "nonce": nonce,
        "uri": request.uri,
    }
    if any(given.get(name) != value for name, value in expected.items()):
        return False
    secret = _md5(f"{credentials.user}:{REALM}:{credentials.password}")
    asked = _md5(f"{request.method}:{request.uri}")
    response = _md5(f"{secret}:{nonce}:{asked}")
    return hmac.compare_digest(given.get("response", "").encode(), response.encode())


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
