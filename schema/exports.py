"""Exports of footage: what was asked for, how far it is, where its file is, and the mutations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from resolvers import exports
from resolvers.access import Interval, Scope
from resolvers.context import Context
from resolvers.errors import (
    ExportLimitReached,
    ExportTooLarge,
    InvalidInput,
    NotFound,
    VmsError,
)
from resolvers.exports import ExportWish
from schema.context import Info
from schema.enums import ExportErrorCode, ExportState
from schema.errors import UserError, user_errors
from schema.fields import OF_PARENT, field
from schema.paging import PageInfo, page_info
from schema.scalars import Bytes, Instant

if TYPE_CHECKING:
    from models.export import Export as ExportValue
    from schema.cameras import Camera

ExportId = Annotated[strawberry.ID, strawberry.argument(description="The export's id.")]


@strawberry.type(description="Why there is no file.")
class ExportError:
    code: ExportErrorCode = strawberry.field(description="Which kind of reason.")
    message: str = strawberry.field(description="It in plain words.")


@strawberry.type(description="How much of an export is done.")
class ExportProgress:
    done_bytes: Bytes = strawberry.field(description="Bytes of footage that are written.")
    expected_bytes: Bytes = strawberry.field(
        description="Of so many; an estimate until a worker has begun."
    )


@strawberry.type(description="Footage as a file, for outside of this system.")
class Export:
    def __init__(self, export: ExportValue) -> None:
        self._export = export

    @field(description="Names it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self._export.id))

    @field(description="Ids of its cameras, also of those that were deleted.")
    def camera_ids(self) -> list[strawberry.ID]:
        return [strawberry.ID(each) for each in self._export.camera_ids]

    @field(
        description="Its cameras, without those that were deleted.",
        scope=Scope.CAMERAS_READ,
        cost=20,
        size=2,
    )
    async def cameras(
        self, info: Info
    ) -> list[Annotated[Camera, strawberry.lazy("schema.cameras")]]:
        found = await info.context.cameras.load_many(map(UUID, self._export.camera_keys))
        return [each for each in found if each is not None]

    @field(name="from", description="Start of the range that was asked for.")
    def from_(self) -> Instant:
        return Instant(self._export.from_us)

    @field(description="Its end, exclusive.")
    def to(self) -> Instant:
        return Instant(self._export.to_us)

    @field(description="How far it is.")
    def state(self) -> ExportState:
        return ExportState(self._export.state)

    @field(description="How much of it is done.")
    def progress(self) -> ExportProgress:
        return ExportProgress(
            done_bytes=Bytes(self._export.done_bytes),
            expected_bytes=Bytes(self._export.expected_bytes),
        )

    @field(description="What its file is called; null before it is ready.")
    def file_name(self) -> str | None:
        return self._export.file_name

    @field(description="Length of its file; null before it is ready.")
    def size_bytes(self) -> Bytes | None:
        size_bytes = self._export.size_bytes
        return None if size_bytes is None else Bytes(size_bytes)

    @field(
        description=(
            "Where the file is fetched, whole or in ranges, with no more than this address, for "
            "some hours; null while there is none."
        ),
        scope=OF_PARENT,
        cost=20,
    )
    def download_url(self, info: Info) -> str | None:
        return exports.file_url(info.context.ctx, self._export)

    @field(
        description=(
            "Where the manifest is fetched: JSON of what the file holds and lacks, with hashes; "
            "null while there is no file."
        ),
        scope=OF_PARENT,
        cost=20,
    )
    def manifest_url(self, info: Info) -> str | None:
        return exports.manifest_url(info.context.ctx, self._export)

    @field(description="Why it failed; null unless it has.")
    def error(self) -> ExportError | None:
        return self._fault(ExportState.FAILED)

    @field(
        description="Why it could not be made yet: it is tried again, for a day. Null unless so."
    )
    def waits_because(self) -> ExportError | None:
        return self._fault(ExportState.WAITING)

    def _fault(self, state: ExportState) -> ExportError | None:
        code, text = self._export.fault_code, self._export.fault
        if self._export.state != state or code is None or text is None:
            return None
        return ExportError(code=ExportErrorCode(code), message=text)

    @field(description="When it was asked for.")
    def created_at(self) -> Instant:
        return Instant(self._export.created_us)

    @field(description="The subject of the token that asked for it.")
    def created_by(self) -> str:
        return self._export.created_by

    @field(description="When its file goes by itself; null before it is ready.")
    def expires_at(self) -> Instant | None:
        return _instant(self._export.expires_us)

    @field(description="When its file was deleted, or its time was over; null before.")
    def deleted_at(self) -> Instant | None:
        return _instant(self._export.deleted_us)

    @field(description="The subject of the token that deleted it; null where nobody did.")
    def deleted_by(self) -> str | None:
        return self._export.deleted_by


def _instant(at_us: int | None) -> Instant | None:
    return None if at_us is None else Instant(at_us)


def shown(_: Context, value: ExportValue) -> Export:
    return Export(value)


@strawberry.type(description="An export in a page.")
class ExportEdge:
    node: Export = strawberry.field(description="The export.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of exports, the latest first.")
class ExportConnection:
    edges: list[ExportEdge] = strawberry.field(description="The exports with their places.")
    nodes: list[Export] = strawberry.field(description="The exports alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(cls, page: exports.ExportPage, after: str | None) -> ExportConnection:
        nodes = [Export(each) for each in page.exports]
        cursors = [exports.export_cursor(each) for each in page.exports]
        return cls(
            edges=[ExportEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )


@strawberry.input(description="Which footage to export.")
class ExportCreateInput:
    camera_ids: list[strawberry.ID] = strawberry.field(
        description=f"Of which cameras, 1 to {exports.MOST_CAMERAS}, each once."
    )
    from_: Instant = strawberry.field(name="from", description="Start of the range, inclusive.")
    to: Instant = strawberry.field(
        description="Its end, exclusive; at most a day later, and not in the future."
    )


WantedExport = Annotated[ExportCreateInput, strawberry.argument(description="What to export.")]


@strawberry.type(description="An export as written.")
class ExportPayload:
    export: Export | None = strawberry.field(description="As it is now; null when refused.")
    user_errors: list[UserError] = strawberry.field(
        description="What to correct; when there is any, nothing was written."
    )


async def create(ctx: Context, given: ExportCreateInput) -> ExportPayload:
    wish = ExportWish(given.camera_ids, Interval(given.from_, given.to))
    try:
        return _written(await exports.export_create(ctx, wish))
    except (InvalidInput, NotFound, ExportTooLarge, ExportLimitReached) as error:
        return _refused(error)


async def delete(ctx: Context, export_id: str) -> ExportPayload:
    try:
        return _written(await exports.export_delete(ctx, export_id))
    except NotFound as error:
        return _refused(error)


def _written(export: ExportValue) -> ExportPayload:
    return ExportPayload(export=Export(export), user_errors=[])


def _refused(error: VmsError) -> ExportPayload:
    return ExportPayload(export=None, user_errors=user_errors(error))
