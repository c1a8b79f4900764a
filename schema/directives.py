"""What the schema says of its fields beside their types, for clients and for the server itself."""

from __future__ import annotations

import strawberry
from strawberry.schema_directive import Location


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="cost",
    description=(
        "What one answer of the field costs, without what is selected below it, in about "
        "microseconds of a processor. Without it a value costs 1, an object 2."
    ),
)
class Cost:
    weight: int


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many items a list without `first` is taken to have, where it is not 10.",
)
class ListSize:
    assumed_size: int
