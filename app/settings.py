"""Every setting, read once from the environment: the only place that reads it."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "VMS_"
ICE_SERVER = re.compile(r"(stun|turns?):[^\s?:@/]+(:[0-9]+)?(\?transport=(udp|tcp))?")


class SettingsError(Exception):
    """A setting is unknown or wrong; the text names it."""


Listed = Annotated[tuple[str, ...], NoDecode]
"""Written as `a,b,c`."""


class Settings(BaseSettings):
    """What an operator may say. Descriptions are the README's settings table."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path(".data"), description="Database, recordings, models and generated secrets"
    )
    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    worker_host: str = Field(
        "127.0.0.1", description="Address that a worker's internal port listens on"
    )
    worker_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Internal port on which a worker serves its footage to API processes that do "
        "not share its directory; 0 takes a free one, without it there is none",
    )
    worker_address: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#@]+/?$",
        description="Base URL under which API processes reach that port, `http://worker-1:8100`; "
        "else made of its host and port",
    )
    database_url: SecretStr | None = Field(
        None, description="`postgres://…`; without it SQLite in the data directory"
    )
    redis_url: SecretStr | None = Field(
        None, description="`redis://…`; without it a bus inside the process"
    )
    jwt_secret: SecretStr | None = Field(
        None, description="Secret of HS256 tokens, at least 32 characters; else generated"
    )
    jwt_algorithm: Literal["HS256", "RS256", "ES256", "EdDSA"] = Field(
        "HS256", description="How tokens are signed: HS256, RS256, ES256 or EdDSA"
    )
    jwt_public_key: str | None = Field(
        None, description="PEM key that verifies RS256, ES256 or EdDSA tokens"
    )
    jwt_jwks_url: str | None = Field(
        None, description="Key set of an identity provider, in place of a PEM key"
    )
    jwt_issuer: str | None = Field(None, description="`iss` that tokens must carry")
    jwt_audience: str | None = Field(None, description="`aud` that tokens must carry")
    jwt_tenant_claim: str = Field("tenant_id", description="Claim that names the tenant")
    jwt_scope_claim: str = Field("scope", description="Claim that lists the scopes")
    jwt_scope_map: dict[str, str] = Field(
        default_factory=dict, description="JSON object: an issuer's scope names to ours"
    )
    grant_key: SecretStr | None = Field(
        None, description="Secret that signs playback addresses; else generated"
    )
    camera_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="Fernet keys that seal camera addresses and webhooks, newest first; else "
        "generated",
    )
    metrics_user: str = Field("metrics", description="User of `/v2/metrics`")
    metrics_password: SecretStr | None = Field(
        None, description="Password of `/v2/metrics`; else generated"
    )
    metrics_by_camera: bool = Field(
        False, description="Metrics of each camera on its own: about 20 series a camera"
    )
    metrics_dir: Path | None = Field(
        None,
        description="Folder in which the `vms api` processes of one host add up their metrics, so "
        "that one port answers for all; best in memory",
    )
    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s?#]+$",
        description="Where traces go, OTLP over HTTP: `http://host:4318`; needs `vms[otel]`",
    )
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of traces that are sent, 0 to 1")
    camera_networks: Listed = Field(
        ("default",),
        description="Networks that cameras may be on, CIDRs; `default` is all but loopback, "
        "link-local and cloud metadata",
    )
    webhook_networks: Listed = Field(
        ("public",),
        description="Networks that receivers of webhooks may be on, CIDRs; `public` is what the "
        "internet reaches, `default` private networks too",
    )
    webhook_http: bool = Field(
        False, description="Whether webhooks may be sent over http, unencrypted, beside https"
    )
    origins: Listed = Field(
        (), description="Web origins that may call the API from a browser, beside its own"
    )
    sendfile: Literal["none", "x-accel-redirect", "x-sendfile"] = Field(
        "none",
        description="Who sends files of footage: the API, or the server in front, told by this "
        "header",
    )
    sendfile_prefix: str | None = Field(
        None,
        pattern=r"^/[^\x00-\x20\x7f]*$",
        description="What stands before a file's path then: nginx's internal location "
        "(`/footage`), or the folder where the server in front has the recordings (the data "
        "directory's)",
    )
    introspection: bool = Field(
        True, description="Whether GraphQL clients may ask for the schema; the playground does"
    )
    trusted_documents: Path | None = Field(
        None,
        description="JSON file of GraphQL documents by their SHA-256, or an Apollo manifest: "
        "nothing else is executed",
    )
    operation_seconds: float = Field(
        10.0, gt=0, description="How long a GraphQL operation may take before it is cancelled"
    )
    disk_low_bytes: int = Field(
        5 * 1000**3, ge=0, description="Less free space than this for recordings is an alarm"
    )
    disk_reserve_bytes: int = Field(
        1000**3,
        ge=0,
        description="Below it the oldest footage goes, whatever the plans keep; evidence stays",
    )
    export_bytes: int = Field(
        50 * 1000**3, ge=0, description="Bytes that the exports of a tenant may take at once"
    )
    export_hours: int = Field(
        72, ge=1, le=8760, description="How long an export is kept once it is made"
    )
    rtsp_transport: Literal["tcp", "udp"] = Field("tcp", description="How RTP comes: tcp or udp")
    live_viewers: int = Field(
        32, ge=0, description="How many may watch live at once in one worker; 0 is no live view"
    )
    live_viewers_per_camera: int = Field(
        16, ge=1, description="How many of them may watch one camera"
    )
    live_addresses: Listed = Field(
        (),
        description="IP addresses at which browsers reach a worker for live view; else all that "
        "its host has",
    )
    live_ice_servers: Listed = Field(
        (),
        description="`stun:host:port` and `turn:host:port?transport=udp` that a worker asks for "
        "more addresses, one of each",
    )
    live_turn_user: str | None = Field(None, description="User of that TURN server")
    live_turn_password: SecretStr | None = Field(None, description="Password of that TURN server")
    decoders: Literal["isolated", "in-process"] = Field(
        "isolated",
        description="Where cameras' streams are decoded: isolated, each in a process of its own, "
        "or in-process, where a codec that crashes takes the worker along",
    )
    model: str | None = Field(
        None, description="Detector that comes before all; without it the first of the catalogue"
    )
    device: str = Field("AUTO", description="Where inference runs: AUTO, CPU, GPU or NPU")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR"
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="How log lines look: console or json"
    )
    access_log: bool = Field(False, description="Whether each request is logged, without its query")

    @field_validator("live_addresses")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ipaddress.ip_address(each)) for each in value)

    @field_validator("live_ice_servers")
    @classmethod
    def _are_ice_servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(ICE_SERVER.fullmatch(each) for each in value):
            raise ValueError("want stun:host:port or turn:host:port?transport=udp")
        return value

    @field_validator(
        *(
            "camera_networks",
            "webhook_networks",
            "origins",
            "camera_keys",
            "live_addresses",
            "live_ice_servers",
        ),
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("jwt_secret", "grant_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("want at least 32 characters")
        return value

    @property
    def database(self) -> str:
        """The address of the database, with its password: never log it."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite://{self.data_dir.resolve()}/vms.db"


def read_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: names each variable that is unknown or wrong, never its value.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"unknown settings: {', '.join(unknown)}; `vms settings` lists them")
    try:
        return Settings()
    except ValidationError as error:
        faults = (
            f"{PREFIX}{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError("; ".join(faults)) from None


def settings_table() -> str:
    """The settings as a Markdown table."""
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        default = ",".join(map(str, default))
    if isinstance(default, (str, int, float, Path)) and str(default):
        return f"`{default}`"
    return ""
