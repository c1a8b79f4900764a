from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace

import pytest

from models.base import select
from models.export import Export, ExportTable
from models.job import JobState
from resolvers import export_jobs, exports
from resolvers.access import UNNAMED, Actor, Interval, Scope
from resolvers.context import Context, ExportLimits, World
from resolvers.errors import (
    BadCursor,
    ExportLimitReached,
    ExportTooLarge,
    InvalidInput,
    NotFound,
    NotRecorded,
    ScopeMissing,
    VmsError,
)
from resolvers.exports import ExportFeed, ExportWish
from resolvers.fanout import Over
from resolvers.jobs import CUT_SHORT
from tests.exporting import LATER, NOON, SECOND, WANTED, at, created, filmed, made, unknown, wish
from tests.statements import counted, unbounded_hours
from tests.world import add_camera, context


async def rows(tenant_id: str = "default") -> list[Export]:
    return await select(ExportTable.within(tenant_id), Export)


def named(ctx: Context, subject: str) -> Context:
    return Context(replace(ctx.actor, subject=subject), ctx.world)


@pytest.fixture
async def filmed_world(world: World) -> World:
    await filmed(world, await add_camera(world))
    return at(world)


async def test_an_export_waits_and_says_who_wants_what(filmed_world: World) -> None:
    ctx = context(filmed_world)
    export = await created(named(ctx, "eva"), "cam-front-01")
    assert await rows() == [export]
    assert (export.state, export.created_by, export.created_us) == ("waiting", "eva", LATER)
    assert (export.from_us, export.to_us) == (WANTED.from_us, WANTED.to_us)
    assert export.camera_ids == ["cam-front-01"]
    assert export.expected_bytes > 10_000
    assert exports.file_url(ctx, export) is exports.manifest_url(ctx, export) is None
    assert (await created(ctx, "cam-front-01")).created_by == UNNAMED


async def test_what_it_takes_is_read_of_its_own_hours_alone(
    filmed_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with counted(caplog) as statements:
        await created(context(filmed_world), "cam-front-01")
    assert unbounded_hours(statements) == []


async def test_about_so_many_bytes_as_its_share_of_the_hours(filmed_world: World) -> None:
    ctx = context(filmed_world)
    whole = await created(ctx, "cam-front-01")
    half = await created(ctx, "cam-front-01", wanted=Interval(NOON - SECOND, NOON + 2 * SECOND))
    assert half.expected_bytes == whole.expected_bytes // 2


@pytest.mark.parametrize(
    ("wanted", "error", "field"),
    [
        (wish(), InvalidInput, "camera_ids"),
        (wish("cam-front-01", "cam-front-01"), InvalidInput, "camera_ids"),
        (wish(*(f"cam-{n}" for n in range(17))), InvalidInput, "camera_ids"),
        (wish("cam-front-01", wanted=Interval(NOON, NOON)), InvalidInput, "to"),
        (wish("cam-front-01", wanted=Interval(NOON, LATER + 1)), InvalidInput, "to"),
        (
            wish("cam-front-01", wanted=Interval(LATER - 86_400_000_001, LATER)),
            InvalidInput,
            "to",
        ),
        (wish("cam-front-01", "ghost"), NotFound, None),
        (wish("cam-a"), NotFound, None),
        (wish("cam-front-01", wanted=Interval(NOON - 9, NOON)), NotRecorded, None),
    ],
)
async def test_what_is_wrong_is_refused_and_nothing_waits(
    filmed_world: World, wanted: ExportWish, error: type[VmsError], field: str | None
) -> None:
    await add_camera(filmed_world, "cam-a", "acme")
    with pytest.raises(error) as caught:
        await exports.export_create(context(filmed_world), wanted)
    if isinstance(caught.value, InvalidInput):
        assert [each.field for each in caught.value.fields] == [field]
    assert await rows() == []


async def test_a_tenants_exports_have_a_limit_together(filmed_world: World) -> None:
    """What was deleted leaves its room to others."""
    first = await created(context(filmed_world), "cam-front-01")
    limits = ExportLimits(most_bytes=first.expected_bytes * 3 // 2)
    ctx = context(replace(filmed_world, exports=limits))
    with pytest.raises(ExportTooLarge):
        await created(ctx, "cam-front-01")
    assert await rows() == [first]
    await exports.export_delete(ctx, str(first.id))
    assert (await created(ctx, "cam-front-01")).state == "waiting"


async def test_no_more_than_ten_wait(filmed_world: World) -> None:
    ctx = context(filmed_world)
    for _ in range(exports.MOST_UNFINISHED):
        await created(ctx, "cam-front-01")
    with pytest.raises(ExportLimitReached):
        await created(ctx, "cam-front-01")
    assert len(await rows()) == exports.MOST_UNFINISHED


async def test_each_needs_its_scope(filmed_world: World) -> None:
    export = await created(context(filmed_world), "cam-front-01")
    ctx = context(filmed_world, "default", Scope.EVENTS_READ, Scope.CAMERAS_WRITE)
    with pytest.raises(ScopeMissing):
        await created(ctx, "cam-front-01")
    with pytest.raises(ScopeMissing):
        await exports.export(ctx, str(export.id))
    with pytest.raises(ScopeMissing):
        await exports.exports(ctx, 10, None)
    with pytest.raises(ScopeMissing):
        await exports.export_delete(ctx, str(export.id))
    with pytest.raises(ScopeMissing):
        await exports.open_file(ctx, str(export.id), "manifest.json")
    with pytest.raises(ScopeMissing):
        await ExportFeed(ctx, str(export.id)).start()
    assert await rows() == [export]


async def test_another_tenants_exports_are_not_there(filmed_world: World) -> None:
    await created(context(filmed_world), "cam-front-01")
    export = await made(filmed_world)
    ctx = context(filmed_world, "acme")
    for export_id in (str(export.id), unknown(), "x", "é" * 99, "0" * 32 + "\0"):
        with pytest.raises(NotFound):
            await exports.export(ctx, export_id)
        with pytest.raises(NotFound):
            await exports.export_delete(ctx, export_id)
        with pytest.raises(NotFound):
            await exports.open_file(ctx, export_id, export.file_name or "")
        with pytest.raises(NotFound):
            await ExportFeed(ctx, export_id).start()
    assert (await exports.exports(ctx, 10, None)).exports == []
    assert await rows() == [export]


async def test_a_narrowed_actor_sees_its_own_export_alone(filmed_world: World) -> None:
    ctx = context(filmed_world)
    await created(ctx, "cam-front-01")
    await created(ctx, "cam-front-01")
    one, other = await made(filmed_world), await made(filmed_world)
    identity = filmed_world.identity
    granted = identity.actor_of_grant(identity.sign_export_grant(ctx.actor, str(one.id)))
    holder = Context(granted, filmed_world)
    assert await exports.export(holder, str(one.id)) == one
    with pytest.raises(NotFound):
        await exports.export(holder, str(other.id))
    with pytest.raises(NotFound):
        await created(holder, "cam-front-01")
    player = Actor("default", frozenset({Scope.PLAYBACK_READ}), frozenset({"cam-front-01"}))
    with pytest.raises(NotFound):
        await exports.export(Context(player, filmed_world), str(one.id))
    assert (await exports.exports(Context(player, filmed_world), 9, None)).exports == []


async def test_exports_are_paged_through_the_latest_first(world: World) -> None:
    await filmed(world, await add_camera(world))
    for n in range(5):
        await created(context(at(world, LATER + n // 2)), "cam-front-01")
    ctx = context(world)
    seen: list[Export] = []
    after, more = None, True
    while more:
        page = await exports.exports(ctx, 2, after)
        seen += page.exports
        after, more = exports.export_cursor(page.exports[-1]), page.has_next
    assert sorted(each.id for each in seen) == sorted(each.id for each in await rows())
    assert [each.created_us - LATER for each in seen] == [2, 1, 1, 0, 0]
    with pytest.raises(BadCursor):
        await exports.exports(ctx, 2, "x")


async def test_statements_do_not_grow_with_the_cameras(
    filmed_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["cam-front-01", *(f"cam-{n}" for n in range(4))]
    for name in names[1:]:
        await add_camera(filmed_world, name)
    ctx = context(filmed_world)
    await created(ctx, "cam-front-01")
    async with counted(caplog) as one:
        await created(ctx, "cam-front-01")
    async with counted(caplog) as many:
        await created(ctx, *names)
    assert len(many) == len(one)
    async with counted(caplog) as listed:
        assert len((await exports.exports(ctx, 10, None)).exports) == 3
    assert len(listed) == 1


async def test_a_ready_export_can_be_fetched_until_it_is_deleted(filmed_world: World) -> None:
    ctx = context(filmed_world)
    waiting = await created(ctx, "cam-front-01")
    with pytest.raises(NotFound):
        await exports.open_file(ctx, str(waiting.id), "manifest.json")
    export = await made(filmed_world)
    assert export.file_name == "cam-front-01_2026-05-29T12-00-00Z.mp4"
    file = await exports.open_file(ctx, str(export.id), export.file_name)
    assert not hasattr(file, "chunks")
    with file:
        assert len(file.read()) == export.size_bytes
    manifest = await exports.open_file(ctx, str(export.id), "manifest.json")
    assert not hasattr(manifest, "chunks")
    with manifest:
        told = json.load(manifest)
    assert (told["export_id"], told["exported_by"]) == (str(export.id), UNNAMED)
    for name in ("content", "other.mp4", "../manifest.json", ""):
        with pytest.raises(NotFound):
            await exports.open_file(ctx, str(export.id), name)
    gone = await exports.export_delete(named(ctx, "ada"), str(export.id))
    assert (gone.state, gone.deleted_by, gone.deleted_us) == ("deleted", "ada", LATER)
    assert exports.file_url(ctx, gone) is None
    with pytest.raises(NotFound):
        await exports.open_file(ctx, str(export.id), export.file_name)
    assert await exports.export_delete(named(ctx, "bob"), str(export.id)) == gone


async def test_a_follower_is_told_each_change_until_it_is_ready(filmed_world: World) -> None:
    export = await created(context(filmed_world), "cam-front-01")
    feed = ExportFeed(context(filmed_world), str(export.id))
    start = await feed.start()
    assert [step.value for step in start.first] == [export]
    states: list[str] = []

    async def follow() -> None:
        async with aclosing(feed.pages(start.place)) as pages:
            async for page in pages:
                states.extend(step.value.state for step in page.steps)

    following = asyncio.create_task(follow())
    job = await export_jobs.take(filmed_world)
    assert job is not None
    while states != ["running"]:
        await asyncio.sleep(0.01)
    await export_jobs.keep(filmed_world, job, 7, 70)
    while states != ["running"] * 2:
        await asyncio.sleep(0.01)
    await export_jobs.fail(filmed_world, job, CUT_SHORT)
    with pytest.raises(Over):
        await following
    assert states == ["running", "running", JobState.FAILED]


async def test_who_comes_when_all_is_told_is_told_the_end(filmed_world: World) -> None:
    await created(context(filmed_world), "cam-front-01")
    export = await made(filmed_world)
    feed = ExportFeed(context(filmed_world), str(export.id))
    start = await feed.start()
    assert [step.value for step in start.first] == [export]
    with pytest.raises(Over):
        await anext(feed.pages(start.place))
