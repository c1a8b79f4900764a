"""Footage laid down by hand for tests that play it: playlists are real, media are bytes."""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID, uuid4

from media.boxes import RunBox
from media.playlist import PLAYLIST_NAME, Playlist, Segment, dump, joined
from media.store import CameraFolder, Hour
from media.types import MediaChange, RunBegan, RunClock, RunEnded, SegmentClosed
from models.camera import Camera
from resolvers import ingest
from resolvers.context import World
from tests.media.fragments import full_box, moof, traf

INIT = "init-0123456789.mp4"
TICKS = 90_000


def segment(
    start_us: int, position: int, seconds: float = 4.0, run_id: UUID | None = None
) -> Segment:
    """A segment named after its wall time."""
    second_of_day, micros = divmod(start_us % 86_400_000_000, 1_000_000)
    minutes, second = divmod(second_of_day, 60)
    hour, minute = divmod(minutes, 60)
    return Segment(
        run_id=run_id or uuid4(),
        name=f"{hour:02d}{minute:02d}{second:02d}_{micros // 1000:03d}.m4s",
        init=INIT,
        start_us=start_us,
        position=position,
        end_position=position + round(seconds * TICKS),
        size_bytes=1000,
    )


def lay_down(world: World, camera: Camera, segments: list[Segment], *, ended: bool = False) -> Hour:
    """Writes the hour folder of segments that all begin in one hour; the hour's name."""
    hour = world.store.hour_of(segments[0].start_us)
    folder: Path = world.store.hour_path(CameraFolder(camera.tenant_id, camera.folder), hour)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INIT).write_bytes(b"init of " + camera.tenant_id.encode())
    for number, each in enumerate(segments):
        (folder / each.name).write_bytes(bytes([number]) * each.size_bytes)
    (folder / PLAYLIST_NAME).write_text(dump(Playlist(joined(segments), ended)))
    return hour


def with_key_picture(world: World, camera: Camera, each: Segment) -> None:
    """Rewrites a segment's file, so that a picture of 200 bytes can be told in it."""
    hour = world.store.hour_of(each.start_us)
    folder = world.store.hour_path(CameraFolder(camera.tenant_id, camera.folder), hour)
    run = full_box(b"trun", 1, 0x701, struct.pack(">IiIII", 1, 200, 1, 9, 0))
    head = RunBox(RunClock(each.run_id, each.start_us, each.position), each.init).encoded()
    (folder / each.name).write_bytes(head + moof(traf(0, run)) + bytes(1000))


async def summarise(
    world: World, camera: Camera, segments: list[Segment], end_reason: str | None = None
) -> None:
    """Tells the database of a run of segments, as a worker does."""
    run_id = segments[0].run_id
    changes: list[MediaChange] = [RunBegan(camera.key, run_id, segments[0].start_us)]
    changes += [closed(world, camera, each) for each in segments]
    if end_reason is not None:
        changes.append(RunEnded(camera.key, run_id, segments[-1].end_us, end_reason))
    await ingest.record(world, camera.tenant_id, {camera.key: camera.slug}, changes)


def closed(world: World, camera: Camera, each: Segment) -> SegmentClosed:
    hour = world.store.hour_of(each.start_us)
    return SegmentClosed(
        camera_key=camera.key,
        run_id=each.run_id,
        date=hour.date,
        hour=hour.hour,
        name=each.name,
        start_us=each.start_us,
        end_us=each.end_us,
        start_position=each.position,
        end_position=each.end_position,
        size_bytes=each.size_bytes,
    )
