"""Stores that other hosts hold: what is asked of them, and who answers for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from media.key_pictures import KeyPicture
from media.playlist import Playlist
from media.store import CameraFolder, Hour
from models.lease import WorkerTable

MOST_HOLDERS = 3
"""Of the workers with one store so many are tried, those seen last first."""


@dataclass(frozen=True, slots=True)
class StoredHour:
    """An hour's folder of a camera in one store."""

    store_id: UUID
    camera: CameraFolder
    hour: Hour


@dataclass(frozen=True, slots=True)
class StoredExport:
    """The folder of an export in one store, named by the claim under which it was made."""

    store_id: UUID
    claim: UUID


@dataclass(frozen=True, slots=True)
class Wish:
    """How a file is wanted: the whole, a part, its head, or only if the player has another.

    `headers` are HTTP's on ranges and conditions, names in lower case. `store_id` is where a
    playlist said that the file lies.
    """

    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    store_id: UUID | None = None


WHOLE = Wish()


@dataclass(frozen=True, slots=True)
class FarFile:
    """A file that another host sends, as HTTP has it (RFC 9110); to be closed by who got it.

    `status` is 200, 206, 304 or 416. `chunks` is the body; it raises FootageAway where that breaks
    off.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class FarStores(Protocol):
    """Asks the workers that hold other stores; no call lasts longer than some seconds.

    Raises:
        FootageAway: none of them can be reached.
        RecordingNotFound: there is no such recording in that store.
    """

    async def playlist(self, place: StoredHour) -> Playlist: ...

    async def key_pictures(self, place: StoredHour) -> dict[str, KeyPicture]:
        """Of the hour's segments by name."""
        ...

    async def frames(self, place: StoredHour, run_id: UUID) -> bytes:
        """The file of what was followed in a run."""
        ...

    async def open_file(self, place: StoredHour, name: str, wish: Wish) -> FarFile: ...

    async def open_export(self, place: StoredExport, name: str, wish: Wish) -> FarFile:
        """`name` is one of `media.export.names`."""
        ...

    async def answers(self, store_id: UUID) -> bool:
        """Whether somebody who holds the store can be reached; may be some seconds old."""
        ...


async def holders(store_id: UUID) -> list[str]:
    """Base URLs of the internal ports of workers with this store, those seen last first."""
    rows = WorkerTable.filter(store_id=store_id, address__not_isnull=True)
    found = await rows.order_by("-seen_us").limit(MOST_HOLDERS).values_list("address", flat=True)
    return [str(each) for each in found]


async def known_stores() -> set[UUID]:
    """Every store that a worker with an internal port ever had."""
    rows = WorkerTable.filter(address__not_isnull=True)
    return {UUID(str(each)) for each in await rows.distinct().values_list("store_id", flat=True)}
