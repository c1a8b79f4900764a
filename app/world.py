"""The world of a process, made from its settings."""

from __future__ import annotations

import jwt

from app.broadcast_redis import RedisBroadcast
from app.bus_redis import RedisBus
from app.calls import CallKey
from app.connections_redis import RedisConnections
from app.footage_client import FootageClient
from app.keyring import Keyring
from app.live_client import LiveClient
from app.rates_redis import RedisRates
from app.settings import Settings, SettingsError
from app.webhook_sender import HttpSender
from media.clock import Clock, SystemClock
from media.disk import DiskMarks
from media.network import PUBLIC, CameraNetworks, NetworkListError, WebhookNetworks
from media.store import RecordingStore
from resolvers.broadcast import Broadcast, LocalBroadcast
from resolvers.bus import Bus, LocalBus
from resolvers.context import ExportLimits, World
from resolvers.identity import Identity, KeyLookup, TokenPolicy
from resolvers.quota import LocalRates, Quota
from resolvers.vault import Vault


def build_world(settings: Settings, extra_networks: tuple[str, ...] = ()) -> World:
    """Everything that requests and workers share.

    `extra_networks` are allowed for cameras beside the configured ones.

    Raises:
        SettingsError: settings contradict each other.
    """
    keyring, clock = Keyring(settings), SystemClock()
    calls = CallKey(keyring.grant_key(), clock)
    recordings = settings.data_dir / "recordings"
    recordings.mkdir(parents=True, exist_ok=True)
    try:
        networks = CameraNetworks((*settings.camera_networks, *extra_networks))
        vault = Vault(keyring.camera_keys())
    except NetworkListError as error:
        raise SettingsError(f"VMS_CAMERA_NETWORKS: {error}") from error
    except ValueError as error:
        raise SettingsError("VMS_CAMERA_KEYS: want Fernet keys, 32 bytes as base64") from error
    bus = _bus(settings)
    return World(
        bus=bus,
        clock=clock,
        identity=Identity(token_policy(settings, keyring), keyring.grant_key(), clock),
        vault=vault,
        networks=networks,
        store=RecordingStore(recordings),
        quota=_quota(bus, clock),
        operation_seconds=settings.operation_seconds,
        marks=DiskMarks(settings.disk_low_bytes, settings.disk_reserve_bytes),
        exports=ExportLimits(settings.export_bytes, settings.export_hours * 3_600_000_000),
        far=FootageClient(calls, clock),
        live=LiveClient(calls),
        broadcast=_broadcast(bus),
        webhooks=_webhooks(settings, clock),
    )


def _webhooks(settings: Settings, clock: Clock) -> HttpSender:
    try:
        networks = WebhookNetworks(settings.webhook_networks or (PUBLIC,))
    except NetworkListError as error:
        raise SettingsError(f"VMS_WEBHOOK_NETWORKS: {error}") from error
    return HttpSender(networks, clock, settings.webhook_http)


def _quota(bus: Bus, clock: Clock) -> Quota:
    local = LocalRates(clock)
    if not isinstance(bus, RedisBus):
        return Quota(clock, local)
    return Quota(clock, RedisRates(bus.client, local), RedisConnections(bus.client))


def _broadcast(bus: Bus) -> Broadcast:
    return RedisBroadcast(bus.client) if isinstance(bus, RedisBus) else LocalBroadcast()


def _bus(settings: Settings) -> Bus:
    if settings.redis_url is None:
        return LocalBus()
    return RedisBus(settings.redis_url.get_secret_value())


def token_policy(settings: Settings, keyring: Keyring) -> TokenPolicy:
    """How tokens are verified. Raises SettingsError when the key for the algorithm is missing."""
    return TokenPolicy(
        algorithm=settings.jwt_algorithm,
        key=_verification_key(settings, keyring),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        tenant_claim=settings.jwt_tenant_claim,
        scope_claim=settings.jwt_scope_claim,
        scope_map=settings.jwt_scope_map,
    )


def _verification_key(settings: Settings, keyring: Keyring) -> str | KeyLookup:
    if settings.jwt_algorithm == "HS256":
        return keyring.token_secret()
    if settings.jwt_jwks_url:
        return key_set(settings.jwt_jwks_url)
    if settings.jwt_public_key:
        return settings.jwt_public_key
    raise SettingsError(
        f"VMS_JWT_ALGORITHM={settings.jwt_algorithm} needs VMS_JWT_PUBLIC_KEY or VMS_JWT_JWKS_URL"
    )


def key_set(url: str) -> KeyLookup:
    """Looks keys up by `kid` in a JSON Web Key Set, kept for five minutes."""
    client = jwt.PyJWKClient(url, cache_keys=True, lifespan=300, timeout=5)
    return lambda token: client.get_signing_key_from_jwt(token).key
