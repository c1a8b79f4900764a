from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from models.camera import Camera, CameraDeletion
from resolvers import camera_watch, cameras
from resolvers.access import Scope
from resolvers.camera_input import CameraChanges, CameraDraft, readable_id
from resolvers.context import World
from resolvers.errors import (
    CameraLimitReached,
    Conflict,
    InvalidInput,
    NotFound,
    ScopeMissing,
)
from tests.world import add_camera, context

URL = "rtsp://user:secret@10.9.8.7:554/stream"


def draft(name: str = "Lobby", **changes: object) -> CameraDraft:
    return CameraDraft(name=name, rtsp_url=URL, **changes)  # type: ignore[arg-type]


async def ids(world: World, tenant_id: str = "default") -> list[str]:
    return [each.slug for each in await cameras.cameras(context(world, tenant_id))]


async def test_a_camera_gets_a_readable_id_that_is_free(world: World) -> None:
    ctx = context(world)
    for _ in range(3):
        await cameras.camera_create(ctx, draft())
    assert await ids(world) == ["cam-lobby", "cam-lobby-2", "cam-lobby-3"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Cổng trước", "cam-cong-truoc"),
        ("Đường số 5", "cam-duong-so-5"),
        ("cam-x", "cam-x"),
        ("???", "cam"),
        ("x" * 200, "cam-" + "x" * 52),
    ],
)
def test_ids_are_made_of_plain_letters(name: str, wanted: str) -> None:
    assert readable_id(name, set()) == wanted


async def test_200_parallel_creates_leave_exactly_the_limit(world: World) -> None:
    ctx = context(world, "acme")
    done = await asyncio.gather(
        *(cameras.camera_create(ctx, draft()) for _ in range(200)), return_exceptions=True
    )
    refused = [each for each in done if isinstance(each, CameraLimitReached)]
    assert (len(done) - len(refused), len(await ids(world, "acme"))) == (10, 10)
    assert {(each.limit, each.count) for each in refused} == {(10, 10)}


async def test_a_taken_id_is_a_conflict_and_changes_nothing(world: World) -> None:
    await add_camera(world, "cam-front-01")
    before = await cameras.cameras(context(world))
    with pytest.raises(Conflict, match="cam-front-01"):
        await cameras.camera_create(context(world), draft(id="cam-front-01"))
    assert await cameras.cameras(context(world)) == before


async def test_two_tenants_may_have_the_same_id_and_never_see_each_other(world: World) -> None:
    await add_camera(world, "cam-front-01", "default")
    theirs = await add_camera(world, "cam-front-01", "acme")
    await add_camera(world, "cam-acme", "acme")
    ctx = context(world, "default")
    await cameras.camera_update(ctx, "cam-front-01", CameraChanges(name="Mine"))
    await cameras.camera_delete(ctx, "cam-front-01")
    assert await ids(world) == []
    assert await cameras.camera(context(world, "acme"), "cam-front-01") == theirs
    for absent in ("cam-acme", "cam-nowhere"):
        for refusal in (
            cameras.camera(ctx, absent),
            cameras.camera_update(ctx, absent, CameraChanges(name="x")),
            cameras.camera_delete(ctx, absent),
        ):
            with pytest.raises(NotFound) as caught:
                await refusal
            assert str(caught.value) == f"there is no camera {absent!r}"
    assert await ids(world, "acme") == ["cam-front-01", "cam-acme"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "rtsp://"),
        ("concat:a|b", "rtsp://"),
        ("http://10.0.0.1/x", "rtsp://"),
        ("rtsp://10.0.0.1/a\r\nb", "control"),
        ("rtsp://", "host"),
        ("rtsp://127.0.0.2/x", "127.0.0.2"),
        ("rtsp://169.254.169.254/x", "169.254.169.254"),
        ("rtsp://user:hunter2@[::1]/x", "::1"),
        ("rtsp://10.0.0.1/" + "x" * 2048, "2048"),
    ],
)
async def test_an_address_that_is_refused_names_the_field_and_leaves_nothing(
    world: World, url: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await cameras.camera_create(context(world), CameraDraft(name="x", rtsp_url=url))
    fault = caught.value.fields[0]
    assert fault.field == "rtsp_url"
    assert says in fault.message
    assert "hunter2" not in str(caught.value)
    assert await ids(world) == []


async def test_a_name_that_does_not_resolve_is_accepted(world: World) -> None:
    saved = await cameras.camera_create(
        context(world), CameraDraft(name="Lobby", rtsp_url="rtsp://...", features=["person"])
    )
    assert saved.camera.status == "connecting"


async def test_every_wrong_field_is_named(world: World) -> None:
    with pytest.raises(InvalidInput) as caught:
        await cameras.camera_create(
            context(world), CameraDraft(name=" ", rtsp_url="x", id="-A", fps=31, detection_url="y")
        )
    assert [each.field for each in caught.value.fields] == [
        "id",
        "name",
        "fps",
        "rtsp_url",
        "detection_url",
    ]


async def test_features_outside_the_plan_are_filtered_and_said(world: World) -> None:
    saved = await cameras.camera_create(
        context(world), draft(features=["person", "mind_reading", "person", "vehicle"])
    )
    assert saved.camera.features == ["person", "vehicle"]
    assert saved.filtered_features == ["mind_reading"]


async def test_credentials_show_only_to_those_who_may_set_them(world: World) -> None:
    camera = await add_camera(world)
    writer = context(world, "default", Scope.CAMERAS_READ, Scope.CAMERAS_WRITE)
    reader = context(world, "default", Scope.CAMERAS_READ)
    assert cameras.shown_rtsp_url(writer, camera) == "rtsp://user:secret@10.9.8.7/stream"
    assert cameras.shown_rtsp_url(reader, camera) == "rtsp://***@10.9.8.7/stream"
    assert "secret" not in camera.rtsp_url_sealed


async def test_a_substream_is_kept_and_shown_as_the_address_is(world: World) -> None:
    url = "rtsp://user:hunter2@10.9.8.7/sub"
    saved = await cameras.camera_create(context(world), draft(detection_url=url))
    camera = saved.camera
    reader = context(world, "default", Scope.CAMERAS_READ)
    assert cameras.shown_detection_url(context(world), camera) == url
    assert cameras.shown_detection_url(reader, camera) == "rtsp://***@10.9.8.7/sub"
    assert "hunter2" not in str(camera)

    async def changed(changes: CameraChanges) -> str | None:
        saved = await cameras.camera_update(context(world), camera.slug, changes)
        return cameras.shown_detection_url(context(world), saved.camera)

    assert await changed(CameraChanges(name="Hall")) == url
    with pytest.raises(InvalidInput) as caught:
        await changed(CameraChanges(name="x", detection_url="rtsp://169.254.169.254/s"))
    assert [each.field for each in caught.value.fields] == ["detection_url"]
    assert await changed(CameraChanges(fps=2)) == url
    assert await changed(CameraChanges(detection_url=None)) is None
    assert [each.name for each in await cameras.cameras(context(world))] == ["Hall"]


async def test_scopes_are_demanded_and_a_refusal_changes_nothing(world: World) -> None:
    await add_camera(world)
    reader = context(world, "default", Scope.CAMERAS_READ)
    writer = context(world, "default", Scope.CAMERAS_WRITE)
    for refusal in (
        cameras.cameras(writer),
        cameras.camera(writer, "cam-front-01"),
        cameras.camera_create(reader, draft()),
        cameras.camera_update(reader, "cam-front-01", CameraChanges(name="x")),
        cameras.camera_delete(reader, "cam-front-01"),
        cameras.camera_probe(reader, URL),
    ):
        with pytest.raises(ScopeMissing):
            await refusal
    assert [each.name for each in await cameras.cameras(context(world))] == ["Front gate"]


async def test_an_unknown_tenant_owns_nothing_and_gets_nothing(world: World) -> None:
    ghost = context(world, "ghost")
    assert await cameras.cameras(ghost) == []
    with pytest.raises(NotFound, match="no tenant 'ghost'"):
        await cameras.camera_create(ghost, draft())


async def test_paging_walks_every_camera_once(world: World) -> None:
    ctx = context(world, "acme")
    for number in range(7):
        await cameras.camera_create(ctx, draft(f"c{number}"))
    seen, after = [], None
    while True:
        page = await cameras.cameras_page(ctx, 3, after)
        seen += [each.slug for each in page.cameras]
        if not page.has_next:
            break
        after = cameras.camera_cursor(page.cameras[-1])
    assert seen == [f"cam-c{number}" for number in range(7)]


async def test_watching_gives_the_state_first_and_then_every_change(world: World) -> None:
    first = await add_camera(world, "cam-a")
    ctx = context(world)
    async with aclosing(camera_watch.watch(ctx)) as changes:
        assert await anext(changes) == first
        await add_camera(world, "cam-a", "acme")
        await cameras.camera_update(ctx, "cam-a", CameraChanges(name="New"))
        changed = await asyncio.wait_for(anext(changes), 5)
        assert isinstance(changed, Camera)
        assert (changed.slug, changed.name) == ("cam-a", "New")
        await cameras.camera_delete(ctx, "cam-a")
        gone = await asyncio.wait_for(anext(changes), 5)
        assert isinstance(gone, CameraDeletion)
        assert (gone.tenant_id, gone.slug) == ("default", "cam-a")
