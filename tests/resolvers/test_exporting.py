"""Footage becomes a file, wherever it lies, or the reason why not is told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.disk import DiskMarks
from media.export.folder import folders
from models.export import Export, ExportTable
from models.recording import RecordingHourTable
from resolvers import cameras, export_jobs, exporting, exports
from resolvers.access import Interval
from resolvers.context import ExportLimits, World
from resolvers.exporting import Making, Progress, Stopped
from resolvers.footage import folder_of
from resolvers.jobs import JobFault, NotYet
from resolvers.stores import FarFile
from tests.exporting import LATER, NOON, SECOND, at, created, filmed, made
from tests.far import HandClock, asking, host
from tests.footage import summarise
from tests.reel import Shot, encoding, lay, reel, shown
from tests.world import add_camera, context


@pytest.fixture
async def here(world: World) -> World:
    await filmed(world, await add_camera(world))
    return at(world)


async def taken(world: World) -> Making:
    job = await export_jobs.take(world)
    assert job is not None
    return Making(world, job, Progress(job.expected_bytes))


async def fault_of(making: Making) -> tuple[str, bool]:
    with pytest.raises(JobFault) as caught:
        await making.make()
    return caught.value.fault.code, caught.value.fault.passes


def content(world: World, export: Export) -> Path:
    assert export.claim is not None
    return world.store.root / ".exports" / export.claim.hex / "content"


async def manifest(world: World, export: Export) -> dict[str, Any]:
    return dict(json.loads((content(world, export).parent / "manifest.json").read_text()))


async def test_a_range_becomes_a_file_with_gaps_and_their_reasons(here: World) -> None:
    wanted = Interval(NOON + 480_000, NOON + 60 * SECOND)
    await created(context(here), "cam-front-01", wanted=wanted)
    export = await made(here)
    assert [number for _, number in shown(str(content(here, export)))] == list(range(12, 100))
    told = await manifest(here, export)
    [camera] = told["cameras"]
    assert [(each["from"][17:], each["reason"]) for each in camera["gaps"]] == [
        ("04.000Z", "the camera went away")
    ]
    store = here.store.store_id.hex
    names = [each["name"] for each in camera["files"][0]["segments"]]
    assert names[0] == f"{store}/2026-05-29/12/120000_000.m4s"
    assert export.size_bytes == content(here, export).stat().st_size
    assert export.done_bytes == export.expected_bytes


async def test_several_cameras_are_a_zip(here: World) -> None:
    await filmed(here, await add_camera(here, "cam-door"))
    await created(context(here), "cam-front-01", "cam-door")
    export = await made(here)
    assert export.file_name == "export_2026-05-29T12-00-00Z.zip"
    assert [each["camera_id"] for each in (await manifest(here, export))["cameras"]] == [
        "cam-front-01",
        "cam-door",
    ]


async def test_footage_of_another_host_is_fetched(world: World, tmp_path: Path) -> None:
    """One run lies here, the next one there."""
    camera = await add_camera(world)
    await filmed(world, camera)
    async with host(world, tmp_path / "there") as other, asking(at(world)) as here:
        shot = Shot(reel(encoding(bframes=2)), 3, 6, NOON + 10 * SECOND, 10**6)
        there = lay(other.world.store, folder_of(camera), shot)
        await summarise(other.world, camera, there, "stopped")
        wanted = Interval(NOON + 3 * SECOND, NOON + 20 * SECOND)
        await created(context(here), "cam-front-01", wanted=wanted)
        export = await made(here)
        numbers = [number for _, number in shown(str(content(here, export)))]
        assert numbers == [*range(75, 100), *range(30, 60)]
        assert sorted(each.name for each in content(here, export).parent.iterdir()) == [
            "content",
            "manifest.json",
        ]


async def test_an_export_that_lies_on_another_host_is_passed_on(
    here: World, tmp_path: Path
) -> None:
    async with host(here, tmp_path / "there") as other, asking(here) as api:
        camera = (await cameras.cameras(context(here)))[0]
        lay(other.world.store, folder_of(camera), Shot(reel(encoding()), 0, 10, NOON, 0))
        await RecordingHourTable.within("default").update(store_id=other.world.store.store_id)
        await created(context(api), "cam-front-01")
        export = await made(other.world)
        assert export.file_name is not None
        far = await exports.open_file(context(api), str(export.id), export.file_name)
        assert isinstance(far, FarFile)
        assert (
            b"".join([each async for each in far.chunks])
            == content(other.world, export).read_bytes()
        )
        await far.close()


async def test_while_another_host_is_away_it_waits(world: World, tmp_path: Path) -> None:
    camera = await add_camera(world)
    async with asking(at(world), HandClock()) as here:
        async with host(world, tmp_path / "there") as other:
            shot = Shot(reel(encoding()), 0, 10, NOON, 0)
            there = lay(other.world.store, folder_of(camera), shot)
            await summarise(other.world, camera, there, "stopped")
        await created(context(here), "cam-front-01")
        with pytest.raises(JobFault) as caught:
            await (await taken(here)).make()
        fault = caught.value.fault
        assert (fault.code, fault.waits) == ("FOOTAGE_AWAY", True)
        assert folders(here.store.root) == []


async def test_what_may_still_be_written_is_waited_for(here: World) -> None:
    soon = at(here, NOON + 60 * SECOND)
    wanted = Interval(NOON, NOON + 60 * SECOND)
    await created(context(soon), "cam-front-01", wanted=wanted)
    with pytest.raises(NotYet):
        await (await taken(soon)).make()
    assert folders(here.store.root) == []


async def test_a_deleted_camera_is_not_exported_nor_one_of_the_same_name(here: World) -> None:
    export = await created(context(here), "cam-front-01")
    await ExportTable.within("default").update(state="deleted")  # else its camera is not deleted
    await cameras.camera_delete(context(here), "cam-front-01")
    await ExportTable.within("default").filter(id=export.id).update(state="waiting")
    making = await taken(here)
    assert await fault_of(making) == ("CAMERA_GONE", False)
    await filmed(here, await add_camera(here))
    assert await fault_of(making) == ("CAMERA_GONE", False)


async def test_footage_that_retention_has_taken_is_a_fault_or_a_gap(here: World) -> None:
    """Half of it: a gap, in a whole file. All of it: a fault."""
    camera = (await cameras.cameras(context(here)))[0]
    await created(context(here), "cam-front-01")
    hour = here.store.hour_of(NOON)
    playlist = here.store.hour_path(folder_of(camera), hour) / "index.m3u8"
    text = playlist.read_text()
    head, first, rest = text.partition("#EXT-X-MAP")
    lines = (first + rest).splitlines(keepends=True)
    playlist.write_text(head + lines[0] + "".join(lines[5:]))
    export = await made(here)
    assert [number for _, number in shown(str(content(here, export)))] == list(range(20, 100))
    told = (await manifest(here, export))["cameras"][0]["gaps"]
    assert [each["to"][17:] for each in told] == ["00.800Z"]
    await created(context(here), "cam-front-01")
    playlist.unlink()
    assert await fault_of(await taken(here)) == ("NOT_RECORDED", False)


async def test_files_that_vanish_meanwhile_are_told(here: World) -> None:
    await created(context(here), "cam-front-01")
    next(here.store.root.rglob("120001_600.m4s")).unlink()
    making = await taken(here)
    assert await fault_of(making) == ("FOOTAGE_GONE", True)
    await making.give_up()
    assert folders(here.store.root) == []


async def test_a_damaged_file_is_told(here: World) -> None:
    await created(context(here), "cam-front-01")
    path = next(here.store.root.rglob("120001_600.m4s"))
    path.write_bytes(path.read_bytes()[:-9])
    assert await fault_of(await taken(here)) == ("FOOTAGE_DAMAGED", False)


async def test_the_disks_reserve_is_not_touched(here: World) -> None:
    await created(context(here), "cam-front-01")
    full = replace(here, marks=DiskMarks(0, 10**18))
    assert await fault_of(await taken(full)) == ("NO_ROOM", False)
    assert folders(here.store.root) == []


async def test_a_limit_that_was_lowered_meanwhile_holds(here: World) -> None:
    await created(context(here), "cam-front-01")
    low = replace(here, exports=ExportLimits(most_bytes=1000))
    assert await fault_of(await taken(low)) == ("TOO_LARGE", False)


async def test_who_is_told_to_stop_does(here: World) -> None:
    await created(context(here), "cam-front-01")
    making = await taken(here)
    making.progress.is_stopped = True
    with pytest.raises(Stopped):
        await making.make()
    await making.give_up()
    assert folders(here.store.root) == []


async def test_what_no_export_holds_is_swept(here: World) -> None:
    """Half made by a killed worker, deleted, expired; not: ready, and being made."""
    for _ in range(4):
        await created(context(here), "cam-front-01")
    ready, deleted = await made(here), await made(here)
    killed, running = await taken(here), await taken(here)
    for making in (killed, running):
        await making.make()
    await export_jobs.put_back(here, killed.job, 1, LATER)
    await exports.export_delete(context(here), str(deleted.id))
    (here.store.root / ".exports" / "rubbish").write_bytes(b"x")
    assert await exporting.sweep(here) == 3
    kept = {ready.claim, running.job.claim}
    assert set(folders(here.store.root)) == {each.hex for each in kept if each}
    assert await exporting.sweep(here) == 0
    after = at(here, LATER + here.exports.kept_us)
    assert await exporting.sweep(after) == 1
    assert set(folders(here.store.root)) == {running.job.claim.hex if running.job.claim else ""}


async def test_what_a_restore_has_not_brought_back_is_told_to_be_gone(here: World) -> None:
    for _ in range(2):
        await created(context(here), "cam-front-01")
    lost, kept = await made(here), await made(here)
    shutil.rmtree(content(here, lost).parent)
    assert await exporting.sweep(here) == 0
    assert (await exports.export(context(here), str(lost.id))).state == "deleted"
    assert await exports.export(context(here), str(kept.id)) == kept
