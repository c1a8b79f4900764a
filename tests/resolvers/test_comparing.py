"""What a comparison is made of is found wherever it lies, or the reason why not is told."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replaced

from media.types import ChangeKind, View
from models.tenant import TenantTable
from resolvers.access import Interval
from resolvers.cameras import camera, camera_delete
from resolvers.comparing import LEAD_IN_US, MOST_EVENTS, Comparing
from resolvers.context import World
from resolvers.footage import folder_of
from resolvers.jobs import JobFault, NotYet
from resolvers.outside_events import OutsideEvent, event_create
from tests.comparing import WHOLE, asked, at, camera_here, filmed, taken, watched
from tests.exporting import LATER, NOON, SECOND
from tests.far import HandClock, asking, host
from tests.footage import summarise
from tests.reel import Shot, encoding, lay, reel
from tests.world import add_events, beginning, context


@pytest.fixture
async def here(world: World) -> World:
    await watched(world)
    return at(world)


async def begun(world: World, wanted: Interval = WHOLE, against: str | None = None) -> Comparing:
    await asked(context(world), wanted=wanted, against=against)
    return Comparing(world, await taken(world))


async def fault_of(making: Comparing) -> tuple[str, bool]:
    with pytest.raises(JobFault) as caught:
        await making.given()
    return caught.value.fault.code, caught.value.fault.passes


async def test_footage_begins_before_the_range_and_ends_with_it(here: World) -> None:
    wanted = Interval(NOON + 4 * SECOND, NOON + 5 * SECOND)
    given = await (await begun(here, wanted)).given()
    assert LEAD_IN_US > 4 * SECOND
    starts = [(each.start_us - NOON) / SECOND for each in given.segments]
    assert starts == [0, 0.8, 1.6, 2.4, 3.2, 4.0, 4.8]
    assert given.camera.slug == "cam-gate"


async def test_what_is_looked_for_is_within_the_plan(here: World) -> None:
    making = await begun(here)
    assert (await making.given()).features == ["person"]
    await TenantTable.filter(id="default").update(features=["vehicle"])
    assert (await making.given()).features == []


async def test_the_stored_events_are_the_cameras_own_of_the_range(here: World) -> None:
    """Not those of another, from outside or before; a better view is one more sight."""
    gate = await camera(context(here), "cam-gate")
    other = await camera_here(here, "cam-door")
    own = beginning(gate.key, NOON + SECOND, position=90_000, event_id="evt-own")
    early = beginning(gate.key, NOON - 1)
    late = beginning(gate.key, WHOLE.to_us)
    view = View(NOON + 2 * SECOND, 180_000, own.detection, None)
    await add_events(here, gate, [early, own, late])
    better = replace(own, kind=ChangeKind.CHANGED, best=view)
    await add_events(here, gate, [better])
    await add_events(here, other, [beginning(other.key, NOON + SECOND)])
    await event_create(context(here), OutsideEvent("k", "cam-gate", "door", at_us=NOON + SECOND))
    stored = (await (await begun(here)).given()).stored
    assert stored is not None
    [found] = stored
    assert (found.event_id, found.feature, found.at_us) == ("evt-own", "person", own.at_us)
    assert (found.position, found.score, found.box) == (90_000, 0.87, own.detection.box)
    assert [each.at_us for each in found.path] == [own.at_us, view.at_us]


async def test_against_another_model_no_stored_event_is_asked_for(here: World) -> None:
    assert (await (await begun(here, against="other")).given()).stored is None


async def test_more_events_than_can_be_compared_are_refused(here: World) -> None:
    gate = await camera(context(here), "cam-gate")
    changes = [beginning(gate.key, NOON + n) for n in range(MOST_EVENTS + 1)]
    await add_events(here, gate, changes)
    assert await fault_of(await begun(here)) == ("TOO_MANY_EVENTS", False)


async def test_files_are_read_here(here: World) -> None:
    making = await begun(here)
    given = await making.given()
    first = given.segments[0]
    content = await making.file(given.camera, first.name)
    assert len(content) == first.size_bytes
    assert b"moov" in await making.file(given.camera, first.init)


async def test_footage_of_another_host_is_fetched(world: World, tmp_path: Path) -> None:
    """One run lies here, the next one there."""
    gate = await watched(world)
    async with host(world, tmp_path / "there") as other, asking(at(world)) as here:
        shot = Shot(reel(encoding()), 0, 4, NOON + 12 * SECOND, 10**7)
        there = lay(other.world.store, folder_of(gate), shot)
        await summarise(other.world, gate, there, "stopped")
        making = await begun(here, Interval(NOON, NOON + 20 * SECOND))
        given = await making.given()
        stores = [each.name.split("/")[0] for each in given.segments]
        own, far = here.store.store_id.hex, other.world.store.store_id.hex
        assert stores == [own] * 13 + [far] * 2
        last = given.segments[-1]
        hour = other.world.store.hour_of(last.start_us)
        path = other.world.store.hour_path(folder_of(gate), hour) / last.name.split("/")[-1]
        assert await making.file(given.camera, last.name) == path.read_bytes()


async def test_while_another_host_is_away_it_is_tried_again(world: World, tmp_path: Path) -> None:
    gate = await camera_here(world, "cam-gate")
    async with asking(at(world), HandClock()) as here:
        async with host(world, tmp_path / "there") as other:
            await filmed(other.world, gate)
            making = await begun(here)
            given = await making.given()
        assert await fault_of(making) == ("FOOTAGE_AWAY", True)
        with pytest.raises(JobFault) as caught:
            await making.file(given.camera, given.segments[0].name)
        assert (caught.value.fault.code, caught.value.fault.passes) == ("FOOTAGE_AWAY", True)


async def test_what_may_still_be_written_is_waited_for(here: World) -> None:
    soon = at(here, NOON + 60 * SECOND)
    making = await begun(soon, Interval(NOON, NOON + 60 * SECOND))
    with pytest.raises(NotYet):
        await making.given()
    late = Comparing(at(here, LATER), making.job)
    assert len((await late.given()).segments) == 13


async def test_footage_that_went_ends_the_attempt(here: World) -> None:
    making = await begun(here)
    given = await making.given()
    shutil.rmtree(here.store.hour_path(folder_of(given.camera), here.store.hour_of(NOON)))
    with pytest.raises(JobFault) as caught:
        await making.file(given.camera, given.segments[0].name)
    assert (caught.value.fault.code, caught.value.fault.passes) == ("FOOTAGE_GONE", True)
    assert await fault_of(making) == ("NOT_RECORDED", False)


async def test_a_camera_that_was_deleted_ends_it_also_with_a_namesake(here: World) -> None:
    making = await begun(here)
    await camera_delete(context(here), "cam-gate")
    assert await fault_of(making) == ("CAMERA_GONE", False)
    await watched(here)
    assert await fault_of(making) == ("CAMERA_GONE", False)


async def test_only_its_own_tenant_is_looked_at(here: World) -> None:
    """Even if a row named another's camera."""
    far = await watched(here, "cam-far", "acme")
    making = await begun(here)
    job = replaced(making.job, camera_slug=far.slug, camera_key=far.key)
    assert await fault_of(Comparing(here, job)) == ("CAMERA_GONE", False)
