"""Which cameras are meant, told from what is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from media.types import CameraState
from models.camera import Camera
from resolvers.camera_input import MAX_NAME_CHARACTERS
from resolvers.errors import FieldError, InvalidInput

MAX_FILTER_VALUES = 200


class CameraFilter(msgspec.Struct, frozen=True):
    """What is None does not filter; of a list any will do, so an empty one lets nothing pass.

    `name_contains` is looked for whatever the case, 1 to 200 characters.
    """

    ids: Sequence[str] | None = None
    statuses: Sequence[CameraState] | None = None
    enabled: bool | None = None
    record: bool | None = None
    features: Sequence[str] | None = None
    name_contains: str | None = None


ALL = CameraFilter()


def matching(cameras: Iterable[Camera], wanted: CameraFilter) -> list[Camera]:
    """Those that are meant, in their order. Raises InvalidInput that names what is too much."""
    _check(wanted)
    ids, states = _any_of(wanted.ids), _any_of(wanted.statuses)
    features = _any_of(wanted.features)
    part = None if wanted.name_contains is None else wanted.name_contains.casefold()
    return [
        each
        for each in cameras
        if (ids is None or each.slug in ids)
        and (states is None or each.status in states)
        and wanted.enabled in {None, each.enabled}
        and wanted.record in {None, each.record}
        and (features is None or not features.isdisjoint(each.features))
        and (part is None or part in each.name.casefold())
    ]


def _any_of(values: Sequence[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _check(wanted: CameraFilter) -> None:
    wrong = [
        FieldError(name, f"want at most {MAX_FILTER_VALUES}, got {len(values)}")
        for name in ("ids", "statuses", "features")
        if len(values := getattr(wanted, name) or ()) > MAX_FILTER_VALUES
    ]
    part = wanted.name_contains
    if part is not None and not 1 <= len(part) <= MAX_NAME_CHARACTERS:
        message = f"want 1 to {MAX_NAME_CHARACTERS} characters, got {len(part)}"
        wrong.append(FieldError("name_contains", message))
    if wrong:
        raise InvalidInput(*wrong)
