"""`vms demo`: simulated cameras that play real footage over real RTSP, and what to try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.keyring import Keyring
from app.settings import Settings
from app.tokens import TokenWish, make_token
from media.simulator.auth import Credentials
from media.simulator.server import Simulator, SimulatorOptions, SimulatorThread
from resolvers.access import Actor, Scope
from resolvers.camera_input import CameraChanges, CameraDraft
from resolvers.cameras import camera_create, camera_update
from resolvers.context import Context, World
from resolvers.errors import Conflict
from resolvers.features import Feature
from resolvers.tenants import DEFAULT_TENANT

SIMULATOR_NETWORK = "127.0.0.1/32"
TOKEN_SECONDS = 12 * 3600
TOKEN_SCOPES = [
    scope.value
    for scope in (
        Scope.CAMERAS_READ,
        Scope.CAMERAS_WRITE,
        Scope.EVENTS_READ,
        Scope.EVENTS_WRITE,
        Scope.PLAYBACK_READ,
        Scope.LIVE_READ,
    )
]


@dataclass(frozen=True, slots=True)
class DemoCamera:
    """A simulated camera: `path` of its mount, and the clip that it plays."""

    id: str
    name: str
    path: str
    clip: Path


@contextmanager
def simulated(settings: Settings, cameras: list[DemoCamera]) -> Iterator[Simulator]:
    """The cameras on a free port of this machine, behind digest authentication."""
    credentials = Credentials("demo", Keyring(settings).demo_password())
    with SimulatorThread(SimulatorOptions(credentials=credentials)) as simulator:
        for camera in cameras:
            simulator.add(camera.path, camera.clip)
        yield simulator


async def enrol(world: World, simulator: Simulator, cameras: list[DemoCamera]) -> None:
    """Creates the demo's cameras, or points those of an earlier start at today's port."""
    ctx = Context(Actor(DEFAULT_TENANT, frozenset({Scope.TENANT_ADMIN})), world)
    for camera in cameras:
        url = simulator.url(camera.path)
        features = [Feature.PERSON.value, Feature.VEHICLE.value]
        draft = CameraDraft(camera.name, url, camera.id, features)
        try:
            await camera_create(ctx, draft)
        except Conflict:
            await camera_update(ctx, camera.id, CameraChanges(rtsp_url=url))


def welcome(settings: Settings, world: World, port: int) -> str:
    """What to try, ready to paste."""
    wish = TokenWish(DEFAULT_TENANT, TOKEN_SCOPES, TOKEN_SECONDS, subject="demo")
    token = make_token(settings, world.clock, wish)
    base = f"{_shown_host(settings.host)}:{port}"
    body = '{"name":"Lobby","rtsp_url":"rtsp://...","features":["person"]}'
    return f"""
The playground is at http://{base}/graphql
With the token below already in it: http://{base}/graphql#token={token}

A token for the tenant `{DEFAULT_TENANT}`, good for {TOKEN_SECONDS // 3600} hours:

export JWT={token}

# List cameras
curl -s http://{base}/v2/api/cameras \\
  -H "Authorization: Bearer $JWT" | jq

# Create a camera
curl -s -X POST http://{base}/v2/api/cameras \\
  -H "Authorization: Bearer $JWT" \\
  -H 'content-type: application/json' \\
  -d '{body}'

# Events as they happen
websocat "ws://{base}/v2/ws/events?token=$JWT"

Ctrl-C stops."""


def _shown_host(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - shown, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
