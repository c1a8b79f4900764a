"""Who may see what: the only place where tenancy and scopes are decided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from tortoise.queryset import QuerySet

from models.base import TenantOwned
from resolvers.credential import Credential
from resolvers.errors import ScopeMissing


class Scope(StrEnum):
    CAMERAS_READ = "cameras:read"
    CAMERAS_WRITE = "cameras:write"
    EVENTS_READ = "events:read"
    EVENTS_WRITE = "events:write"
    PLAYBACK_READ = "playback:read"
    LIVE_READ = "live:read"
    TENANT_ADMIN = "tenant:admin"
    PLATFORM_ADMIN = "platform:admin"


OF_A_TENANT = frozenset(Scope) - {Scope.PLATFORM_ADMIN}
"""What `tenant:admin` includes: everything inside one tenant, nothing beyond it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """[from_us, to_us) of wall time, microseconds since the epoch."""

    from_us: int
    to_us: int

    def overlaps(self, start_us: int, end_us: int) -> bool:
        return start_us < self.to_us and end_us > self.from_us


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts in this request.

    `cameras` narrows what is seen to these public ids and `interval` to footage of that time; None
    is no narrowing. `expires_us` is when the credential ends, None for the process itself.
    `export_id` narrows what is seen to one export, and to no camera.
    `subject` is whom the credential names, for records of who did what. `credential` tells the
    token from others, None for the process itself.
    """

    tenant_id: str
    scopes: frozenset[Scope]
    cameras: frozenset[str] | None = None
    interval: Interval | None = None
    expires_us: int | None = None
    subject: str | None = None
    credential: Credential | None = None
    export_id: str | None = None

    @property
    def rights(self) -> Actor:
        """The same for all who may do the same, whichever token they have and until when."""
        return replace(self, expires_us=None, credential=None)

    def may(self, scope: Scope) -> bool:
        if scope in self.scopes:
            return True
        return scope in OF_A_TENANT and Scope.TENANT_ADMIN in self.scopes


UNNAMED = "a token without a subject"
"""Who did something, where nobody is named."""

Row = TypeVar("Row", bound=TenantOwned)


def demand(actor: Actor, scope: Scope) -> None:
    """Raises ScopeMissing unless the actor carries `scope`."""
    if not actor.may(scope):
        raise ScopeMissing(f"this needs the scope {scope}")


def visible(actor: Actor, table: type[Row], scope: Scope) -> QuerySet[Row]:
    """Rows of `table` that the actor may see.

    Tables about cameras call their public id `slug` (cameras) or `camera_slug` (events); an actor
    narrowed to some cameras sees no table that has neither.

    Raises:
        ScopeMissing: the actor's token does not carry `scope`.
    """
    demand(actor, scope)
    rows = table.within(actor.tenant_id)
    if actor.cameras is None:
        return rows
    for column in ("slug", "camera_slug"):
        if column in table._meta.fields:
            return rows.filter(**{f"{column}__in": sorted(actor.cameras)})
    return rows.filter(pk__in=[])


def sees(actor: Actor, camera_id: str) -> bool:
    """What `visible` says of the actor's own tenant's row about this camera, for one in memory."""
    return actor.cameras is None or camera_id in actor.cameras
