"""Where GraphQL clients put their token; who it stands for is only the use cases' to say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from resolvers.access import Actor
from resolvers.context import Context, World
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


async def until_expired(ctx: Context) -> None:
    """Returns when the caller's credential is over; never, if it has no end.

    Looks at the clock again and again: it may step, and machines sleep.
    """
    if ctx.actor.expires_us is None:
        await asyncio.Event().wait()
        return
    left_us = ctx.actor.expires_us - ctx.world.clock.now_us()
    while left_us > 0:
        await asyncio.sleep(min(left_us / 1_000_000, 30.0))
        left_us = ctx.actor.expires_us - ctx.world.clock.now_us()
