"""What every use case needs to know about its caller and its world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from media.clock import Clock
from media.network import CameraNetworks
from media.store import RecordingStore
from media.types import ModelStatus, ProbeReport
from resolvers.access import Actor
from resolvers.bus import Bus
from resolvers.identity import Identity
from resolvers.vault import Vault

Probe = Callable[[str], Awaitable[ProbeReport]]
"""Opens an RTSP address for a moment and says what is there; raises MediaError."""


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for every request of a process.

    `probe` is None where no media worker can be reached. `models` says what can be detected here.
    """

    bus: Bus
    clock: Clock
    identity: Identity
    vault: Vault
    networks: CameraNetworks
    store: RecordingStore
    models: Callable[[], Sequence[ModelStatus]] = field(default=tuple)
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """One request: who asks, and the world it asks in."""

    actor: Actor
    world: World
