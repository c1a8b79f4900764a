"""SQLite through aiosqlite, with one error for its absence and transactions that always end.

Tortoise's own client keeps its lock for ever when a transaction is cancelled while it begins, and
commits half a migration: a script of several statements ends the transaction it runs in.
"""

from __future__ import annotations

import asyncio
import sqlite3
from types import TracebackType
from typing import Any

import aiosqlite
from tortoise.backends.base.client import (
    ConnectionWrapper,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.backends.sqlite.client import SqliteClient as TortoiseClient
from tortoise.backends.sqlite.client import SqliteTransactionWrapper
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError

from models.base import Away

_AWAY_CODES = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM),
    }
)


def is_away(error: BaseException | None) -> bool:
    """Whether an error of the driver says that the same may well work later."""
    return isinstance(error, sqlite3.OperationalError) and (
        getattr(error, "sqlite_errorcode", 0) & 0xFF in _AWAY_CODES
    )


class _Borrowed(ConnectionWrapper[aiosqlite.Connection]):
    """The one connection, for one query; its absence becomes `away`."""

    def __init__(self, lock: asyncio.Lock, client: TortoiseClient, away: Away) -> None:
        super().__init__(lock, client)
        self._away = away

    async def __aenter__(self) -> aiosqlite.Connection:
        await self._lock.acquire()
        try:
            await self.ensure_connection()
        except BaseException as error:
            self._lock.release()
            if is_away(error):
                raise self._away(f"the database cannot be opened: {error}") from error
            raise
        return self.connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._lock.release()
        if is_away(error):
            raise self._away(f"the database does not take this now: {error}") from error


class SqliteClient(TortoiseClient):
    """`away` is the error that is raised while the database cannot be used."""

    def __init__(self, file_path: str, away: Away = DBConnectionError, **pragmas: Any) -> None:  # noqa: ANN401
        super().__init__(file_path, **pragmas)
        self.away = away

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        return _Borrowed(self._lock, self, self.away)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(self)


class SqliteTransaction(SqliteTransactionWrapper):
    def __init__(self, client: TortoiseClient, away: Away) -> None:
        super().__init__(client)
        self._away = away

    def acquire_connection(self) -> ConnectionWrapper[aiosqlite.Connection]:
        return _Borrowed(self._lock, self, self._away)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(SqliteTransaction(self, self._away))

    async def begin(self) -> None:
        """Takes the write lock at once: whoever has read something first could be refused it."""
        async with self.acquire_connection() as connection:
            await connection.execute("BEGIN IMMEDIATE")

    async def commit(self) -> None:
        async with self.acquire_connection() as connection:
            await connection.commit()
        self._finalized = True

    async def execute_script(self, query: str) -> None:
        """Statement by statement: sqlite3's own way to run a script commits first."""
        statement = ""
        for piece in query.split(";"):
            statement += piece + ";"
            if statement.strip(" \n;") and sqlite3.complete_statement(statement):
                await self.execute_query(statement)
                statement = ""


class _Transaction(TransactionContext):
    """Ends the transaction, gives the lock back and leaves the task without a transaction."""

    def __init__(self, client: SqliteClient) -> None:
        self._parent = client
        self.client = SqliteTransaction(client, client.away)

    async def __aenter__(self) -> TransactionalDBClient:
        async with self._parent.acquire_connection() as connection:
            self.client._connection = connection
        await self._parent._lock.acquire()
        self._token = get_connections().set(self.client.connection_name, self.client)
        try:
            await self.client.begin()
        except BaseException:
            await self._leave()
            raise
        return self.client

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                await self.client.commit()
        finally:
            await self._leave()

    async def _leave(self) -> None:
        """What was not committed is rolled back; nothing happens where nothing is open."""
        get_connections().reset(self._token)
        try:
            await asyncio.shield(self.client._connection.rollback())
        finally:
            self._parent._lock.release()


client_class = SqliteClient
"""What Tortoise looks for in a module that is named as an engine."""
