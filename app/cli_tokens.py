"""`vms token` and `vms token-revoke`: tokens made, and ended before their time."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated

import typer

from app import instants
from app.cli_tenants import acting
from app.instants import EPOCH
from app.settings import Settings
from app.tokens import TokenWish, make_token, scopes_of, seconds_of
from media.clock import SystemClock
from models.revocation import TokenRevocation
from resolvers.access import Actor, Scope
from resolvers.revocations import TokensWish, token_revoke, tokens_revoke

MAX_TOKEN_CHARACTERS = 100_000

_OPERATOR = Actor("", frozenset({Scope.PLATFORM_ADMIN}), subject="the command line")


def make(
    ctx: typer.Context,
    scope: Annotated[str, typer.Option(help="Scopes, separated by spaces.")],
    tenant: Annotated[str, typer.Option(help="The tenant it is for.")] = "default",
    ttl: Annotated[str, typer.Option(help="How long it is good: 90s, 15m, 1h, 30d.")] = "1h",
    subject: Annotated[
        str | None, typer.Option(help="Whom it is for, so that all of theirs can be revoked.")
    ] = None,
) -> None:
    """Prints a signed token."""
    try:
        wish = TokenWish(tenant, scopes_of(scope), seconds_of(ttl), subject)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(make_token(ctx.obj, SystemClock(), wish))


def revoke(
    ctx: typer.Context,
    *,
    tenant: Annotated[str | None, typer.Option(help="Not one token, but this tenant's:")] = None,
    subject: Annotated[str | None, typer.Option(help="those of this subject,")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="or all of them.")] = False,
    issued_before: Annotated[
        str | None, typer.Option(help="Issued before, as 2026-01-31T23:59:59Z; else before now.")
    ] = None,
) -> None:
    """Ends tokens before their time, in every process, within a second.

    Without options one token, which is read from the standard input: process lists show arguments.
    """
    if tenant is None:
        if subject is not None or everybody or issued_before is not None:
            raise typer.BadParameter("say whose tokens, with --tenant")
        written = _one(ctx.obj, sys.stdin.read(MAX_TOKEN_CHARACTERS).strip())
    else:
        if everybody == (subject is not None):
            raise typer.BadParameter("want either --subject or --all")
        before = None
        if issued_before is not None:
            before = instants.option("--issued-before", issued_before)
        written = _many(ctx.obj, TokensWish(subject, before, tenant))
    typer.echo(_told(written))


def _one(settings: Settings, token: str) -> TokenRevocation:
    return acting(settings, _OPERATOR, lambda who: token_revoke(who, token))


def _many(settings: Settings, wish: TokensWish) -> TokenRevocation:
    return acting(settings, _OPERATOR, lambda who: tokens_revoke(who, wish))


def _told(written: TokenRevocation) -> str:
    whose = "everybody" if written.subject is None else written.subject
    if written.before_us is None:
        whose = written.subject or "nobody named"
        return f"revoked: a token of {written.tenant_id}, for {whose}"
    moment = EPOCH + timedelta(microseconds=written.before_us)
    text = moment.isoformat(timespec="milliseconds")
    return f"revoked: tokens of {written.tenant_id}, for {whose}, issued before {text}"
