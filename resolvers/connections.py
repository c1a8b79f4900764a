"""Where the open connections of tenants are counted, for one process or for all."""

from __future__ import annotations

from collections import Counter
from typing import Protocol


class Connections(Protocol):
    async def open(self, tenant_id: str, limit: int | None) -> bool:
        """Counts one more, unless there are `limit` already; whether it did. None counts always."""
        ...

    def close(self, tenant_id: str) -> None:
        """Counts one less, of those that `open` counted."""
        ...


class LocalConnections:
    """Counts for one process."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    async def open(self, tenant_id: str, limit: int | None) -> bool:
        if limit is not None and self.counts[tenant_id] >= limit:
            return False
        self.counts[tenant_id] += 1
        return True

    def close(self, tenant_id: str) -> None:
        self.counts[tenant_id] -= 1
        if not self.counts[tenant_id]:
            del self.counts[tenant_id]
