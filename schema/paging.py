"""Pages of lists that grow: the arguments, their bounds, and where a page stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from resolvers.errors import FieldError, InvalidInput

MAX_FIRST = 100

First = Annotated[int, strawberry.argument(description=f"How many at most, 1 to {MAX_FIRST}.")]
After = Annotated[
    str | None,
    strawberry.argument(description="Go on behind this place: a cursor of the page before."),
]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows behind this page.")
    has_previous_page: bool = strawberry.field(
        description="Whether this page was asked for with `after`, so that something precedes it."
    )
    start_cursor: str | None = strawberry.field(
        description="Place of the page's first item; null of an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="Place of its last item, null of an empty page: `after` of the next one."
    )


def checked_first(first: int) -> int:
    """Raises InvalidInput that names `first` unless it is 1 to MAX_FIRST."""
    if not 1 <= first <= MAX_FIRST:
        raise InvalidInput(FieldError("first", f"want 1 to {MAX_FIRST}, got {first}"))
    return first


def page_info(cursors: Sequence[str], has_next: bool, after: str | None) -> PageInfo:
    return PageInfo(
        has_next_page=has_next,
        has_previous_page=after is not None,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
