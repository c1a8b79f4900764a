"""Where GraphQL clients put their token; who it stands for is only the use cases' to say."""

from __future__ import annotations

from collections.abc import Mapping

from resolvers.access import Actor
from resolvers.context import World
from resolvers.errors import NotAuthenticated

_SCHEME = "bearer "


def bearer(header: object) -> str | None:
    """The token of an `Authorization` value; None when it is none of the Bearer scheme."""
    if not isinstance(header, str) or header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return header[len(_SCHEME) :].strip() or None


def token_of_init(payload: Mapping[str, object]) -> str | None:
    """The token in a `connection_init`: `token`, or `authorization` as in the header."""
    token = payload.get("token")
    if isinstance(token, str) and token:
        return token
    return bearer(payload.get("authorization")) or bearer(payload.get("Authorization"))


async def actor_of(world: World, token: str | None) -> Actor:
    """Raises NotAuthenticated without a token, or with one that is bad or over."""
    if token is None:
        raise NotAuthenticated("want a bearer token")
    return await world.identity.actor_of_token(token)
