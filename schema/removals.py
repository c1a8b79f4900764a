"""What was removed of footage and events: who, what, why, when and how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers import removals
from resolvers.access import Scope
from schema.context import Info
from schema.enums import RemovalCause
from schema.fields import field
from schema.paging import PageInfo, page_info
from schema.scalars import Bytes, Instant

if TYPE_CHECKING:
    from models.removal import Removal as RemovalValue
    from schema.cameras import Camera


@strawberry.type(
    description=(
        "Footage of a camera, or events, that went. What goes by itself of a camera for one cause "
        "on one day is told together, and grows until the day is over."
    )
)
class Removal:
    def __init__(self, removal: RemovalValue) -> None:
        self._removal = removal

    @field(description="Names it.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(str(self._removal.id))

    @field(description="Why it went.")
    def cause(self) -> RemovalCause:
        return RemovalCause(self._removal.cause)

    @field(description="Id of the camera whose footage it was; null of events.")
    def camera_id(self) -> strawberry.ID | None:
        slug = self._removal.camera_slug
        return None if slug is None else strawberry.ID(slug)

    @field(
        description="The camera; null of events, and once it was deleted.",
        scope=Scope.CAMERAS_READ,
        cost=10,
    )
    async def camera(
        self, info: Info
    ) -> Annotated[Camera, strawberry.lazy("schema.cameras")] | None:
        key = self._removal.camera_key
        return None if key is None else await info.context.cameras.load(key)

    @field(description="The subject of the token that wanted it; null where it went by itself.")
    def removed_by(self) -> str | None:
        return self._removal.removed_by

    @field(
        name="from",
        description="What went begins here; null where nothing has. `coverage` tells gaps exactly.",
    )
    def from_(self) -> Instant | None:
        return _instant(self._removal.from_us)

    @field(description="What went ends here, exclusive; null where nothing has.")
    def to(self) -> Instant | None:
        return _instant(self._removal.to_us)

    @field(description="Bytes of footage that went.")
    def size_bytes(self) -> Bytes:
        return Bytes(self._removal.size_bytes)

    @field(description="Segments of footage that went.")
    def segments(self) -> int:
        return self._removal.segments

    @field(description="Events that went.")
    def events(self) -> int:
        return self._removal.events

    @field(description="When the first of it went, or when somebody wanted it to.")
    def began_at(self) -> Instant:
        return Instant(self._removal.began_us)

    @field(description="When the last of it went.")
    def last_at(self) -> Instant:
        return Instant(self._removal.last_us)


def _instant(at_us: int | None) -> Instant | None:
    return None if at_us is None else Instant(at_us)


@strawberry.type(description="A removal in a page.")
class RemovalEdge:
    node: Removal = strawberry.field(description="The removal.")
    cursor: str = strawberry.field(description="Its place in this list, for `after`.")


@strawberry.type(description="A page of removals, the latest begun first.")
class RemovalConnection:
    edges: list[RemovalEdge] = strawberry.field(description="The removals with their places.")
    nodes: list[Removal] = strawberry.field(description="The removals alone.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")

    @classmethod
    def of(cls, page: removals.RemovalPage, after: str | None) -> RemovalConnection:
        nodes = [Removal(each) for each in page.removals]
        cursors = [removals.removal_cursor(each) for each in page.removals]
        return cls(
            edges=[RemovalEdge(node=n, cursor=c) for n, c in zip(nodes, cursors, strict=True)],
            nodes=nodes,
            page_info=page_info(cursors, page.has_next, after),
        )
