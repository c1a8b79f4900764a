"""Writes events with their pictures to a folder, for people and for training.

`events.ndjson` has an event on each line; `images/` the pictures as they are kept, and `crops/`
what each box holds. A line names its pictures, relative to the folder: null where the store that
this process has holds none (any more).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from media.crop import crop_jpeg
from media.playlist import iso_milliseconds
from media.store import CameraFolder, Hour, RecordingNotFound, RecordingStore, replace_file
from media.types import Box, MediaError
from models.camera import camera_folder
from resolvers import events
from resolvers.events import EventFilter, EventOrder

if TYPE_CHECKING:
    from models.event import Event
    from resolvers.context import Context

LISTING, IMAGES, CROPS = "events.ndjson", "images", "crops"
PAGE = 200


class View(msgspec.Struct, frozen=True):
    """An object in a frame; `width` and `height` are the image's (px), the box is in 0..1 of it."""

    ts: str
    label: str
    score: float
    box: dict[str, float]
    image: str | None = None
    crop: str | None = None
    width: int | None = None
    height: int | None = None


class Reviewed(msgspec.Struct, frozen=True):
    verdict: str
    note: str | None
    by: str
    at: str


class Line(msgspec.Struct, frozen=True):
    """`views` has a view for each box of the frame that began it, and its best one."""

    id: str
    camera_id: str
    type: str
    ts: str
    ended_at: str | None
    model_version: str
    trace_id: UUID
    review: Reviewed | None
    views: list[View]


class Exported(msgspec.Struct, frozen=True):
    """How many events there were, and how many of their views have no picture here."""

    events: int
    without_picture: int


async def export_events(ctx: Context, wanted: EventFilter, folder: Path) -> Exported:
    """The oldest first. The listing is there once it is whole; what was there before is replaced.

    Raises:
        ScopeMissing: without `events:read`.
        InvalidInput: the filter names what no event can match.
        OSError: the disk's.
    """
    draft = folder / f"{LISTING}.part"
    await asyncio.to_thread(_prepare, folder, draft)
    count = without = 0
    after: str | None = None
    more = True
    while more:
        page = await events.events(ctx, wanted, EventOrder.OLDEST_FIRST, PAGE, after)
        without += await asyncio.to_thread(_write, ctx.world.store, page.events, folder, draft)
        count += len(page.events)
        more = page.has_next
        after = events.event_cursor(page.events[-1]) if more else None
    await asyncio.to_thread(draft.replace, folder / LISTING)
    return Exported(count, without)


def _prepare(folder: Path, draft: Path) -> None:
    for each in (IMAGES, CROPS):
        (folder / each).mkdir(parents=True, exist_ok=True)
    draft.write_bytes(b"")


def _write(store: RecordingStore, found: Sequence[Event], folder: Path, draft: Path) -> int:
    """Appends a page to the listing. Returns how many views have no picture."""
    lines = [_line(store, event, folder) for event in found]
    with draft.open("ab") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)
    return sum(view.image is None for line in lines for view in line.views)


def _line(store: RecordingStore, event: Event, folder: Path) -> Line:
    pictures = _Pictures(store, event, folder)
    views = [
        pictures.view(event.at_us, box, event.snapshot, f"{event.id}-{number}")
        for number, box in enumerate(event.boxes)
    ]
    if best := event.best:
        name = f"{event.id}-best"
        views.append(pictures.view(best["at_us"], best["box"], best["snapshot"], name))
    return Line(
        id=event.id,
        camera_id=event.camera_slug,
        type=event.type,
        ts=iso_milliseconds(event.at_us),
        ended_at=None if event.ended_us is None else iso_milliseconds(event.ended_us),
        model_version=event.model_version,
        trace_id=event.trace_id,
        review=_review(event),
        views=views,
    )


def _review(event: Event) -> Reviewed | None:
    said = event.review
    if event.verdict is None or said is None:
        return None
    return Reviewed(event.verdict, said["note"], said["by"], iso_milliseconds(said["at_us"]))


class _Pictures:
    """Those of one event. Ids of events are file names: they are ours, never a client's."""

    def __init__(self, store: RecordingStore, event: Event, folder: Path) -> None:
        self._store, self._folder = store, folder
        slug = camera_folder(event.camera_slug, event.camera_key)
        self._camera = CameraFolder(event.tenant_id, slug)
        self._prefix = f"{event.id}-"

    def view(self, at_us: int, box: dict[str, Any], shot: str | None, name: str) -> View:
        """The view with its picture and crop written, where the picture is to be had."""
        place = {side: float(box[side]) for side in ("x", "y", "w", "h")}
        bare = View(iso_milliseconds(at_us), box["label"], box["score"], place)
        jpeg = self._read(shot)
        if shot is None or jpeg is None:
            return bare
        x, y, w, h = place.values()
        try:
            cut = crop_jpeg(jpeg, Box(x, y, x + w, y + h))
        except MediaError:
            return bare
        image = f"{IMAGES}/{self._prefix}{shot.replace('/', '-')}"
        crop = f"{CROPS}/{name}.jpg"
        replace_file(self._folder / image, jpeg)
        replace_file(self._folder / crop, cut.jpeg)
        told = {"image": image, "crop": crop, "width": cut.width, "height": cut.height}
        return msgspec.structs.replace(bare, **told)

    def _read(self, shot: str | None) -> bytes | None:
        if shot is None:
            return None
        date, hour, name = shot.split("/")
        try:
            with self._store.open_file(self._camera, Hour(date, hour), name) as file:
                return file.read()
        except RecordingNotFound:
            return None
