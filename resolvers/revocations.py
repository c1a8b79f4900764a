"""Tokens ended before their time: one, all of a subject, or all of a tenant."""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec

from models.revocation import TokenRevocation, revoke, subjects_named
from resolvers.access import UNNAMED, Actor, Scope, demand
from resolvers.bus import REVOCATIONS
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotAuthenticated
from resolvers.identity import MAX_SUBJECT_CHARACTERS
from resolvers.revoked import KEPT_US
from resolvers.tenants import tenant_by_id

MOST_SUBJECTS = 10_000
"""Of one tenant: every process holds them in memory."""


class TokensWish(msgspec.Struct, frozen=True):
    """Which tokens: of `subject`, None for everybody's, of `tenant_id`, None for the actor's own.

    Those issued before `before_us`, None for now.
    """

    subject: str | None = None
    before_us: int | None = None
    tenant_id: str | None = None


async def token_revoke(ctx: Context, token: str) -> TokenRevocation:
    """Ends one token, wherever it is used; again, nothing changes.

    Raises:
        ScopeMissing: it is not the one that asks, and that has no `tenant:admin`.
        InvalidInput: it is no token of this tenant, nor the actor the platform's administrator.
        NotFound: its tenant does not exist.
    """
    actor = ctx.actor
    found = await _verified(ctx, token)
    is_platform = actor.may(Scope.PLATFORM_ADMIN)
    if not is_platform and not _is_own(actor, found):
        demand(actor, Scope.TENANT_ADMIN)
    if found is None or found.credential is None:
        raise InvalidInput(FieldError("token", "want a token of this tenant"))
    if found.tenant_id != actor.tenant_id and not is_platform:
        raise InvalidInput(FieldError("token", "want a token of this tenant"))
    await tenant_by_id(found.tenant_id)
    digest = found.credential.token
    wanted = TokenRevocation(
        tenant_id=found.tenant_id,
        id=_id_of(found.tenant_id, "token", digest),
        token=digest,
        subject=found.subject,
        before_us=None,
        until_us=found.expires_us,
        revoked_by=actor.subject or UNNAMED,
        revoked_us=ctx.world.clock.now_us(),
    )
    return await _written(ctx, wanted)


async def _verified(ctx: Context, token: str) -> Actor | None:
    try:
        return await ctx.world.identity.verified(token)
    except NotAuthenticated:
        return None


def _is_own(actor: Actor, found: Actor | None) -> bool:
    if actor.credential is None or found is None or found.credential is None:
        return False
    mine, theirs = actor.credential.token, found.credential.token
    return (actor.tenant_id, mine) == (found.tenant_id, theirs)


async def tokens_revoke(ctx: Context, wish: TokensWish) -> TokenRevocation:
    """Ends all tokens that were issued before an instant, those without a time of issue too.

    An earlier instant than before changes nothing.

    Raises:
        ScopeMissing: without `tenant:admin`; another tenant's, without `platform:admin`.
        InvalidInput: the subject is none, or the instant is still to come.
        NotFound: there is no such tenant.
    """
    tenant_id = ctx.actor.tenant_id if wish.tenant_id is None else wish.tenant_id
    is_own = tenant_id == ctx.actor.tenant_id
    demand(ctx.actor, Scope.TENANT_ADMIN if is_own else Scope.PLATFORM_ADMIN)
    now_us = ctx.world.clock.now_us()
    _check(wish, now_us)
    await tenant_by_id(tenant_id)
    what = "all" if wish.subject is None else f"subject\0{wish.subject}"
    wanted = TokenRevocation(
        tenant_id=tenant_id,
        id=_id_of(tenant_id, what),
        token=None,
        subject=wish.subject,
        before_us=now_us if wish.before_us is None else wish.before_us,
        until_us=None,
        revoked_by=ctx.actor.subject or UNNAMED,
        revoked_us=now_us,
    )
    if wish.subject is not None and await subjects_named(tenant_id) >= MOST_SUBJECTS:
        text = f"{MOST_SUBJECTS} subjects are revoked already: revoke all of the tenant's tokens"
        raise InvalidInput(FieldError("subject", text))
    return await _written(ctx, wanted)


def _check(wish: TokensWish, now_us: int) -> None:
    wrong = []
    subject = wish.subject
    if subject is not None and not (
        1 <= len(subject) <= MAX_SUBJECT_CHARACTERS and subject.isprintable()
    ):
        text = f"want 1 to {MAX_SUBJECT_CHARACTERS} characters that can be printed"
        wrong.append(FieldError("subject", text))
    if wish.before_us is not None and wish.before_us > now_us:
        wrong.append(FieldError("issued_before", "want a time that has come"))
    if wrong:
        raise InvalidInput(*wrong)


async def _written(ctx: Context, wanted: TokenRevocation) -> TokenRevocation:
    """Here it holds at once, in other processes after a ring."""
    written = await revoke(wanted, ctx.world.clock.now_us() - KEPT_US)
    ctx.world.identity.revoked.learn([written])
    await ctx.world.bus.ring(REVOCATIONS)
    return written


def _id_of(*words: str) -> UUID:
    return UUID(bytes=hashlib.sha256("\0".join(words).encode()).digest()[:16])
