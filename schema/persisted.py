"""Documents that clients name by their hash instead of sending them.

Source: Apollo's automatic persisted queries, `extensions.persistedQuery` of version 1. With a list
of trusted documents nothing else is executed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

import msgspec
from msgspec import UNSET

from schema.documents import Operation, prepare
from schema.errors import (
    BAD_REQUEST,
    INTROSPECTION_DISABLED,
    NOT_TRUSTED,
    PERSISTED_NOT_FOUND,
    refused,
)
from schema.execution import GraphQLRequest

MOST_KEPT = 1_000
MAX_KEPT_CHARACTERS = 16 * 1024
"""Of a document that is kept: longer ones must be sent each time."""


class DocumentStore(Protocol):
    """Keeps documents by the SHA-256 of their text, as 64 hexadecimal digits."""

    async def get(self, digest: str) -> str | None: ...

    async def put(self, digest: str, text: str) -> None: ...


class LocalDocuments:
    """For one process; those that were used least recently go first."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    async def get(self, digest: str) -> str | None:
        text = self._known.get(digest)
        if text is not None:
            self._known.move_to_end(digest)
        return text

    async def put(self, digest: str, text: str) -> None:
        self._known[digest] = text
        self._known.move_to_end(digest)
        if len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)


class _Persisted(msgspec.Struct, rename="camel"):
    version: int
    sha256_hash: str


class Documents:
    """What may be executed here, and where its text comes from.

    `trusted` are the only documents that are executed, by their hash; None allows any. Without
    `introspection` nobody may ask for the schema.
    """

    def __init__(
        self,
        store: DocumentStore | None = None,
        trusted: Mapping[str, str] | None = None,
        *,
        introspection: bool = True,
    ) -> None:
        self._store = store or LocalDocuments()
        self._trusted, self._introspection = trusted, introspection

    async def operation(self, asked: GraphQLRequest) -> Operation:
        """The operation that a request asks for, valid and within the limits.

        Raises:
            Refused: as `prepare`; or PERSISTED_QUERY_NOT_FOUND, DOCUMENT_NOT_TRUSTED,
                INTROSPECTION_DISABLED, or BAD_REQUEST when text and hash do not agree.
        """
        digest = _named(asked)
        text = None if asked.query is UNSET else asked.query
        if digest is not None and text is not None and _digest(text) != digest:
            raise refused("`sha256Hash` is not the hash of `query`")
        if self._trusted is not None:
            text = self._trusted.get(digest or _digest(text or ""))
            if text is None:
                raise refused("only documents that are known here are executed", NOT_TRUSTED)
        elif text is None:
            text = await self._known(digest)
        tells_cost = (asked.extensions or {}).get("cost") is True
        found = prepare(text, asked.operation_name, asked.variables, tells_cost=tells_cost)
        if not self._introspection and found.introspects:
            raise refused("the schema is not shown here", INTROSPECTION_DISABLED)
        if digest is not None and self._trusted is None and len(text) <= MAX_KEPT_CHARACTERS:
            await self._store.put(digest, text)
        return found

    async def _known(self, digest: str | None) -> str:
        if digest is None:
            raise refused("want a `query`")
        text = await self._store.get(digest)
        if text is None:  # the words that Apollo's clients wait for, to send the text along
            raise refused("PersistedQueryNotFound", PERSISTED_NOT_FOUND)
        return text


def _named(asked: GraphQLRequest) -> str | None:
    """The hash that a request names its document by, if it does."""
    given = (asked.extensions or {}).get("persistedQuery")
    if given is None:
        return None
    try:
        found = msgspec.convert(given, _Persisted)
    except msgspec.ValidationError as error:
        raise refused(f"extensions.persistedQuery: {error}", BAD_REQUEST) from error
    if found.version != 1:
        raise refused("extensions.persistedQuery.version: want 1")
    return found.sha256_hash.lower()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
