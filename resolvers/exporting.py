"""Makes one export: finds its footage, in whatever store, and has it written as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from media.disk import is_full, room_of
from media.export.folder import folders, make_folder, remove_folder, remove_others
from media.export.manifest import FORMAT, Head, Missing
from media.export.package import CameraFootage, Package, write_package
from media.export.plan import FootageGone, Span
from media.playlist import iso_milliseconds
from media.types import MediaError
from models.camera import Camera
from models.export import Export
from resolvers import export_jobs, footage
from resolvers.access import Actor, Interval, Scope
from resolvers.cameras import cameras_for
from resolvers.context import Context, World
from resolvers.errors import FootageAway, NotFound
from resolvers.footage import Footage, folder_of
from resolvers.job_footage import demand_listed, place_of
from resolvers.jobs import Fault, JobFault
from resolvers.outcomes import value_of
from resolvers.recordings import RangeOf, coverage_of_each
from resolvers.stores import FarFile, Wish
from resolvers.system import VERSION

_FAR = "far"


class Stopped(Exception):
    """Who asked for the work wants it no more."""


@dataclass(slots=True)
class Progress:
    """Written by whoever works at an export, read by who tells of it: plain numbers, no lock."""

    expected_bytes: int
    done_bytes: int = 0
    is_stopped: bool = False

    def told(self, count: int) -> None:
        """Raises Stopped once the work is to end."""
        self.done_bytes += count
        if self.is_stopped:
            raise Stopped


@dataclass(frozen=True, slots=True)
class Making:
    """One attempt at an export."""

    world: World
    job: Export
    progress: Progress = field(default_factory=lambda: Progress(0))

    @property
    def wanted(self) -> Interval:
        return Interval(self.job.from_us, self.job.to_us)

    @property
    def _ctx(self) -> Context:
        """As the tenant itself: who asked was judged when they asked."""
        return Context(Actor(self.job.tenant_id, frozenset({Scope.PLAYBACK_READ})), self.world)

    @property
    def _claim(self) -> UUID:
        if self.job.claim is None:
            raise ValueError("an export is made by who has taken it")
        return self.job.claim

    async def make(self) -> Package:
        """Writes the file and its manifest into the folder of the attempt.

        Raises:
            NotYet: wait for some seconds.
            Stopped: `progress` said so.
            JobFault: there will be none, or not in this attempt.
            Unavailable: the database is away.
        """
        try:
            return await self._made()
        except FootageAway as error:
            raise JobFault(Fault("FOOTAGE_AWAY", str(error), waits=True)) from error
        except NotFound as error:
            raise _fault("CAMERA_GONE", error) from error
        except FootageGone as error:
            raise _fault("FOOTAGE_GONE", error, passes=True) from error
        except MediaError as error:
            raise _fault("FOOTAGE_DAMAGED", error) from error
        except OSError as error:
            code = "NO_ROOM" if is_full(error) else "DISK_FAILED"
            text = f"the disk failed: {error.strerror}"
            raise JobFault(Fault(code, text, passes=not is_full(error))) from error

    async def _made(self) -> Package:
        cameras = await self._cameras()
        for camera in cameras:
            await demand_listed(self._ctx, camera, self.wanted)
        found = [await footage.between(self._ctx, each, self.wanted) for each in cameras]
        await self._check(found)
        folder = await asyncio.to_thread(make_folder, self.world.store.root, self._claim)
        exported = await self._gathered(cameras, found, folder / _FAR)
        span = Span(self.wanted.from_us, self.wanted.to_us)
        told = self.progress.told
        made = await asyncio.to_thread(write_package, self._head(), span, exported, folder, told)
        root = self.world.store.root
        await asyncio.to_thread(remove_folder, root, f"{self._claim.hex}/{_FAR}")
        return made

    async def give_up(self) -> None:
        """Removes what was written. Raises OSError, the disk's."""
        root = self.world.store.root
        await asyncio.to_thread(remove_folder, root, self._claim.hex)

    async def _gathered(
        self, cameras: Sequence[Camera], found: Sequence[Footage], borrowed: Path
    ) -> list[CameraFootage]:
        """With all of it where it can be opened; what is away is copied into a folder."""
        asked = [RangeOf(each.slug, self.wanted) for each in cameras]
        coverages = await coverage_of_each(self._ctx, asked)
        exported = []
        for camera, parts, coverage in zip(cameras, found, coverages, strict=True):
            opened = _opener(self.world, camera, await self._borrow(camera, parts, borrowed))
            missing = [
                Missing(Span(each.from_us, each.to_us), each.gap_reason)
                for each in value_of(coverage)
                if each.gap_reason is not None
            ]
            exported.append(
                CameraFootage(camera.slug, camera.name, parts.segments, missing, opened)
            )
        return exported

    async def _cameras(self) -> list[Camera]:
        found = await cameras_for(self._ctx, self.job.camera_ids, Scope.PLAYBACK_READ)
        cameras = [value_of(each) for each in found]
        if [str(each.key) for each in cameras] != self.job.camera_keys:
            raise NotFound("a camera was deleted")
        return cameras

    async def _check(self, found: Sequence[Footage]) -> None:
        if any(each.away for each in found):
            raise FootageAway
        needed = sum(part.size_bytes for each in found for part in each.segments)
        if not needed:
            raise JobFault(Fault("NOT_RECORDED", "there is no footage of that time (any more)"))
        most = self.world.exports.most_bytes
        if needed > most:
            raise JobFault(
                Fault("TOO_LARGE", f"it takes {needed} bytes, and exports may take {most}")
            )
        away = sum(
            part.size_bytes
            for each in found
            for part in each.segments
            if not _is_here(self.world, part.name)
        )
        room = await asyncio.to_thread(room_of, self.world.store.root)
        free = room.free_bytes - self.world.marks.reserve_bytes
        if needed + away > free:
            text = f"it takes {needed + away} bytes, and {max(0, free)} are left above the reserve"
            raise JobFault(Fault("NO_ROOM", text))
        self.progress.expected_bytes = needed

    async def _borrow(self, camera: Camera, found: Footage, folder: Path) -> dict[str, Path]:
        """Copies what lies in other stores; where, by its name."""
        names = {name for each in found.segments for name in (each.name, each.init)}
        borrowed: dict[str, Path] = {}
        for name in sorted(names):
            if not _is_here(self.world, name):
                path = folder / camera.key.hex / name.replace("/", "_")
                await self._fetch(camera, name, path)
                borrowed[name] = path
        return borrowed

    async def _fetch(self, camera: Camera, name: str, path: Path) -> None:
        store_id, hour, file_name = place_of(name)
        try:
            far = await footage.open_file(
                self._ctx, camera, hour, file_name, Wish(store_id=store_id)
            )
        except NotFound as error:
            raise FootageGone("footage was removed while it was exported") from error
        if not isinstance(far, FarFile):
            raise TypeError("this process's own footage is not fetched")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("xb") as file:
                async for piece in far.chunks:
                    self.progress.told(0)
                    await asyncio.to_thread(file.write, piece)
        finally:
            await far.close()

    def _head(self) -> Head:
        job = self.job
        return Head(
            format=FORMAT,
            program=f"vms {VERSION}",
            export_id=str(job.id),
            exported_by=job.created_by,
            created=iso_milliseconds(job.created_us),
            start=iso_milliseconds(job.from_us),
            end=iso_milliseconds(job.to_us),
        )


def _fault(code: str, error: Exception, *, passes: bool = False) -> JobFault:
    return JobFault(Fault(code, str(error), passes))


def _is_here(world: World, name: str) -> bool:
    return place_of(name)[0] == world.store.store_id


def _opener(world: World, camera: Camera, borrowed: dict[str, Path]) -> Callable[[str], BinaryIO]:
    def opened(name: str) -> BinaryIO:
        if name in borrowed:
            return borrowed[name].open("rb")
        _, hour, file_name = place_of(name)
        return world.store.open_file(folder_of(camera), hour, file_name)

    return opened


async def sweep(world: World) -> int:
    """Removes from this process's store what no export holds: expired, deleted, half made.

    Exports whose files are missing from it are told to be gone.

    Returns:
        How many folders went.

    Raises:
        OSError: the disk's.
        Unavailable: the database is away.
    """
    await export_jobs.expire(world)
    root = world.store.root
    # A claim is in the tables before its folder is made, and ready after: hence this order.
    ready = await export_jobs.ready_claims(world.store.store_id)
    found = await asyncio.to_thread(folders, root)
    if lost := {each for each in ready if each.hex not in found}:
        await export_jobs.lose(world, lost)
    if not found:
        return 0
    kept = {each.hex for each in await export_jobs.claims_in_use()}
    return await asyncio.to_thread(remove_others, root, found, kept)
