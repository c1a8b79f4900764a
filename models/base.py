"""Base of every tenant-owned table. Fails closed: no tenant, no query."""

from __future__ import annotations

from typing import Any, Self, TypeVar

import msgspec
from tortoise import fields
from tortoise.manager import Manager
from tortoise.models import Model
from tortoise.queryset import QuerySet

ValueT = TypeVar("ValueT", bound=msgspec.Struct)

Away = type[Exception]
"""The error that is raised, with a text, while the database cannot be used: later it may be."""


class BytewiseText(fields.CharField[str]):
    """Short text that every database compares byte by byte, as Python and SQLite do.

    PostgreSQL would else sort by the language of its installation, differently on every machine:
    places in lists are kept by these columns.
    """

    class _db_postgres:  # the name is what Tortoise looks for
        def __init__(self, field: BytewiseText) -> None:
            self._field = field

        @property
        def SQL_TYPE(self) -> str:
            return f'VARCHAR({self._field.max_length}) COLLATE "C"'


class UnscopedQueryError(RuntimeError):
    """A tenant-owned table was queried without naming the tenant."""


class ClosedManager(Manager):
    def get_queryset(self) -> QuerySet[Model]:
        raise UnscopedQueryError(f"use {self._model.__name__}.within(tenant_id)")


class TenantOwned(Model):
    """Rows that belong to one tenant.

    Every concrete table repeats `manager = ClosedManager()` in its Meta: Tortoise does not inherit
    it from an abstract base.
    """

    tenant_id = BytewiseText(max_length=63)

    @classmethod
    def within(cls, tenant_id: str) -> QuerySet[Self]:
        """Rows of one tenant: the only door to this table."""
        return QuerySet(cls).filter(tenant_id=tenant_id)

    class Meta:
        abstract = True
        manager = ClosedManager()


async def select(rows: QuerySet[Any], value: type[ValueT]) -> list[ValueT]:
    """Runs the query for just the columns that `value` names, and builds the values."""
    found = await rows.values_list(*value.__struct_fields__)
    return [value(*row) for row in found]


async def select_first(rows: QuerySet[Any], value: type[ValueT]) -> ValueT | None:
    found = await select(rows.limit(1), value)
    return found[0] if found else None
