"""Revocations in the database, and how every process comes to know them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from uuid import uuid4

import jwt
import pytest
from tortoise.queryset import QuerySet

from media.clock import SystemClock
from models.revocation import (
    NumberedRevocation,
    TokenRevocation,
    TokenRevocationTable,
    revocations_from,
    revoke,
)
from resolvers import revocations
from resolvers.access import UNNAMED, Actor, Scope
from resolvers.context import Context, World
from resolvers.errors import InvalidInput, NotFound, ScopeMissing, TokenRevoked
from resolvers.identity import Identity, TokenPolicy
from resolvers.revocations import TokensWish, token_revoke, tokens_revoke
from resolvers.revoked import Revoked
from tests.world import SECRET, context

ADMIN, PLATFORM = Scope.TENANT_ADMIN, Scope.PLATFORM_ADMIN


def token(tenant_id: str = "default", scope: str = ADMIN, **claims: object) -> str:
    now = int(time.time())
    base = {"tenant_id": tenant_id, "scope": scope, "exp": now + 600, "iat": now - 60}
    return jwt.encode({**base, "jti": uuid4().hex, **claims}, SECRET, algorithm="HS256")


async def asking(world: World, bearer: str) -> Context:
    return Context(await world.identity.actor_of_token(bearer), world)


async def is_good(world: World, bearer: str) -> bool:
    try:
        await world.identity.actor_of_token(bearer)
    except TokenRevoked:
        return False
    return True


async def rows() -> list[NumberedRevocation]:
    return await revocations_from(0)


def elsewhere(world: World) -> World:
    """The same installation in another process."""
    return replace(world, identity=Identity(TokenPolicy("HS256", SECRET), "g" * 32, world.clock))


async def test_a_token_ends_itself_and_says_so_in_the_table_but_not_what_it_was(
    world: World,
) -> None:
    mine, another = (token(scope="cameras:read", sub="alice") for _ in range(2))
    written = await token_revoke(await asking(world, mine), mine)
    assert not await is_good(world, mine)
    assert await is_good(world, another)
    [row] = await rows()
    assert (row.subject, row.revoked_by, row.before_us) == ("alice", "alice", None)
    assert (row.id, row.number, len(row.token or "")) == (written.id, 1, 22)
    end = jwt.decode(mine, options={"verify_signature": False})["exp"]
    assert row.until_us == end * 1_000_000


@pytest.mark.parametrize("other", [token(), token("acme"), "rubbish"])
async def test_without_the_scope_another_token_stays(world: World, other: str) -> None:
    poor = await asking(world, token(scope="cameras:read cameras:write"))
    with pytest.raises(ScopeMissing):
        await token_revoke(poor, other)
    assert await rows() == []


async def test_an_administrator_ends_tokens_of_the_own_tenant_alone(world: World) -> None:
    admin = await asking(world, token())
    own, foreign = token(scope="cameras:read"), token("acme")
    await token_revoke(admin, own)
    assert not await is_good(world, own)
    refusals = []
    for each in (foreign, "rubbish", own + "x", ""):
        with pytest.raises(InvalidInput) as refused:
            await token_revoke(admin, each)
        refusals.append(str(refused.value))
    assert set(refusals) == {"token: want a token of this tenant"}
    assert await is_good(world, foreign)
    assert len(await rows()) == 1
    platform = await asking(world, token(scope=PLATFORM))
    await token_revoke(platform, foreign)
    assert not await is_good(world, foreign)
    assert [row.revoked_by for row in await rows()] == [UNNAMED] * 2


async def test_the_same_jti_of_another_tenant_is_another_token(world: World) -> None:
    name = uuid4().hex
    one, other = token(jti=name), token("acme", jti=name)
    await token_revoke(await asking(world, one), one)
    assert not await is_good(world, one)
    assert await is_good(world, other)


async def test_all_of_a_subject_end_and_later_ones_are_good(world: World) -> None:
    now = int(time.time())
    admin = await asking(world, token(sub="root"))
    old, ageless, new, bob = (
        token(sub="alice"),
        token(sub="alice", iat="?"),
        token(sub="alice", iat=now + 30),
        token(sub="bob"),
    )
    written = await tokens_revoke(admin, TokensWish("alice"))
    good = [await is_good(world, each) for each in (old, ageless, new, bob)]
    assert good == [False, False, True, True]
    assert (written.revoked_by, written.until_us) == ("root", None)
    earlier = await tokens_revoke(admin, TokensWish("alice", 5))
    assert earlier == written
    later = await tokens_revoke(admin, TokensWish("alice"))
    assert later.before_us is not None
    assert written.before_us is not None
    assert later.before_us > written.before_us
    assert [row.id for row in await rows()] == [written.id]


async def test_all_of_a_tenant_end_and_what_they_cover_is_forgotten(world: World) -> None:
    admin = await asking(world, token())
    await tokens_revoke(admin, TokensWish("alice"))
    one, foreign = token(sub="carol"), token("acme")
    await tokens_revoke(admin, TokensWish())
    assert not await is_good(world, one)
    assert await is_good(world, foreign)
    [row] = await rows()
    assert (row.tenant_id, row.subject) == ("default", None)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (TokensWish(""), "subject"),
        (TokensWish("a\0"), "subject"),
        (TokensWish("x" * 201), "subject"),
        (TokensWish("a", SystemClock().now_us() + 3_600_000_000), "issued_before"),
    ],
)
async def test_a_wrong_wish_names_the_field(world: World, wish: TokensWish, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await tokens_revoke(context(world), wish)
    assert [each.field for each in refused.value.fields] == [field]
    assert await rows() == []


async def test_another_tenants_are_for_the_platform(world: World) -> None:
    for wish in (TokensWish("alice", None, "acme"), TokensWish(tenant_id="ghost")):
        with pytest.raises(ScopeMissing):
            await tokens_revoke(context(world), wish)
    with pytest.raises(ScopeMissing):
        await tokens_revoke(context(world, "default", Scope.CAMERAS_WRITE), TokensWish("alice"))
    platform = Context(Actor("", frozenset({PLATFORM})), world)
    with pytest.raises(NotFound):
        await tokens_revoke(platform, TokensWish(tenant_id="ghost"))
    assert await rows() == []
    ours, theirs = token(), token("acme")
    await tokens_revoke(platform, TokensWish(tenant_id="acme"))
    assert [await is_good(world, each) for each in (ours, theirs)] == [True, False]


async def test_a_tenant_names_so_many_subjects_and_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revocations, "MOST_SUBJECTS", 2)
    admin = context(world)
    for name in ("a", "b"):
        await tokens_revoke(admin, TokensWish(name))
    with pytest.raises(InvalidInput, match="revoke all"):
        await tokens_revoke(admin, TokensWish("c"))
    assert len(await rows()) == 2
    await tokens_revoke(admin, TokensWish())
    await tokens_revoke(admin, TokensWish("c"))
    assert len(await rows()) == 2


async def test_another_process_hears_of_it(world: World) -> None:
    other, bearer = elsewhere(world), token()
    running = asyncio.create_task(other.identity.revoked.run(world.bus))
    try:
        for number in range(3):
            bearer = token()
            assert await is_good(other, bearer)
            if number < 2:
                await token_revoke(await asking(world, bearer), bearer)
            else:
                await tokens_revoke(context(world), TokensWish())
            async with asyncio.timeout(5):
                while await is_good(other, bearer):
                    await asyncio.sleep(0.005)
    finally:
        running.cancel()


async def test_a_process_that_starts_knows_of_all(world: World) -> None:
    bearers = [token() for _ in range(3)]
    for each in bearers:
        await token_revoke(await asking(world, each), each)
    new = elsewhere(world)
    await new.identity.revoked.look()
    assert [await is_good(new, each) for each in bearers] == [False] * 3


async def test_many_at_once_are_all_told_to_who_looks_meanwhile(world: World) -> None:
    bearers, other = [token() for _ in range(30)], elsewhere(world)
    for each in bearers:
        assert await is_good(other, each)

    async def look() -> None:
        for _ in range(40):
            await other.identity.revoked.look()
            await asyncio.sleep(0.001)

    asks = [await asking(world, each) for each in bearers]
    looking = asyncio.create_task(look())
    await asyncio.gather(*(token_revoke(a, b) for a, b in zip(asks, bearers, strict=True)))
    await looking
    await other.identity.revoked.look()
    assert not any([await is_good(other, each) for each in bearers])
    assert [row.number for row in await rows()] == list(range(1, 31))


async def test_a_database_that_came_from_a_backup_is_read_anew(world: World) -> None:
    first, later = token(), token()
    other = elsewhere(world)
    for each in (first, later):
        await token_revoke(await asking(world, each), each)
    await other.identity.revoked.look()
    await QuerySet(TokenRevocationTable).delete()
    after = token()
    await token_revoke(await asking(world, after), after)
    await other.identity.revoked.look()
    assert [await is_good(other, each) for each in (first, later, after)] == [False] * 3


async def test_rows_that_are_of_no_use_go_but_not_the_last(world: World) -> None:
    def wanted(until_us: int) -> TokenRevocation:
        digest = uuid4().hex[:22]
        return TokenRevocation("acme", uuid4(), digest, None, None, until_us, "somebody", 0)

    for until_us in (10, 20, 30):
        await revoke(wanted(until_us), forget_before_us=25)
    assert [(row.number, row.until_us) for row in await rows()] == [(3, 30)]
    await revoke(wanted(5), forget_before_us=100)
    assert [(row.number, row.until_us) for row in await rows()] == [(4, 5)]
    await revoke(wanted(200), forget_before_us=100)
    assert [row.number for row in await rows()] == [5]


async def test_memory_forgets_tokens_that_are_long_over() -> None:
    clock, now_us = SystemClock(), SystemClock().now_us()
    revoked = Revoked(clock)
    for number in range(3_000):
        end_us = now_us if number % 10 == 0 else 1
        row = TokenRevocation("acme", uuid4(), f"{number}", None, None, end_us, "somebody", 0)
        revoked.learn([row])
    assert 300 <= len(revoked._tokens) <= 2_000
