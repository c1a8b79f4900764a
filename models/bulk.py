"""Many rows in one statement, in both dialects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection

from models.postgres import PostgresTransaction


@dataclass(frozen=True, slots=True)
class NewRows:
    """Rows that a statement calls `new_rows`.

    `types` are PostgreSQL's types by the names of the columns; `records` have their values in that
    order: numbers, text, UUID or None, and JSON as text.
    """

    types: Mapping[str, str]
    records: Sequence[tuple[object, ...]]

    @property
    def names(self) -> str:
        return ", ".join(f'"{name}"' for name in self.types)


async def run(statement: str, *values: object) -> list[dict[str, Any]]:
    """The rows that a statement returns. It calls its values `$1`, `$2` and so on."""
    connection = get_connection("default")
    if not _is_postgres(connection):
        statement = re.sub(r"\$(?=\d)", "?", statement)
    return await connection.execute_query_dict(statement, list(values))


async def run_with(rows: NewRows, statement: str, *values: object) -> list[dict[str, Any]]:
    """Like `run`, for a statement that reads from the table `new_rows`.

    The text of it is the same for any number of rows, so that it is planned once.
    """
    if _is_postgres(get_connection("default")):
        kinds = enumerate(rows.types.values(), start=len(values) + 1)
        arrays = ", ".join(f"${number}::{kind}[]" for number, kind in kinds)
        columns: list[object] = [list(column) for column in zip(*rows.records, strict=True)]
        source = f"SELECT * FROM unnest({arrays}) AS t({rows.names})"  # noqa: S608 - constants
    else:
        columns = [json.dumps(rows.records, default=str)]
        fields = enumerate(rows.types)
        picked = ", ".join(f"json_extract(value, '$[{n}]') AS \"{name}\"" for n, name in fields)
        source = f"SELECT {picked} FROM json_each(${len(values) + 1})"  # noqa: S608 - constants
    return await run(f"WITH new_rows AS ({source}) {statement}", *values, *columns)


async def insert(table: str, rows: NewRows) -> None:
    """Adds rows to a table, in a transaction; nothing happens without any."""
    connection = get_connection("default")
    if isinstance(connection, PostgresTransaction):
        await connection.copy(table, list(rows.types), rows.records)
    else:
        statement = f'INSERT INTO "{table}" ({rows.names}) SELECT * FROM new_rows'  # noqa: S608
        await run_with(rows, statement)


def _is_postgres(connection: BaseDBAsyncClient) -> bool:
    return connection.capabilities.dialect == "postgres"
