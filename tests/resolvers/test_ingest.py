"""What workers write: batches in few statements, again without effect, on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from uuid import UUID, uuid4

import pytest

from media.event_ids import dated_id
from media.types import (
    CameraState,
    ChangeKind,
    EventChange,
    MediaChange,
    Plate,
    RunBegan,
    RunEnded,
    SegmentClosed,
    StatusChanged,
)
from models.base import select
from models.camera import Camera, CameraTable
from models.event import Event, EventTable
from models.event_days import DAY_US
from models.recording import RecordingHour, RecordingHourTable, RecordingRun, RecordingRunTable
from models.tenant import TenantTable, TenantUnknown, last_number
from resolvers import ingest
from resolvers.cameras import camera_delete
from resolvers.context import World
from tests.statements import counted
from tests.world import add_camera, beginning, context

NOON = 1_780_056_000_000_000
SECOND = 1_000_000


@pytest.fixture
async def camera(world: World) -> Camera:
    return await add_camera(world)


async def write(world: World, camera: Camera, *changes: MediaChange) -> None:
    await ingest.record(world, camera.tenant_id, {camera.key: camera.slug}, changes)


def begin(camera: Camera, number: int, **changes: object) -> EventChange:
    at_us = NOON + number * SECOND
    event_id = dated_id(f"evt-{number:04d}", at_us)
    return beginning(camera.key, at_us, event_id=event_id, **changes)  # type: ignore[arg-type]


def end(change: EventChange) -> EventChange:
    return replace(change, kind=ChangeKind.ENDED, ended_at_us=change.at_us + SECOND)


def changed(change: EventChange) -> EventChange:
    return replace(change, kind=ChangeKind.CHANGED)


def closed(camera: Camera, run_id: UUID, number: int, hour: str = "12") -> SegmentClosed:
    """The four seconds from `4 * number` on after noon."""
    start_us, position = NOON + 4 * number * SECOND, 360_000 * number
    return SegmentClosed(
        camera_key=camera.key,
        run_id=run_id,
        date="2026-05-29",
        hour=hour,
        name=f"{number}.m4s",
        start_us=start_us,
        end_us=start_us + 4 * SECOND,
        start_position=position,
        end_position=position + 360_000,
        size_bytes=1000 + number,
    )


async def log_of(tenant_id: str) -> list[tuple[int, int, str, str]]:
    rows = EventTable.within(tenant_id).order_by("began_seq")
    return await rows.values_list("began_seq", "seq", "last_change", "id")


async def runs() -> list[RecordingRun]:
    return await select(RecordingRunTable.within("default").order_by("started_us"), RecordingRun)


async def hours() -> list[RecordingHour]:
    return await select(RecordingHourTable.within("default").order_by("start_us"), RecordingHour)


async def test_a_batch_is_numbered_in_its_order(world: World, camera: Camera) -> None:
    first, second, third = (begin(camera, number) for number in range(3))
    await write(world, camera, first, second, end(first), third, changed(second), end(third))
    assert await log_of("default") == [
        (1, 3, "ended", first.event_id),
        (2, 5, "changed", second.event_id),
        (4, 6, "ended", third.event_id),
    ]
    await write(world, camera, end(second))
    assert (await log_of("default"))[1] == (2, 7, "ended", second.event_id)
    assert await last_number("default", "event_seq") == 7


async def test_what_was_written_comes_back_as_it_was(world: World, camera: Camera) -> None:
    change = begin(camera, 1, feature="vehicle", position=90_000)
    await write(world, camera, change, end(change))
    (row,) = await select(EventTable.within("default"), Event)
    assert (row.id, row.camera_key, row.camera_slug) == (change.event_id, camera.key, camera.slug)
    assert (row.at_us, row.ended_us) == (change.at_us, change.at_us + SECOND)
    assert (row.type, row.confidence, row.position, row.track_id) == ("vehicle", 0.87, 90_000, 42)
    assert row.boxes == [
        {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.6, "label": "vehicle", "score": 0.87}
    ]
    assert (row.snapshot, row.trace_id) == (None, change.trace_id)
    assert row.model_version == "yolox-nano@2021-08-19"


async def test_the_same_batch_again_changes_nothing(world: World, camera: Camera) -> None:
    run_id = uuid4()
    first, second = begin(camera, 1), begin(camera, 2)
    batch: list[MediaChange] = [
        *(first, second, end(first), RunBegan(camera.key, run_id, NOON)),
        *(closed(camera, run_id, number) for number in range(3)),
        RunEnded(camera.key, run_id, NOON + 12 * SECOND, "the camera went away"),
    ]
    await write(world, camera, *batch)
    before = (await log_of("default"), await runs(), await hours())
    await write(world, camera, *batch)
    for size in (1, 3):
        for start in range(0, len(batch), size):
            await write(world, camera, *batch[start : start + size])
    assert (await log_of("default"), await runs(), await hours()) == before
    assert await last_number("default", "event_seq") == 3


async def test_however_a_story_is_cut_into_batches_it_reads_the_same(
    world: World, camera: Camera
) -> None:
    """And however often parts of it are told again, as after a crash."""
    chance = Random(5)
    told: list[tuple[tuple[object, ...], RecordingHour, object]] = []
    for _ in range(4):
        run_id = uuid4()
        story = _story(camera, run_id)
        place = 0
        while place < len(story):
            upto = place + chance.randint(1, 9)
            await write(world, camera, *story[max(0, place - chance.randint(0, 5)) : upto])
            place = upto
        (run,) = await runs()
        (hour,) = await hours()
        told.append((summed_up(run), hour, [each[:3] for each in await log_of("default")]))
        await RecordingRunTable.within("default").delete()
        await RecordingHourTable.within("default").delete()
        await EventTable.within("default").delete()
        await TenantTable.filter(id="default").update(event_seq=0)
    assert told[1:] == told[:-1]
    what, hour, _ = told[0]
    assert what == (NOON, NOON + 40 * SECOND, 3_600_000, NOON + 40 * SECOND, "over")
    assert (hour.segments, hour.duration_us) == (10, 40 * SECOND)
    assert hour.size_bytes == sum(1000 + number for number in range(10))


def _story(camera: Camera, run_id: UUID) -> list[MediaChange]:
    story: list[MediaChange] = [RunBegan(camera.key, run_id, NOON)]
    for number in range(10):
        one = begin(camera, number)
        story += [one, closed(camera, run_id, number), end(one)]
    return [*story, RunEnded(camera.key, run_id, NOON + 40 * SECOND, "over")]


def summed_up(run: RecordingRun) -> tuple[object, ...]:
    return (
        *(run.started_us, run.recorded_until_us, run.end_position),
        *(run.ended_us, run.end_reason),
    )


async def test_the_end_of_a_run_that_nobody_knows_makes_none(world: World, camera: Camera) -> None:
    await write(world, camera, RunEnded(camera.key, uuid4(), NOON, "the camera went away"))
    assert await runs() == []


async def test_a_batch_takes_as_many_statements_as_one_change(
    world: World, camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = uuid4()

    def batch(numbers: Sequence[int]) -> list[MediaChange]:
        fresh = [begin(camera, number) for number in numbers]
        known = [end(begin(camera, number - 500)) for number in numbers]
        segments = [closed(camera, run_id, n, f"{n % 7:02d}") for n in numbers]
        return [*fresh, *known, *segments]

    await write(world, camera, *(begin(camera, number) for number in range(500)))
    async with counted(caplog) as of_one:
        await write(world, camera, *batch([500]))
    async with counted(caplog) as of_many:
        await write(world, camera, *batch(range(501, 900)))
    assert len(await log_of("default")) == 900
    # Lock and look, number, insert (or COPY), move; deletions; runs; hours.
    assert len(of_many) == len(of_one) <= 8
    written = [text.partition("new_rows AS")[0] for text in of_many]
    assert len([text for text in written if text.startswith("WITH")]) >= 3


async def test_states_of_many_cameras_are_one_statement(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    cameras = [await add_camera(world, f"cam-{number}") for number in range(5)]
    await CameraTable.within("default").filter(slug__not="cam-4").update(enabled=True)
    states = [StatusChanged(c.key, CameraState.ONLINE, None, NOON, None) for c in cameras]
    async with counted(caplog) as statements:
        await ingest.record(world, "default", {}, states)
    assert len(statements) == 2
    found = await CameraTable.within("default").order_by("slug").values_list("status", flat=True)
    assert [str(each) for each in found] == ["online"] * 4 + ["disabled"]


async def test_a_tenant_that_is_gone_is_said_and_nothing_is_written(
    world: World, camera: Camera
) -> None:
    run_id = uuid4()
    with pytest.raises(TenantUnknown):
        await ingest.record(world, "ghost", {}, [closed(camera, run_id, 0), begin(camera, 0)])
    assert await runs() == []
    assert await EventTable.within("ghost").count() == 0


async def test_a_run_of_another_tenant_is_left_alone(world: World, camera: Camera) -> None:
    run_id = uuid4()
    await write(world, camera, closed(camera, run_id, 0))
    before = await runs()
    await ingest.record(world, "acme", {}, [closed(camera, run_id, 9)])
    assert await runs() == before


async def test_a_plate_is_what_was_told_last_whatever_tells_no_more_of_it(
    world: World, camera: Camera
) -> None:
    misread = Plate("51F-123.46", "51F-123.46", 0.6, "reader@2024-01-02")
    right = replace(misread, text="51F-123.45", raw="51F 123.45", score=None)
    first, second = replace(begin(camera, 1), plate=misread), begin(camera, 2)
    for batch in (
        [first, second],
        [replace(changed(second), plate=misread)],
        [changed(first), replace(changed(second), plate=right)],
        [end(first), end(second)],
    ):
        await write(world, camera, *batch)

    rows = await select(EventTable.within("default").order_by("began_seq"), Event)
    assert [each.plate for each in rows] == [
        {
            "text": "51F-123.46",
            "raw": "51F-123.46",
            "score": 0.6,
            "model_version": "reader@2024-01-02",
        },
        {
            "text": "51F-123.45",
            "raw": "51F 123.45",
            "score": None,
            "model_version": "reader@2024-01-02",
        },
    ]
    assert [each.last_change for each in rows] == ["ended", "ended"]


async def test_ids_that_tell_no_day_and_events_over_midnight_end_too(
    world: World, camera: Camera
) -> None:
    undated = beginning(camera.key, NOON - 40 * DAY_US, event_id="door-7")
    night = begin(camera, 43_199)
    await write(world, camera, undated, night)
    late = replace(end(night), ended_at_us=night.at_us + DAY_US)
    await write(world, camera, late, end(undated))
    await write(world, camera, late, end(undated), undated)
    assert await log_of("default") == [(1, 4, "ended", "door-7"), (2, 3, "ended", night.event_id)]


async def recorded_rows(camera: Camera) -> list[int]:
    tables = (RecordingRunTable, RecordingHourTable)
    return [
        await each.within(camera.tenant_id).filter(camera_key=camera.key).count() for each in tables
    ]


async def test_what_is_told_late_of_removed_footage_is_not_written(world: World) -> None:
    camera = await add_camera(world)
    first, second = uuid4(), uuid4()
    await write(world, camera, RunBegan(camera.key, first, NOON), closed(camera, first, 0))
    deletion = await camera_delete(context(world), camera.slug)
    late: list[MediaChange] = [RunBegan(camera.key, second, NOON), closed(camera, second, 1)]
    event = begin(camera, 5)
    await write(world, camera, closed(camera, first, 1))
    assert await recorded_rows(camera) == [1, 1]
    assert await ingest.footage_removed(world, deletion)
    await write(world, camera, closed(camera, first, 2), *late, event)
    assert await recorded_rows(camera) == [0, 0]
    assert [row[3] for row in await log_of(camera.tenant_id)] == [event.event_id]


async def test_recording_and_removal_at_once_leave_nothing(world: World) -> None:
    for number in range(20):
        camera = await add_camera(world, f"cam-{number}")
        run_id = uuid4()
        deletion = await camera_delete(context(world), camera.slug)
        told = write(world, camera, RunBegan(camera.key, run_id, NOON), closed(camera, run_id, 0))
        await asyncio.gather(told, ingest.footage_removed(world, deletion))
        assert await recorded_rows(camera) == [0, 0]
