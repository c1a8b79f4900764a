"""Spans of GraphQL's root fields, for as long as traces are sent."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any

from graphql import GraphQLFieldResolver, GraphQLResolveInfo

from app.tracing import operation_span
from schema.documents import CORE


@contextmanager
def traced_fields() -> Iterator[None]:
    """Each field of Query and Mutation is a span while the context is open."""
    types = [each for each in (CORE.query_type, CORE.mutation_type) if each is not None]
    fields = [(name, field) for each in types for name, field in each.fields.items()]
    before = [field.resolve for _, field in fields]
    for name, field in fields:
        if field.resolve is not None:
            field.resolve = _traced(name, field.resolve)
    try:
        yield
    finally:
        for (_, field), resolve in zip(fields, before, strict=True):
            field.resolve = resolve


def _traced(name: str, resolve: GraphQLFieldResolver) -> GraphQLFieldResolver:
    def traced(source: object, info: GraphQLResolveInfo[Any], **arguments: object) -> object:
        found = resolve(source, info, **arguments)
        return _within(name, found) if isawaitable(found) else found

    return traced


async def _within(name: str, found: Awaitable[Any]) -> object:
    with operation_span("field", name):
        return await found
