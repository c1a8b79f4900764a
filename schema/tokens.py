"""Tokens ended before their time: what was revoked, and the mutations for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import revocations
from resolvers.context import Context
from resolvers.errors import FieldError, InvalidInput, NotFound, VmsError
from resolvers.revocations import TokensWish
from schema.errors import UserError, user_errors
from schema.fields import field
from schema.inputs import or_none
from schema.scalars import Instant

if TYPE_CHECKING:
    from models.revocation import TokenRevocation as RevocationValue

Token = Annotated[
    str,
    strawberry.argument(
        description="The token itself, as it is sent. Pass it as a variable, not in the document."
    ),
]
Subject = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Of this subject (`sub`) alone. Left out, of everybody; it can't be null."
    ),
]
IssuedBefore = Annotated[
    Instant | None,
    strawberry.argument(
        description=(
            "Those issued (`iat`) before this, and those that do not say when. Now, when it is "
            "left out."
        )
    ),
]
OfTenant = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Of this tenant, for `platform:admin`; of the token's own, when left out."
    ),
]


@strawberry.type(description="Tokens that are no longer good, although their time is not over.")
class TokenRevocation:
    def __init__(self, revocation: RevocationValue) -> None:
        self._revocation = revocation

    @field(description="Whose tokens; null for everybody's, or where one token does not say.")
    def subject(self) -> str | None:
        return self._revocation.subject

    @field(description="Those that were issued before; null where it is one token.")
    def issued_before(self) -> Instant | None:
        before_us = self._revocation.before_us
        return None if before_us is None else Instant(before_us)

    @field(description="The subject of the token that revoked them.")
    def revoked_by(self) -> str:
        return self._revocation.revoked_by

    @field(description="When they were revoked.")
    def revoked_at(self) -> Instant:
        return Instant(self._revocation.revoked_us)


@strawberry.type(description="A revocation as written.")
class TokenRevokePayload:
    revocation: TokenRevocation | None = strawberry.field(
        description="As it is now; null when refused."
    )
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def revoke_one(ctx: Context, token: str) -> TokenRevokePayload:
    try:
        return _written(await revocations.token_revoke(ctx, token))
    except (InvalidInput, NotFound) as error:
        return _refused(error)


async def revoke_many(
    ctx: Context, subject: str | None, issued_before: int | None, tenant_id: str | None
) -> TokenRevokePayload:
    """Arguments may be UNSET. A subject that is null by mistake must not mean everybody."""
    if subject is None:
        return _refused(InvalidInput(FieldError("subject", "leave it out to mean everybody")))
    wish = TokensWish(or_none(subject), or_none(issued_before), or_none(tenant_id))
    try:
        return _written(await revocations.tokens_revoke(ctx, wish))
    except (InvalidInput, NotFound) as error:
        return _refused(error)


def _written(revocation: RevocationValue) -> TokenRevokePayload:
    return TokenRevokePayload(revocation=TokenRevocation(revocation), user_errors=[])


def _refused(error: VmsError) -> TokenRevokePayload:
    return TokenRevokePayload(revocation=None, user_errors=user_errors(error))
