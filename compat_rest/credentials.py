"""Where this dialect carries credentials; `resolvers.identity` alone judges them."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from compat_rest.errors import CredentialMissing
from resolvers.access import Actor
from resolvers.context import Context, World
from resolvers.errors import NotAuthenticated


async def of_header(connection: HTTPConnection) -> Context:
    """`Authorization: Bearer <jwt>`.

    Raises:
        CredentialMissing: there is none.
        NotAuthenticated: it is malformed, bad or expired.
    """
    world: World = connection.app.state.world
    return Context(await _actor(world, _bearer(connection)), world)


async def of_header_or_query(connection: HTTPConnection) -> Context:
    """The header or else `?token=`: a browser's WebSocket can set no header.

    Raises like `of_header`.
    """
    world: World = connection.app.state.world
    token = _bearer(connection) or _in_query(connection, "token")
    return Context(await _actor(world, token), world)


async def of_player(connection: HTTPConnection) -> Context:
    """The header, `?token=`, or else `?grant=` as playlists hand it out.

    Raises like `of_header`.
    """
    grant = _in_query(connection, "grant")
    if grant is None or _bearer(connection) or _in_query(connection, "token"):
        return await of_header_or_query(connection)
    world: World = connection.app.state.world
    return Context(world.identity.actor_of_grant(grant), world)


async def _actor(world: World, token: str | None) -> Actor:
    if token is None:
        raise CredentialMissing("this needs a bearer token")
    return await world.identity.actor_of_token(token)


def _bearer(connection: HTTPConnection) -> str | None:
    """The token of the header; None when there is no header of that scheme."""
    headers = connection.headers.getlist("authorization")
    if len(headers) > 1:
        raise NotAuthenticated("more than one Authorization header")
    scheme, _, token = (headers[0] if headers else "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _in_query(connection: HTTPConnection, name: str) -> str | None:
    given = connection.query_params.getlist(name)
    if len(given) > 1:
        raise NotAuthenticated(f"more than one {name} in the address")
    return given[0] if given else None
