"""Registers an enumeration of Python's as one of GraphQL's, each value described."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def describe(enum: type[Enum], name: str, description: str, values: dict[str, str]) -> None:
    """Registers an enumeration with Strawberry; `values` says what each member means."""
    strawberry.enum(enum, name=name, description=description)
    definition: StrawberryEnumDefinition = enum.__dict__["__strawberry_definition__"]
    for value in definition.values:
        value.description = values[value.name]
