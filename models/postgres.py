"""PostgreSQL through asyncpg, with one error for its absence and an end to every wait.

Tortoise's own client leaves three things open. A lost connection surfaces as any of a dozen
exceptions. Waiting for the pool has no bound. And a transaction whose BEGIN fails or is cancelled
never gives its connection back, and stays the transaction of its task for ever.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
)
from tortoise.connection import get_connections
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError

from models.base import Away
from models.circuit import Circuit
from models.watched import watched

log = logging.getLogger(__name__)

T = TypeVar("T")

BORROW_SECONDS = 5.0
"""For a connection out of the pool, a new one included."""
RETURN_SECONDS = 0.4
"""For the server to end what was going on; after it the connection is cut."""

CLOSE_SECONDS = 2.0

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_AWAY_CLASSES = ("08", "28", "3D", "40", "53", "57", "58")
"""SQLSTATE classes: connection, authorization, no such database, deadlock, too few resources,
operator's intervention (shutting down, starting up, a cancelled query), system error."""
_AWAY_STATES = frozenset({"25006", "55P03", "0A000"})
"""Read-only after a failover; a lock that was not to be had; a plan from before a migration."""


def is_away(error: BaseException) -> bool:
    """Whether an error of the driver says that the same may well work later."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith(_AWAY_CLASSES) or state in _AWAY_STATES
    return not isinstance(error, ValueError)  # an argument that the column cannot hold


async def keep(_: asyncpg.Connection) -> None:
    """Connections keep no state from one user to the next: the round trip of a reset is saved."""


@dataclass(frozen=True, slots=True)
class PoolState:
    """Whether the database answered last, and the connections to it: open, and idle among them."""

    is_up: bool
    open: int
    idle: int


class PostgresClient(AsyncpgDBClient):
    """`away` is the error that is raised while the database cannot be used."""

    def __init__(self, away: Away = DBConnectionError, **credentials: Any) -> None:  # noqa: ANN401 - Tortoise's own signature
        super().__init__(**credentials, reset=keep)
        self._away, self._is_away = away, False
        self._circuit = Circuit(self._ask, DRIVER_ERRORS)

    def acquire_connection(self) -> _Borrowed:
        return _Borrowed(self)

    def _in_transaction(self) -> TransactionContext:
        return _Transaction(self)

    @property
    def state(self) -> PoolState:
        if self._pool is None:
            return PoolState(not self._is_away, 0, 0)
        return PoolState(not self._is_away, self._pool.get_size(), self._pool.get_idle_size())

    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[T]], *args: object, **kwargs: object
    ) -> T:
        """What Tortoise wraps around every query."""
        with watched(args[0] if args else func.__name__):
            return await self.translating(func(self, *args, **kwargs))

    async def translating(self, work: Awaitable[T]) -> T:
        """Runs a query; the driver's errors become ours, the first of an outage is logged."""
        try:
            done = await self._circuit.guard(work)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(error) from error
        except DRIVER_ERRORS as error:
            if not is_away(error):
                raise OperationalError(error) from error
            if not self._is_away:
                self._is_away = True
                log.warning("the database is away: %s: %s", type(error).__name__, error)
                self._circuit.suspect()
            raise self._away("the database does not answer") from error
        if self._is_away:
            self._is_away = False
            log.warning("the database is back")
        return done

    async def _close(self) -> None:
        """Gives what is going on a moment to end, then cuts it."""
        await self._circuit.close()
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except DRIVER_ERRORS as error:
            log.debug("the pool was cut: %s", type(error).__name__)

    async def _ask(self) -> None:
        """Connects, beside the pool: its connections may all be busy."""
        known = inspect.signature(asyncpg.connect).parameters
        given = {name: value for name, value in self._template.items() if name in known}
        connection = await asyncpg.connect(password=self.password, **given)
        await connection.close()

    async def borrow(self) -> asyncpg.pool.PoolConnectionProxy:
        """A connection out of the pool; raises the driver's errors."""
        pool = self._pool or await self._open_pool()
        return await pool.acquire(timeout=BORROW_SECONDS)

    async def _open_pool(self) -> asyncpg.Pool:
        async with self._pool_init_lock:
            if self._pool is None:
                await self.create_connection(with_db=True)
            return self._pool

    async def give_back(
        self, connection: asyncpg.pool.PoolConnectionProxy, *, cut: bool = False
    ) -> None:
        """Never fails: a connection that is of no more use is dropped, or cut on demand."""
        try:
            if cut:
                connection.terminate()
            if self._pool is not None:
                await self._pool.release(connection, timeout=RETURN_SECONDS)
        except DRIVER_ERRORS as error:
            log.debug("a connection was dropped: %s", type(error).__name__)


class _Borrowed(PoolConnectionWrapper[asyncpg.pool.PoolConnectionProxy]):
    """A connection for one query. Who is cancelled in the middle of it loses the connection."""

    __slots__ = ("_client", "_connection")

    def __init__(self, client: PostgresClient) -> None:
        super().__init__(client, client._pool_init_lock)
        self._client = client

    async def __aenter__(self) -> asyncpg.pool.PoolConnectionProxy:
        self._connection = await self._client.borrow()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        cancelled = kind is not None and issubclass(kind, asyncio.CancelledError)
        await self._client.give_back(self._connection, cut=cancelled)


class PostgresTransaction(TransactionWrapper):
    """A transaction on a connection of its own; `client` is where its connection came from."""

    def __init__(self, client: PostgresClient, outer: AsyncpgDBClient | None = None) -> None:
        super().__init__(outer or client)
        self._client = client

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(PostgresTransaction(self._client, self))

    async def _translate_exceptions(
        self, func: Callable[..., Awaitable[T]], *args: object, **kwargs: object
    ) -> T:
        with watched(args[0] if args else func.__name__):
            return await self._client.translating(func(self, *args, **kwargs))

    async def copy(
        self, table: str, columns: Sequence[str], records: Iterable[tuple[object, ...]]
    ) -> None:
        """Adds rows by COPY: half the time of an INSERT, where there are many."""
        await self._client.translating(
            self._connection.copy_records_to_table(table, columns=columns, records=records)
        )

    async def commit(self) -> None:
        await self._client.translating(super().commit())

    async def savepoint_rollback(self) -> None:
        await self._client.translating(super().savepoint_rollback())


class _Transaction(TransactionContext):
    """Gives the connection back and leaves the task without a transaction, whatever happens.

    A connection on which the end of the transaction is not certain is cut: the server then rolls
    back what was not committed.
    """

    def __init__(self, client: PostgresClient) -> None:
        self._lender = client
        self.client = PostgresTransaction(client)

    async def __aenter__(self) -> TransactionalDBClient:
        connection = await self._lender.translating(self._lender.borrow())
        self.client._connection = connection
        self._token = get_connections().set(self.client.connection_name, self.client)
        try:
            await self.client.begin()
        except BaseException:
            await self._leave(cut=True)
            raise
        return self.client

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        certain = False
        try:
            if kind is None:
                await self.client.commit()
                certain = True
            else:
                certain = await self._rolled_back()
        finally:
            await self._leave(cut=not certain)

    async def _rolled_back(self) -> bool:
        try:
            async with asyncio.timeout(RETURN_SECONDS):
                await self.client.rollback()
        except DRIVER_ERRORS as error:
            log.debug("a transaction was dropped: %s", type(error).__name__)
            return False
        return True

    async def _leave(self, *, cut: bool) -> None:
        get_connections().reset(self._token)
        await self._lender.give_back(self.client._connection, cut=cut)


client_class = PostgresClient
"""What Tortoise looks for in a module that is named as an engine."""
