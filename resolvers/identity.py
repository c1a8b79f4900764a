"""Credentials to actors: bearer tokens of people and programs, and grants in URLs."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec

from media.clock import Clock
from media.log_fields import bind_log_fields
from resolvers.access import Actor, Interval, Scope
from resolvers.credential import Credential, credential_of, holder_of
from resolvers.errors import NotAuthenticated, TokenExpired, TokenRevoked
from resolvers.revoked import Revoked

ALGORITHMS = frozenset({"HS256", "RS256", "ES256", "EdDSA"})
GRANT_SECONDS = 900
EXPORT_GRANT_SECONDS = 4 * 3600
"""An export may be large, and a browser that goes on with a broken download has this address."""
MAX_TENANT_CHARACTERS = 63
MAX_SUBJECT_CHARACTERS = 200

KeyLookup = Callable[[str], Any]
"""Finds the verification key for an unverified token; blocking, raises jwt.PyJWTError."""


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """How bearer tokens are verified: all of it from configuration, none from the token.

    `algorithm` is one of ALGORITHMS. `key` is the secret, a PEM public key, or a lookup by key id.
    `scope_map` translates an issuer's scope names to ours.
    """

    algorithm: str
    key: str | KeyLookup = field(repr=False)
    issuer: str | None = None
    audience: str | None = None
    tenant_claim: str = "tenant_id"
    scope_claim: str = "scope"
    scope_map: Mapping[str, str] = field(default_factory=dict)


REMEMBERED_US = 10 * 1_000_000
"""For so long a token that was verified is not verified again; whether it is over is looked at."""

MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Right:
    """What a grant is for: footage of an interval, the camera now, or an export and no time."""

    scope: Scope
    cameras: frozenset[str]
    interval: Interval | None
    export_id: str | None = None


class Identity:
    """Verifies tokens and grants, and signs grants. `revoked` says which are no longer good.

    `grant_key` is secret and differs from the token key, so that neither can stand for the other.
    """

    def __init__(self, policy: TokenPolicy, grant_key: str, clock: Clock) -> None:
        if policy.algorithm not in ALGORITHMS:
            raise ValueError(f"token algorithm {policy.algorithm} is not one of {ALGORITHMS}")
        self._policy, self._grant_key, self._clock = policy, grant_key, clock
        self.revoked = Revoked(clock)
        self._verified_before: dict[str, tuple[int, Actor]] = {}

    async def actor_of_token(self, token: str) -> Actor:
        """The actor that a bearer token stands for; later log lines of the task say its tenant.

        Raises:
            NotAuthenticated: malformed, wrongly signed, or without a required claim.
            TokenExpired, TokenRevoked: good, but over.
        """
        now = self._clock.now_us()
        until, actor = self._verified_before.get(token, (0, None))
        if actor is None or until <= now:
            actor = await self.verified(token)
            if len(self._verified_before) >= MOST_REMEMBERED:
                self._verified_before.clear()
            self._verified_before[token] = now + REMEMBERED_US, actor
        if (why := self.over(actor)) is not None:
            raise why
        bind_log_fields(tenant=actor.tenant_id)
        return actor

    def over(self, actor: Actor) -> NotAuthenticated | None:
        """Why a credential that was good is so no longer; None while it is."""
        if actor.expires_us is not None and actor.expires_us <= self._clock.now_us():
            return TokenExpired("the token has expired")
        if self.revoked.names(actor.tenant_id, actor.credential):
            return TokenRevoked("the token was revoked")
        return None

    async def verified(self, token: str) -> Actor:
        """The actor of a token, also of one that is over. Raises NotAuthenticated."""
        try:
            key = self._policy.key
            if callable(key):
                key = await asyncio.to_thread(key, token)
            return self._actor(token, self._claims(token, key))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise NotAuthenticated("the token is not valid") from error

    def _claims(self, token: str, key: Any) -> dict[str, Any]:  # noqa: ANN401
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[self._policy.algorithm],
            audience=self._policy.audience,
            issuer=self._policy.issuer,
            options={
                "require": ["exp"],
                "verify_aud": self._policy.audience is not None,
                "verify_exp": False,  # by our clock, each time that it is used
                "verify_iat": False,  # an issuer's clock a second ahead is no forgery
            },
        )
        return claims

    def _actor(self, token: str, claims: Mapping[str, Any]) -> Actor:
        tenant_id = claims.get(self._policy.tenant_claim)
        if not isinstance(tenant_id, str) or not tenant_id:
            raise NotAuthenticated(f"the token lacks the claim {self._policy.tenant_claim}")
        if len(tenant_id) > MAX_TENANT_CHARACTERS or not tenant_id.isprintable():
            raise NotAuthenticated("the token's tenant is no tenant's id")
        if self._policy.scope_claim not in claims:
            raise NotAuthenticated(f"the token lacks the claim {self._policy.scope_claim}")
        subject = _subject(claims)
        holder = None if subject is None else holder_of(tenant_id, subject)
        return Actor(
            tenant_id=tenant_id,
            scopes=self._scopes(claims[self._policy.scope_claim]),
            expires_us=int(claims["exp"]) * 1_000_000,
            subject=subject,
            credential=credential_of(token, claims, holder, self._clock.now_us()),
        )

    def _scopes(self, claim: object) -> frozenset[Scope]:
        """Names that we do not know are other systems' scopes: they grant nothing here."""
        names = claim.split() if isinstance(claim, str) else claim
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise NotAuthenticated("the token's scope is neither a string nor a list of strings")
        known = {scope.value for scope in Scope}
        ours = (self._policy.scope_map.get(name, name) for name in names)
        return frozenset(Scope(name) for name in ours if name in known)

    def sign_grant(self, actor: Actor, camera_id: str, interval: Interval) -> str:
        """A token for URLs: play this camera's footage of this interval, for a short while.

        Its end is rounded up to whole minutes, so that a playlist loaded again soon has the same
        URLs, and never lies beyond the end of the actor's own credential. It ends with that
        credential's revocation too, so each has URLs of its own.
        """
        right = {"c": camera_id, "f": interval.from_us, "u": interval.to_us}
        return self._grant(actor, right, GRANT_SECONDS)

    def sign_live_grant(self, actor: Actor, camera_id: str) -> str:
        """The same for pictures of this camera as it is while the grant lasts; it plays nothing."""
        return self._grant(actor, {"c": camera_id, "s": Scope.LIVE_READ.value}, GRANT_SECONDS)

    def sign_export_grant(self, actor: Actor, export_id: str) -> str:
        """The same for the files of this export. It lasts longer."""
        return self._grant(actor, {"x": export_id}, EXPORT_GRANT_SECONDS)

    def _grant(self, actor: Actor, right: Mapping[str, object], seconds: int) -> str:
        now = self._clock.now_us() // 1_000_000
        expires = -(-(now + seconds) // 60) * 60
        if actor.expires_us is not None:
            expires = min(expires, actor.expires_us // 1_000_000)
        claims = {"t": actor.tenant_id, **right, "exp": expires}
        if actor.credential is not None:
            claims["k"] = actor.credential.text
        return _signed(claims, self._grant_key.encode())

    def actor_of_grant(self, grant: str) -> Actor:
        """The narrowed actor of a grant: one camera and an interval or live view, or one export.

        Raises:
            NotAuthenticated: not a grant of ours.
            TokenExpired, TokenRevoked: over, itself or the token it was made with.
        """
        try:
            claims = jwt.decode(
                grant, self._grant_key, algorithms=["HS256"], options={"require": ["exp", "t"]}
            )
            right = _right(claims)
            credential = Credential.read(claims["k"]) if "k" in claims else None
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired("the grant has expired") from error
        except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise NotAuthenticated("the grant is not valid") from error
        bind_log_fields(tenant=str(claims["t"]))
        actor = Actor(
            tenant_id=claims["t"],
            scopes=frozenset({right.scope}),
            cameras=right.cameras,
            interval=right.interval,
            expires_us=int(claims["exp"]) * 1_000_000,
            credential=credential,
            export_id=right.export_id,
        )
        if (why := self.over(actor)) is not None:
            raise why
        return actor


def _right(claims: Mapping[str, Any]) -> _Right:
    """Raises KeyError or ValueError."""
    if "x" in claims:
        return _Right(Scope.PLAYBACK_READ, frozenset(), Interval(0, 0), str(claims["x"]))
    camera = frozenset({str(claims["c"])})
    if "s" in claims:
        return _Right(Scope(claims["s"]), camera, None)
    return _Right(Scope.PLAYBACK_READ, camera, Interval(int(claims["f"]), int(claims["u"])))


def _subject(claims: Mapping[str, Any]) -> str | None:
    """What a token says of whom it was made for, fit for a table."""
    named = claims.get("sub")
    if not isinstance(named, str) or not named.isprintable():
        return None
    return named[:MAX_SUBJECT_CHARACTERS] or None


def _signed(claims: Mapping[str, object], key: bytes) -> str:
    """A JWS of RFC 7515, as PyJWT makes and reads it, in an eighth of the time.

    A page of an answer may hold thousands of grants.
    """
    unsigned = _HS256 + _base64url(msgspec.json.encode(claims))
    return (unsigned + b"." + _base64url(hmac.digest(key, unsigned, "sha256"))).decode()


def _base64url(text: bytes) -> bytes:
    return base64.urlsafe_b64encode(text).rstrip(b"=")


_HS256 = _base64url(b'{"alg":"HS256","typ":"JWT"}') + b"."
