"""Signed calls between API processes and workers: who calls, what exactly, for whose footage."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from media.clock import Clock
from media.store import CameraFolder
from resolvers.errors import NotAuthenticated

ALIVE = "/alive"
FILE = "/footage/{date}/{hour}/{name}"
KEY_PICTURES = "key-pictures"
EXPORT = "/exports/{claim}/{name}"
FRAMES = re.compile(r"boxes-([0-9a-f]{32})\.bin", re.ASCII)
LIVE = "/live/{camera_key}"
LIVE_SESSION = "/live/{camera_key}/{session}"
LIVE_PICTURE = "/picture/{camera_key}"
"""What can be called: whether anybody is there, a file or the playlist of an hour folder, where the
key pictures of its segments are (JSON, under that name), what was followed in one of its runs
(FRAMES), a file of an export, live view of a camera, begun with POST and ended with DELETE, and a
picture of it as it is now."""
CALL_SECONDS = 60
"""Covers clocks that differ by as much; a call is used at once."""
_PURPOSE = b"calls between the processes of one installation"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the worker that holds a store. `path` is all of the address.

    `camera` is whose footage it is about, None where it is about none: the worker takes tenant and
    folder from here and from nowhere else. `digest` is the SHA-256 of its body, None without one.
    """

    store_id: UUID
    method: str
    path: str
    camera: CameraFolder | None = None
    digest: str | None = None


class CallKey:
    """Signs calls and checks them; its secret is derived, so a grant is no call."""

    def __init__(self, grant_key: str, clock: Clock) -> None:
        self._secret = hmac.digest(grant_key.encode(), _PURPOSE, hashlib.sha256)
        self._clock = clock

    def authorization(self, call: Call) -> str:
        """The `Authorization` header that lets the call in, for CALL_SECONDS."""
        claims: dict[str, Any] = {
            "aud": call.store_id.hex,
            "method": call.method,
            "path": call.path,
            "exp": self._clock.now_us() // 1_000_000 + CALL_SECONDS,
        }
        if call.camera is not None:
            claims |= {"tenant": call.camera.tenant_id, "camera": call.camera.name}
        if call.digest is not None:
            claims["body"] = call.digest
        return f"Bearer {jwt.encode(claims, self._secret, algorithm='HS256')}"

    def checked(self, authorization: str, store_id: UUID, method: str, path: str) -> Call:
        """The call that a request may make.

        Raises:
            NotAuthenticated: it was signed by nobody of this installation, for another store,
                method or address, or too long ago.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer":
            raise NotAuthenticated("this wants a signed call")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=store_id.hex,
                options={"require": ["exp", "aud"], "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, UnicodeError) as error:
            raise NotAuthenticated("the call is not signed for here and now") from error
        if (claims.get("method"), claims.get("path")) != (method, path):
            raise NotAuthenticated("the call was signed for another address")
        camera = None
        if "tenant" in claims:
            camera = CameraFolder(str(claims["tenant"]), str(claims["camera"]))
        digest = str(claims["body"]) if "body" in claims else None
        return Call(store_id, method, path, camera, digest)


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
