"""Comparisons are asked for, looked at, followed and deleted, within a tenant and its limits."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from uuid import uuid4

import pytest
from msgspec.structs import replace as replaced

from media.types import ModelStatus
from models.base import select
from models.comparison import Comparison, ComparisonTable
from resolvers import comparison_jobs, comparisons
from resolvers.access import Interval, Scope
from resolvers.comparisons import MOST_ROWS, MOST_UNFINISHED, ComparisonFeed, ComparisonWish
from resolvers.context import Context, World
from resolvers.errors import (
    BadCursor,
    ComparisonLimitReached,
    InvalidInput,
    NotFound,
    NotRecorded,
    ScopeMissing,
    VmsError,
)
from resolvers.fanout import Over
from tests.comparing import WHOLE, asked, at, camera_here, kept, ready, taken, watched
from tests.exporting import LATER, NOON, SECOND
from tests.statements import counted, unbounded_hours
from tests.world import add_camera, context


@pytest.fixture
async def here(world: World) -> World:
    await watched(world)
    return at(world)


async def rows(tenant_id: str = "default") -> list[Comparison]:
    return await select(ComparisonTable.within(tenant_id), Comparison)


def narrowed(ctx: Context, *cameras: str) -> Context:
    return Context(replace(ctx.actor, cameras=frozenset(cameras)), ctx.world)


def wish(**more: object) -> ComparisonWish:
    given = {"camera_id": "cam-gate", "wanted": WHOLE, "model": "tiny", **more}
    return ComparisonWish(**given)  # type: ignore[arg-type]


async def test_a_comparison_waits_and_says_who_wants_what(here: World) -> None:
    ctx = context(here)
    eva = Context(replace(ctx.actor, subject="eva"), here)
    found = await asked(eva, against="other", begin=0.6)
    assert await rows() == [found]
    assert (found.state, found.created_by, found.created_us) == ("waiting", "eva", LATER)
    assert (found.camera_slug, found.from_us, found.to_us) == ("cam-gate", *_ends(WHOLE))
    assert (found.model, found.against, found.begin) == ("tiny", "other", 0.6)
    assert found.expected_us == 20 * SECOND
    assert found.same is None


async def test_whether_there_is_footage_is_read_of_its_own_hours_alone(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with counted(caplog) as statements:
        await asked(context(here))
    assert unbounded_hours(statements) == []


def _ends(wanted: Interval) -> tuple[int, int]:
    return wanted.from_us, wanted.to_us


@pytest.mark.parametrize(
    ("wanted", "error", "fields"),
    [
        (wish(wanted=Interval(NOON, NOON)), InvalidInput, ["to"]),
        (wish(wanted=Interval(NOON, LATER + 1)), InvalidInput, ["to"]),
        (wish(wanted=Interval(LATER - 21_600_000_001, LATER)), InvalidInput, ["to"]),
        (wish(model="nothing"), InvalidInput, ["model"]),
        (wish(model="reader"), InvalidInput, ["model"]),
        (wish(model="absent", against="x\0"), InvalidInput, ["model", "against"]),
        (wish(begin=1.5), InvalidInput, ["begin"]),
        (wish(begin=float("nan")), InvalidInput, ["begin"]),
        (wish(camera_id="cam-blind"), InvalidInput, ["camera_id"]),
        (wish(camera_id="ghost"), NotFound, []),
        (wish(camera_id="cam-far"), NotFound, []),
        (wish(wanted=Interval(NOON - 9, NOON)), NotRecorded, []),
        (wish(camera_id="cam-new"), NotRecorded, []),
    ],
    ids=[
        *("empty", "future", "long", "unknown", "reader", "both", "above", "nan", "blind"),
        *("ghost", "foreign", "unrecorded", "never"),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_waits(
    here: World, wanted: ComparisonWish, error: type[VmsError], fields: list[str]
) -> None:
    await add_camera(here, "cam-blind")
    await camera_here(here, "cam-new")
    await watched(here, "cam-far", "acme")
    known = (
        *here.models(),
        ModelStatus("reader", "2024-01-02", (), "MIT", True, True, task="reads text"),
        ModelStatus("absent", "2024-01-02", ("person",), "MIT", False, False),
    )
    with pytest.raises(error) as caught:
        await comparisons.comparison_create(context(replace(here, models=lambda: known)), wanted)
    if isinstance(caught.value, InvalidInput):
        assert [each.field for each in caught.value.fields] == fields
    assert await rows() == []


async def test_a_tenant_has_a_few_at_once(here: World) -> None:
    await watched(here, "cam-far", "acme")
    for _ in range(MOST_UNFINISHED):
        await asked(context(here))
    with pytest.raises(ComparisonLimitReached):
        await asked(context(here))
    assert len(await rows()) == MOST_UNFINISHED
    assert (await asked(context(here, "acme"), "cam-far")).state == "waiting"
    await comparisons.comparison_delete(context(here), str((await rows())[0].id))
    assert (await asked(context(here))).state == "waiting"


async def test_a_tenant_keeps_so_many_differences(here: World) -> None:
    found = await ready(here)
    await ComparisonTable.within("default").update(new=MOST_ROWS)
    with pytest.raises(ComparisonLimitReached):
        await asked(context(here))
    assert len(await rows()) == 1
    await comparisons.comparison_delete(context(here), str(found.id))
    assert (await asked(context(here))).state == "waiting"


async def test_each_needs_its_scope(here: World) -> None:
    found = await ready(here)
    reader = context(here, "default", Scope.EVENTS_READ, Scope.CAMERAS_READ)
    writer = context(here, "default", Scope.CAMERAS_WRITE, Scope.PLAYBACK_READ)
    with pytest.raises(ScopeMissing):
        await asked(reader)
    with pytest.raises(ScopeMissing):
        await comparisons.comparison_delete(reader, str(found.id))
    with pytest.raises(ScopeMissing):
        await comparisons.comparison(writer, str(found.id))
    with pytest.raises(ScopeMissing):
        await comparisons.comparisons(writer, 10, None)
    with pytest.raises(ScopeMissing):
        await ComparisonFeed(writer, str(found.id)).start()
    assert await rows() == [found]
    assert len(await kept(found)) == 4


async def test_another_tenants_are_not_there(here: World) -> None:
    found = await ready(here)
    ctx = context(here, "acme")
    for comparison_id in (str(found.id), str(uuid4()), "x", "é" * 99, "0" * 32 + "\0"):
        with pytest.raises(NotFound):
            await comparisons.comparison(ctx, comparison_id)
        with pytest.raises(NotFound):
            await comparisons.comparison_delete(ctx, comparison_id)
        with pytest.raises(NotFound):
            await ComparisonFeed(ctx, comparison_id).start()
    assert (await comparisons.comparisons(ctx, 10, None)).comparisons == []
    assert await rows() == [found]
    assert len(await kept(found)) == 4


async def test_who_is_narrowed_to_cameras_sees_those_of_them(here: World) -> None:
    await watched(here, "cam-door")
    gate, door = await ready(here), await ready(here, camera_id="cam-door")
    ctx = narrowed(context(here), "cam-door")
    assert (await comparisons.comparisons(ctx, 10, None)).comparisons == [door]
    assert await comparisons.comparison(ctx, str(door.id)) == door
    with pytest.raises(NotFound):
        await comparisons.comparison(ctx, str(gate.id))
    with pytest.raises(NotFound):
        await comparisons.comparison_delete(ctx, str(gate.id))
    with pytest.raises(NotFound):
        await asked(ctx)
    assert len(await rows()) == 2


async def test_they_are_listed_in_pages_the_latest_first(here: World) -> None:
    made = [await ready(at(here, LATER + number // 2)) for number in range(5)]
    ctx, seen, after, more = context(here), list[Comparison](), None, True
    while more:
        page = await comparisons.comparisons(ctx, 2, after)
        seen += page.comparisons
        after, more = comparisons.comparison_cursor(page.comparisons[-1]), page.has_next
    assert {each.id for each in seen} == {each.id for each in made}
    assert [each.created_us for each in seen] == [LATER + n for n in (2, 1, 1, 0, 0)]
    for wrong in ("x", comparisons.comparison_cursor(replaced(made[0], tenant_id="acme"))):
        with pytest.raises(BadCursor):
            await comparisons.comparisons(ctx, 2, wrong)


async def test_deleting_forgets_what_was_found_and_says_who_did(here: World) -> None:
    found = await ready(here)
    ctx = context(here)
    ada = Context(replace(ctx.actor, subject="ada"), here)
    gone = await comparisons.comparison_delete(ada, str(found.id))
    assert (gone.state, gone.deleted_by, gone.deleted_us) == ("deleted", "ada", LATER)
    assert await kept(found) == []
    assert await comparisons.comparison_delete(ctx, str(found.id)) == gone


async def test_it_is_followed_to_its_end(here: World) -> None:
    waiting = await asked(context(here))
    feed = ComparisonFeed(context(here), str(waiting.id))
    start = await feed.start()
    assert [step.value for step in start.first] == [waiting]
    async with aclosing(feed.pages(start.place)) as pages:
        job = await taken(here)
        assert [step.value for step in (await anext(pages)).steps] == [job]
        await comparison_jobs.keep(here, job, 5, 10)
        [step] = (await anext(pages)).steps
        assert (step.value.done_us, step.value.expected_us) == (5, 10)
        await comparison_jobs.put_back(here, job, 0, 0)
        [step] = (await anext(pages)).steps
        assert step.value.state == "waiting"
        await comparisons.comparison_delete(context(here), str(job.id))
        [step] = (await anext(pages)).steps
        assert step.value.state == "deleted"
        with pytest.raises(Over):
            await anext(pages)
