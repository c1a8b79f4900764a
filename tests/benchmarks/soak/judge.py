"""Whether what is said of a camera's footage is so: in its files, its tables and its coverage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise

import av
from av.container import InputContainer

from media.playlist import Segment
from media.store import CameraFolder, Hour
from media.types import TICKS_PER_SECOND
from models.camera import Camera
from resolvers.access import Interval
from resolvers.context import World
from resolvers.recordings import Covered, coverage
from tests.audit import audited, listed
from tests.benchmarks.soak.faults import BFRAMES, FPS, Harm, Injected, Subject
from tests.world import context

ROUNDING_US = 2
MOST_BESIDE_TICKS = (BFRAMES + 1) * TICKS_PER_SECOND // FPS


async def objections(world: World, camera: Camera, subject: Subject, asked: Interval) -> list[str]:
    """What is not as it should be; to be called when nothing is written any more."""
    try:
        await audited(world, camera)
    except AssertionError as fault:
        return [f"{camera.slug}: files and tables differ: {fault}"]
    found = listed(world.store, camera)
    parts = await coverage(context(world), camera.slug, asked)
    told = [
        *_durations(world, camera, found),
        *_sums(parts, asked),
        *_recorded([segment for _, segment in found], parts),
        *_gaps(parts[1:-1], subject.injected),
    ]
    return [f"{camera.slug}: {each}" for each in told]


def _durations(world: World, camera: Camera, found: list[tuple[Hour, Segment]]) -> Iterator[str]:
    """Each file's pictures are decoded from its position on, until its end.

    With B-frames a run's last file ends with the picture shown last, which may have come before
    pictures shown before it, and a keyframe behind a hole may be a bit beside (docs/time.md).
    """
    folder = CameraFolder(camera.tenant_id, camera.folder)
    last = {segment.run_id: segment.name for _, segment in found}
    for hour, segment in found:
        path = world.store.hour_path(folder, hour)
        content = (path / segment.init).read_bytes() + (path / segment.name).read_bytes()
        held = _decoded(content)
        beside = MOST_BESIDE_TICKS if held.reordered else 0
        is_last = held.reordered and last[segment.run_id] == segment.name
        ends_well = is_last or abs(held.end - segment.end_position) <= beside
        if abs(held.begin - segment.position) > beside or not ends_well:
            yield f"{hour}/{segment.name} holds {held}, {segment} is listed"


@dataclass(frozen=True, slots=True)
class _Decoded:
    """Ticks at which a file's first picture is decoded, and at which one after its last would be.

    `reordered`: pictures are not decoded as they are shown.
    """

    begin: int
    end: int
    reordered: bool


def _decoded(content: bytes) -> _Decoded:
    with av.open(io.BytesIO(content)) as container:
        assert isinstance(container, InputContainer)
        times = [
            (each.pts or 0, each.dts, each.duration or 0)
            for each in container.demux(video=0)
            if each.dts is not None
        ]
    reordered = any(pts != dts for pts, dts, _ in times)
    return _Decoded(times[0][1], times[-1][1] + times[-1][2], reordered)


def _sums(parts: list[Covered], asked: Interval) -> Iterator[str]:
    """One part ends where the next begins, from end to end, and each gap has its reason."""
    places = [asked.from_us, *(part.to_us for part in parts)]
    if places[:-1] != [part.from_us for part in parts] or places[-1] != asked.to_us:
        yield f"coverage does not sum up to {asked}: {parts}"
    if any(part.gap_reason == "" for part in parts):
        yield f"a gap without a reason: {parts}"


def _recorded(segments: list[Segment], parts: list[Covered]) -> Iterator[str]:
    """What is told as recorded is what the files hold, no more, no less."""
    held = _merged(_extent(list(run)) for _, run in groupby(segments, lambda each: each.run_id))
    told = _merged((p.from_us, p.to_us) for p in parts if p.gap_reason is None)
    alike = len(held) == len(told) and all(
        abs(a - b) <= ROUNDING_US
        for one, other in zip(held, told, strict=True)
        for a, b in zip(one, other, strict=True)
    )
    if not alike:
        yield f"files hold {held}, coverage tells {told}"


def _extent(run: list[Segment]) -> tuple[int, int]:
    """Wall time of a run whose segments follow each other without a hole."""
    assert all(a.end_position == b.position for a, b in pairwise(run)), run
    return run[0].start_us, run[-1].end_us


def _merged(intervals: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order, those that touch or overlap as one."""
    merged: list[tuple[int, int]] = []
    for start_us, end_us in sorted(intervals):
        if merged and start_us <= merged[-1][1] + ROUNDING_US:
            merged[-1] = merged[-1][0], max(end_us, merged[-1][1])
        else:
            merged.append((start_us, end_us))
    return merged


def _gaps(parts: list[Covered], injected: list[Injected]) -> Iterator[str]:
    """Each gap comes of a fault, and each fault that must leave a gap did."""
    gaps = [part for part in parts if part.gap_reason is not None]
    for gap in gaps:
        if not any(each.explains(gap.from_us, gap.to_us) for each in injected):
            yield f"no fault explains the gap {gap}"
    for each in injected:
        if each.fault.harm is Harm.GAP and not any(
            each.explains(gap.from_us, gap.to_us) for gap in gaps
        ):
            yield f"no gap where there was {each}"
