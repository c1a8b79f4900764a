from __future__ import annotations

from dataclasses import replace

import pytest

from models.base import select
from models.evidence import EvidenceLock, EvidenceLockTable
from resolvers import cameras, cursors
from resolvers.access import UNNAMED, Actor, Interval, Scope
from resolvers.context import Context, World
from resolvers.errors import BadCursor, Conflict, InvalidInput, NotFound, ScopeMissing
from resolvers.evidence import (
    LockWish,
    evidence_lift,
    evidence_lock,
    evidence_locks,
    holding,
    lock_cursor,
)
from tests.resolvers.keeping import DAY, HOUR, NOON, at
from tests.world import add_camera, context

WISH = LockWish(Interval(NOON, NOON + HOUR), "police case 4711")
UNKNOWN_ID = "7a565d0a-8d92-4ffc-90a9-0e743459e617"


def named(ctx: Context, subject: str) -> Context:
    return Context(replace(ctx.actor, subject=subject), ctx.world)


async def rows(tenant_id: str = "default") -> list[EvidenceLock]:
    return await select(EvidenceLockTable.within(tenant_id), EvidenceLock)


async def test_a_lock_says_who_what_why_and_until_when(world: World) -> None:
    camera = await add_camera(world)
    then = at(world, NOON + DAY)
    wish = LockWish(WISH.interval, "  fire  ", NOON + 9 * DAY)
    made = await evidence_lock(named(context(then), "eva"), "cam-front-01", wish)
    assert (made.camera_key, made.from_us, made.to_us) == (camera.key, NOON, NOON + HOUR)
    assert (made.reason, made.until_us, made.locked_by) == ("fire", NOON + 9 * DAY, "eva")
    assert (made.created_us, made.lifted_us) == (NOON + DAY, None)
    assert await rows() == [made]


async def test_a_lock_holds_until_its_end(world: World) -> None:
    camera = await add_camera(world)
    then = at(world, NOON)
    await evidence_lock(context(then), camera.slug, LockWish(WISH.interval, "x", NOON + DAY))
    assert await holding("default", NOON + DAY - 1) == {camera.key: [WISH.interval]}
    assert await holding("default", NOON + DAY) == {}


async def test_who_lifts_a_lock_is_kept_and_the_first_stands(world: World) -> None:
    await add_camera(world)
    made = await evidence_lock(context(world), "cam-front-01", WISH)
    assert made.locked_by == UNNAMED
    lifted = await evidence_lift(named(context(at(world, NOON)), "ada"), str(made.id))
    assert (lifted.lifted_by, lifted.lifted_us) == ("ada", NOON)
    again = await evidence_lift(named(context(world), "bob"), str(made.id))
    assert again == lifted
    assert await holding("default", NOON) == {}


async def test_who_may_lock_may_not_lift(world: World) -> None:
    await add_camera(world)
    made = await evidence_lock(context(world, "default", Scope.CAMERAS_WRITE), "cam-front-01", WISH)
    for scopes in ([Scope.CAMERAS_WRITE, Scope.PLAYBACK_READ], [Scope.PLATFORM_ADMIN]):
        with pytest.raises(ScopeMissing):
            await evidence_lift(context(world, "default", *scopes), str(made.id))
    with pytest.raises(ScopeMissing):
        await evidence_lock(context(world, "default", Scope.PLAYBACK_READ), "cam-front-01", WISH)
    assert await rows() == [made]


@pytest.mark.parametrize("lock_id", ["", "x", UNKNOWN_ID, "é" * 99, "0" * 32 + "\0"])
async def test_an_unknown_lock_is_not_found(world: World, lock_id: str) -> None:
    with pytest.raises(NotFound):
        await evidence_lift(context(world), lock_id)


async def test_another_tenants_camera_and_locks_are_not_there(world: World) -> None:
    await add_camera(world, "cam-a", "acme")
    with pytest.raises(NotFound):
        await evidence_lock(context(world), "cam-a", WISH)
    made = await evidence_lock(context(world, "acme"), "cam-a", WISH)
    with pytest.raises(NotFound):
        await evidence_lift(context(world), str(made.id))
    assert (await evidence_locks(context(world), 10, None)).locks == []
    assert await rows("acme") == [made]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (LockWish(Interval(NOON, NOON), "x"), "to"),
        (LockWish(Interval(NOON, NOON + 400 * DAY), "x"), "to"),
        (LockWish(Interval(-1, NOON), "x"), "from"),
        (LockWish(WISH.interval, "  "), "reason"),
        (LockWish(WISH.interval, "x" * 501), "reason"),
        (LockWish(WISH.interval, "x", NOON), "until"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_locked(
    world: World, wish: LockWish, field: str
) -> None:
    await add_camera(world)
    with pytest.raises(InvalidInput) as caught:
        await evidence_lock(context(at(world, NOON + DAY)), "cam-front-01", wish)
    assert [each.field for each in caught.value.fields] == [field]
    assert await rows() == []


async def test_locks_are_paged_through_the_latest_first(world: World) -> None:
    await add_camera(world)
    made = [
        await evidence_lock(context(at(world, NOON + n // 2)), "cam-front-01", WISH)
        for n in range(5)
    ]
    reader = context(world, "default", Scope.PLAYBACK_READ)
    seen: list[EvidenceLock] = []
    after: str | None = None
    more = True
    while more:
        page = await evidence_locks(reader, 2, after)
        seen += page.locks
        after, more = lock_cursor(page.locks[-1]), page.has_next
    assert sorted(each.id for each in seen) == sorted(each.id for each in made)
    times = [each.created_us for each in seen]
    assert times == sorted(times, reverse=True)
    with pytest.raises(ScopeMissing):
        await evidence_locks(context(world, "default", Scope.EVENTS_READ), 2, None)


@pytest.mark.parametrize(
    "after",
    [
        "x",
        cursors.encode(cursors.LOCKS, "default", NOON, "ghost"),
        cursors.encode(cursors.LOCKS, "default", "then", UNKNOWN_ID),
        cursors.encode(cursors.LOCKS, "acme", NOON, UNKNOWN_ID),
        cursors.encode(cursors.EXPORTS, "default", NOON, UNKNOWN_ID),
    ],
    ids=["rubbish", "no id", "no time", "another tenant's", "another list's"],
)
async def test_what_is_no_cursor_of_this_list_is_a_bad_one(world: World, after: str) -> None:
    await add_camera(world)
    await evidence_lock(context(world), "cam-front-01", WISH)
    with pytest.raises(BadCursor):
        await evidence_locks(context(world), 2, after)


async def test_a_narrowed_actor_sees_no_lock(world: World) -> None:
    await add_camera(world)
    await evidence_lock(context(world), "cam-front-01", WISH)
    narrowed = Actor("default", frozenset({Scope.PLAYBACK_READ}), frozenset({"cam-front-01"}))
    assert (await evidence_locks(Context(narrowed, world), 10, None)).locks == []


async def test_a_camera_with_locked_footage_is_not_deleted(world: World) -> None:
    await add_camera(world)
    made = await evidence_lock(context(world), "cam-front-01", WISH)
    with pytest.raises(Conflict, match="locked as evidence"):
        await cameras.camera_delete(context(world), "cam-front-01")
    assert len(await cameras.cameras(context(world))) == 1
    await evidence_lift(context(world), str(made.id))
    await cameras.camera_delete(context(world), "cam-front-01")
    assert await cameras.cameras(context(world)) == []
