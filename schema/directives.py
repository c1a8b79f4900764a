"""What the schema says of its fields beside their types, for clients and for the server itself."""

from __future__ import annotations

import strawberry
from graphql import GraphQLSchema
from strawberry.schema_directive import Location, StrawberrySchemaDirective

from schema.enums import Otherwise, RequiredScope


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="cost",
    description=(
        "What one answer of the field costs, without what is selected below it, in about "
        "microseconds of a processor. Without it a value costs 1, an object 2."
    ),
)
class Cost:
    weight: int = strawberry.field(description="Of one answer, from 0 on.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="listSize",
    description="How many items a list without `first` is taken to have, where it is not 10.",
)
class ListSize:
    assumed_size: int = strawberry.field(description="Items, from 0 on.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requires",
    description=(
        "The scope that the token of who asks for the field must carry, beside those of the fields "
        "that lead there. A field without it needs no more than those; the fields of Query, "
        "Mutation and Subscription all have it."
    ),
)
class Requires:
    scope: RequiredScope = strawberry.field(description="The scope.")
    otherwise: Otherwise = strawberry.field(
        default=Otherwise.REFUSED, description="What who lacks it is answered."
    )


def describe_arguments(schema: GraphQLSchema) -> None:
    """Gives the directives' arguments the descriptions of their fields, which Strawberry drops."""
    for directive in schema.directives:
        stated = directive.extensions.get("strawberry-definition")
        if isinstance(stated, StrawberrySchemaDirective):
            arguments = list(directive.args.values())
            for argument, declared in zip(arguments, stated.fields, strict=True):
                argument.description = declared.description
