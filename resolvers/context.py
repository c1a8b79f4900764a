"""What every use case needs to know about its caller and its world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from media.clock import Clock, SystemClock
from media.disk import DEFAULT_MARKS, DiskMarks
from media.network import CameraNetworks
from media.store import RecordingStore
from media.types import ModelStatus, ProbeReport
from resolvers.access import Actor
from resolvers.broadcast import Broadcast, LocalBroadcast
from resolvers.bus import Bus
from resolvers.following import Following
from resolvers.identity import Identity
from resolvers.live_workers import LiveWorkers
from resolvers.meter import NO_METER, Meter
from resolvers.quota import Quota
from resolvers.reloads import Reloads
from resolvers.roster import Rosters
from resolvers.stores import FarStores
from resolvers.vault import Vault
from resolvers.webhook_sending import WebhookSender

OPERATION_SECONDS = 10.0

EXPORT_HOURS = 72
EXPORT_BYTES = 50 * 1000**3


@dataclass(frozen=True, slots=True)
class ExportLimits:
    """A tenant's exports take at most `most_bytes` at once; each is kept for `kept_us`."""

    most_bytes: int = EXPORT_BYTES
    kept_us: int = EXPORT_HOURS * 3_600_000_000


Probe = Callable[[str], Awaitable[ProbeReport]]
"""Opens an RTSP address for a moment and says what is there; raises MediaError."""


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for every request of a process.

    `probe` is None where no media worker can be reached. `models` says what can be detected here.
    `far` asks for footage that is not in `store`, None where other stores can't be reached.
    `live` asks the workers that have the cameras, None where none can be reached.
    `broadcast` carries what is of use only at once.
    `webhooks` sends messages to receivers outside, None where nothing is sent from.
    `stopping` is set when this process is about to end: requests that would last come to an end.
    `reloads` are those who wait for a playlist to grow.
    `marks` say how much room the store's disk should have. An operation of a client takes at most
    `operation_seconds`.
    """

    bus: Bus
    clock: Clock
    identity: Identity
    vault: Vault
    networks: CameraNetworks
    store: RecordingStore
    models: Callable[[], Sequence[ModelStatus]] = field(default=tuple)
    probe: Probe | None = None
    far: FarStores | None = None
    live: LiveWorkers | None = None
    webhooks: WebhookSender | None = None
    following: Following = field(default_factory=Following)
    meter: Meter = NO_METER
    marks: DiskMarks = DEFAULT_MARKS
    broadcast: Broadcast = field(default_factory=LocalBroadcast)
    rosters: Rosters = field(default_factory=Rosters)
    reloads: Reloads = field(default_factory=Reloads)
    operation_seconds: float = OPERATION_SECONDS
    exports: ExportLimits = ExportLimits()
    quota: Quota = field(default_factory=lambda: Quota(SystemClock()))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, and the world it asks in."""

    actor: Actor
    world: World
