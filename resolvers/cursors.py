"""Opaque places: in a tenant's event log, and in lists that are paged through."""

from __future__ import annotations

import base64
import binascii

from resolvers.errors import BadCursor, FieldError

LOG, EVENTS, CAMERAS, TENANTS, LOCKS, EXPORTS, FRAMES = "l", "e", "c", "t", "k", "x", "f"
COMPARISONS, DIFFERENCES, REMOVALS = "m", "d", "r"
"""Kinds: a place in the event log; in a list of events, cameras, tenants, locks, exports; in
footage; in a list of comparisons, of differences, of removals."""


def encode(kind: str, tenant_id: str, *place: str | int) -> str:
    text = "\x1f".join([kind, tenant_id, *map(str, place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def bad(field: str) -> BadCursor:
    return BadCursor(FieldError(field, "not a cursor that this server gave out"))


def decode(kind: str, tenant_id: str, cursor: str, field: str) -> list[str]:
    """The parts that were encoded.

    Raises:
        BadCursor: not a cursor of this kind and this tenant; `field` is named.
    """
    if len(cursor) > 400 or not cursor.isascii():
        raise bad(field)
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bad(field) from error
    found_kind, _, rest = text.partition("\x1f")
    found_tenant, _, place = rest.partition("\x1f")
    if found_kind != kind or found_tenant != tenant_id or not place or "\0" in place:
        raise bad(field)
    return place.split("\x1f")


def decode_number(text: str, field: str) -> int:
    """A part that must be a count: digits, below 2^63."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise bad(field)
    return int(text)


def decode_place(parts: list[str], longest: int, field: str) -> tuple[int, str]:
    """The two parts of a place in a list: a time, and an id of at most `longest` characters."""
    if len(parts) != 2 or len(parts[1]) > longest:
        raise bad(field)
    return decode_number(parts[0], field), parts[1]


def encode_log(tenant_id: str, seq: int) -> str:
    return encode(LOG, tenant_id, seq)


def decode_log(tenant_id: str, cursor: str, field: str = "after") -> int:
    """The number after which to go on."""
    parts = decode(LOG, tenant_id, cursor, field)
    if len(parts) != 1:
        raise bad(field)
    return decode_number(parts[0], field)


def encode_name(name: str) -> str:
    """A place in the list of tenants, which itself is of none."""
    return encode(TENANTS, "", name)


def decode_name(cursor: str, longest: int, field: str) -> str:
    (name,) = decode(TENANTS, "", cursor, field)[:1]
    if len(name) > longest:
        raise bad(field)
    return name
