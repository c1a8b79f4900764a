"""Compares what workers left on disk with what they said in the tables, byte for byte."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

import av
from av.container import InputContainer

from media.playlist import Segment
from media.store import CameraFolder, Hour, RecordingStore
from models.base import select
from models.camera import Camera
from models.recording import (
    RecordingHour,
    RecordingHourTable,
    RecordingRun,
    RecordingRunTable,
)
from resolvers.access import Interval
from resolvers.context import World
from resolvers.recordings import coverage
from tests.clips import read_frame_number
from tests.world import context


@dataclass(frozen=True)
class Recorded:
    """One camera's footage in the order of its positions, and the gaps between its runs."""

    segments: list[Segment]
    gaps: list[tuple[float, str]]


def listed(store: RecordingStore, camera: Camera) -> list[tuple[Hour, Segment]]:
    folder = CameraFolder(camera.tenant_id, camera.folder)
    return [
        (hour, segment)
        for date in store.dates(folder)
        for hour in store.hours(folder, date)
        for segment in store.playlist(folder, hour).segments
    ]


def frame_numbers(world: World, camera: Camera) -> list[int]:
    """Of every recorded picture of a numbered clip, in the order of the footage."""
    numbers = []
    folder = CameraFolder(camera.tenant_id, camera.folder)
    for hour, segment in listed(world.store, camera):
        path = world.store.hour_path(folder, hour)
        content = (path / segment.init).read_bytes() + (path / segment.name).read_bytes()
        with av.open(io.BytesIO(content)) as container:
            assert isinstance(container, InputContainer)
            numbers += [read_frame_number(frame) for frame in container.decode(video=0)]
    return numbers


async def audited(world: World, camera: Camera) -> Recorded:
    """To be called when nothing is written any more. Fails where two copies or two truths are."""
    found = listed(world.store, camera)
    _check_files(world.store, camera, found)
    segments = sorted((each for _, each in found), key=lambda each: each.position)
    for before, after in pairwise(segments):
        assert before.end_position <= after.position, (before, after)
        assert before.start_us < after.start_us, (before, after)
    await _check_rows(camera, found)
    covered = await coverage(
        context(world), camera.slug, Interval(segments[0].start_us, _end_us(segments[-1]))
    )
    assert sum(part.to_us - part.from_us for part in covered) == (
        _end_us(segments[-1]) - segments[0].start_us
    )
    gaps = [
        ((part.to_us - part.from_us) / 1e6, part.gap_reason)
        for part in covered
        if part.gap_reason is not None
    ]
    return Recorded(segments, gaps)


def _end_us(segment: Segment) -> int:
    ticks = segment.end_position - segment.position
    return segment.start_us + (ticks * 1_000_000 + 45_000) // 90_000


def _check_files(store: RecordingStore, camera: Camera, found: list[tuple[Hour, Segment]]) -> None:
    """Every file is listed once, everything listed is a file of just that size."""
    path = store.camera_path(CameraFolder(camera.tenant_id, camera.folder))
    there = {
        str(each.relative_to(path)): each.stat().st_size
        for each in path.rglob("*.m4s*")
        if each.is_file()
    }
    names = [f"{hour}/{segment.name}" for hour, segment in found]
    assert len(names) == len(set(names))
    assert there == {
        name: segment.size_bytes for name, (_, segment) in zip(names, found, strict=True)
    }


async def _check_rows(camera: Camera, found: list[tuple[Hour, Segment]]) -> None:
    """Rows sum up the playlists: runs by their first and last segment, hours by all."""
    runs: dict[UUID, list[Segment]] = {}
    hours: dict[tuple[str, str], list[Segment]] = {}
    for hour, segment in found:
        runs.setdefault(segment.run_id, []).append(segment)
        hours.setdefault((hour.date, hour.hour), []).append(segment)
    rows = await select(
        RecordingRunTable.within(camera.tenant_id).filter(camera_key=camera.key), RecordingRun
    )
    told = {row.run_id: row for row in rows if row.recorded_until_us > row.started_us}
    assert told.keys() == runs.keys(), (rows, [each for _, each in found])
    for run_id, segments in runs.items():
        assert abs(told[run_id].started_us - segments[0].start_us) <= 1
        assert abs(told[run_id].recorded_until_us - _end_us(segments[-1])) <= 1
    summed = await select(
        RecordingHourTable.within(camera.tenant_id).filter(camera_key=camera.key), RecordingHour
    )
    assert {(row.date, row.hour): (row.segments, row.size_bytes) for row in summed} == {
        place: (len(segments), sum(each.size_bytes for each in segments))
        for place, segments in hours.items()
    }
