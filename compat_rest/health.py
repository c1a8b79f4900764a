"""What the health addresses answer, for the OpenAPI document; `app` gives the answers."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType


class HealthJson(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"]


class CheckJson(msgspec.Struct, frozen=True):
    """One component. `engine` says what stands behind the name: `sqlite`, `local`.

    `free_bytes` comes with storage, `active` (`name@version`) and `device` with models.
    """

    status: str
    engine: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    free_bytes: int | UnsetType = UNSET
    active: str | UnsetType = UNSET
    device: str | UnsetType | None = UNSET


class ReadinessJson(msgspec.Struct, frozen=True):
    """`unavailable` unless postgres, redis and storage all work; `models` is told besides.

    Storage that fills up is `degraded` and works.
    """

    status: Literal["ok", "unavailable"]
    checks: dict[str, CheckJson]
