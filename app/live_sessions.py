"""Live view as the settings want it."""

from __future__ import annotations

from app.live_client import LiveNearby
from app.settings import Settings
from media.clock import Clock
from media.decoders import IN_PROCESS, Decoders
from media.live.feed import LiveFeeds
from media.live.pictures import LivePictures
from media.live.sessions import LiveOptions, LiveSessions
from resolvers.credential import Credential
from resolvers.live_workers import LiveWorkers
from resolvers.revoked import Revoked


def live_sessions(
    settings: Settings, clock: Clock, revoked: Revoked, decoders: Decoders = IN_PROCESS
) -> LiveSessions:
    """Of a process that runs cameras; made on its event loop.

    A viewer's session ends when its token is `revoked`, at whichever process that was asked for.
    """
    password = settings.live_turn_password
    options = LiveOptions(
        viewers=settings.live_viewers,
        viewers_of_camera=settings.live_viewers_per_camera,
        addresses=settings.live_addresses,
        ice_servers=settings.live_ice_servers,
        turn_user=settings.live_turn_user,
        turn_password=password.get_secret_value() if password else None,
    )

    def is_revoked(tenant_id: str, credential: str | None) -> bool:
        known = None if credential is None else Credential.read(credential)
        return revoked.names(tenant_id, known)

    feeds = LiveFeeds(clock)
    pictures = LivePictures(feeds, clock, decoders)
    return LiveSessions(feeds, clock, options, is_revoked, pictures)


def live_nearby(here: LiveSessions, far: LiveWorkers | None) -> LiveWorkers:
    """For use cases in that process."""
    return here if far is None else LiveNearby(here, far)
