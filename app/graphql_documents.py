"""Which GraphQL documents are executed here, and where those that clients name are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from app.bus_redis import RedisBus
from app.documents_redis import RedisDocuments
from app.settings import Settings, SettingsError
from resolvers.bus import Bus
from schema.persisted import Documents


class _Operation(msgspec.Struct):
    id: str
    body: str


class _Manifest(msgspec.Struct):
    """What Apollo's manifest tools write."""

    operations: list[_Operation]


def graphql_documents(settings: Settings, bus: Bus) -> Documents:
    """Raises SettingsError when the list of trusted documents cannot be used."""
    store = RedisDocuments(bus.client) if isinstance(bus, RedisBus) else None
    path = settings.trusted_documents
    trusted = None if path is None else read_trusted(path)
    return Documents(store, trusted, introspection=settings.introspection)


def read_trusted(path: Path) -> dict[str, str]:
    """Documents by the SHA-256 of their text.

    Raises:
        SettingsError: the file is not there, is neither of both forms, or a hash is not its text's.
    """
    try:
        found = _documents(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"VMS_TRUSTED_DOCUMENTS: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise SettingsError(f"VMS_TRUSTED_DOCUMENTS: {error}") from error
    for digest, text in found.items():
        if hashlib.sha256(text.encode()).hexdigest() != digest.lower():
            raise SettingsError(f"VMS_TRUSTED_DOCUMENTS: {digest[:12]} is not its text's SHA-256")
    return {digest.lower(): text for digest, text in found.items()}


def _documents(content: bytes) -> dict[str, str]:
    """Raises msgspec.MsgspecError for what is neither of both forms."""
    found = msgspec.json.decode(content, type=dict[str, object])
    if "operations" not in found:
        return msgspec.convert(found, dict[str, str])
    manifest = msgspec.convert(found, _Manifest)
    return {each.id: each.body for each in manifest.operations}
