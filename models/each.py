"""Rows of many keys in one statement, each with an order and a limit of its own."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

from pypika_tortoise.terms import Field
from tortoise.expressions import RawSQL
from tortoise.queryset import QuerySet, ValuesListQuery

from models.base import ValueT
from models.bulk import NewRows, run_with


async def select_each(
    rows: QuerySet[Any], value: type[ValueT], keys: NewRows
) -> list[list[ValueT]]:
    """What `select` gives of the rows of each key, in the order of the keys.

    `keys` has columns of the table; a key's rows are those that equal it in all of them. The order
    and the limit of `rows` are those of each key. `rows` is ordered by columns that `value` names.
    """
    answers: list[list[ValueT]] = [[] for _ in keys.records]
    if not answers:
        return answers
    equal = {name: RawSQL(f'new_rows."{name}"') for name in keys.types}
    columns = value.__struct_fields__
    query = rows.filter(**equal).values_list(*columns)
    query._choose_db_if_not_chosen()
    query._make_query()
    read = [query.resolve_to_python_value(rows.model, name) for name in columns]
    records = [(*record, place) for place, record in enumerate(keys.records)]
    numbered = NewRows({**keys.types, "key_place": "int"}, records)
    statement, values = _statement(rows, query, columns)
    for row in await run_with(numbered, statement, *values):
        found = value(*(each(row[str(n)]) for n, each in enumerate(read)))
        answers[row["key_place"]].append(found)
    return answers


def _statement(
    rows: QuerySet[Any],
    query: ValuesListQuery[Any],
    columns: tuple[str, ...],
) -> tuple[str, list[object]]:
    """PostgreSQL runs the query for each key; SQLite has no LATERAL, but a list that depends."""
    orders = (f'"{columns.index(name)}" {order.value}' for name, order in rows._orderings)
    order = ", ".join(['"key_place"', *orders])
    if query._db.capabilities.dialect == "postgres":
        inner, values = query.query.get_parameterized_sql()
        source = f"new_rows CROSS JOIN LATERAL ({inner}) AS found"
        return f'SELECT "key_place", found.* FROM {source} ORDER BY {order}', values  # noqa: S608
    query.query._selects = [Field("rowid")]
    inner, values = query.query.get_parameterized_sql()
    number = count(1)
    inner = re.sub(r"\?", lambda _: f"${next(number)}", inner)
    picked = ", ".join(f'found."{name}" AS "{n}"' for n, name in enumerate(columns))
    source = f'new_rows CROSS JOIN "{rows.model._meta.db_table}" AS found'
    return (
        f'SELECT "key_place", {picked} FROM {source} '  # noqa: S608 - names of columns alone
        f"WHERE found.rowid IN ({inner}) ORDER BY {order}",
        values,
    )
