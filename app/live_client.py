"""Asks workers to begin and end live view; one that is in this process is asked directly."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import httpx
import msgspec

from app.calls import LIVE, LIVE_PICTURE, LIVE_SESSION, Call, CallKey, digest_of
from app.kept_http import KeptHttp
from app.live_words import REFUSED, TAKEN, Begun, Refusal, Wanted
from media.live.signals import (
    LiveAnswer,
    LiveCamera,
    LiveOffer,
    LivePicture,
    LiveRefusal,
    LiveRefused,
)
from resolvers.errors import Unavailable
from resolvers.live_workers import LiveWorkers, owner_of

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(8.0, connect=1.0)
"""An answer takes some milliseconds; where a STUN server does not answer, 5 s."""


class LiveWorkerAway(Unavailable):
    def __init__(self) -> None:
        super().__init__("the worker that has this camera is not reachable")


class LiveClient:
    """`resolvers.live_workers.LiveWorkers` over the internal ports of workers."""

    def __init__(self, key: CallKey, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._key = key
        self._http = KeptHttp(timeout, httpx.Limits(keepalive_expiry=3.0))

    async def close(self) -> None:
        await self._http.close()

    async def start(self, camera: LiveCamera, offer: LiveOffer) -> LiveAnswer:
        body = msgspec.json.encode(Wanted(offer.sdp, offer.expires_us, offer.credential))
        path = LIVE.format(camera_key=camera.key)
        answer = await self._ask(camera, "POST", path, body)
        if answer is None:
            raise _nobody()
        begun = msgspec.json.decode(answer.content, type=Begun)
        return LiveAnswer(begun.id, begun.sdp)

    async def stop(self, camera: LiveCamera, session_id: UUID) -> bool:
        path = LIVE_SESSION.format(camera_key=camera.key, session=session_id)
        answer = await self._ask(camera, "DELETE", path, b"")
        return answer is not None

    async def picture(self, camera: LiveCamera) -> LivePicture:
        path = LIVE_PICTURE.format(camera_key=camera.key)
        answer = await self._ask(camera, "GET", path, b"")
        if answer is None:
            raise _nobody()
        return LivePicture(answer.content, int(answer.headers[TAKEN]))

    async def _ask(
        self, camera: LiveCamera, method: str, path: str, body: bytes
    ) -> httpx.Response | None:
        """None where nobody has the camera, or there is no such session.

        Raises:
            LiveRefused: the worker's own word.
            Unavailable: there is no word from it.
        """
        owner = await owner_of(camera)
        if owner is None:
            return None
        if owner.base is None:
            raise LiveWorkerAway
        call = Call(owner.store_id, method, path, camera.folder, digest_of(body))
        headers, url = {"Authorization": self._key.authorization(call)}, owner.base + path
        try:
            answer = await self._http.client.request(method, url, headers=headers, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LiveWorkerAway from error
        if answer.status_code == REFUSED:
            refusal = msgspec.json.decode(answer.content, type=Refusal)
            raise LiveRefused(refusal.code, refusal.text)
        if answer.is_success:
            return answer
        status = answer.status_code
        if status == 404:
            return None
        log.warning("%s refused with %d: is the grant key the same?", owner.base, status)
        raise LiveWorkerAway


def _nobody() -> LiveRefused:
    return LiveRefused(LiveRefusal.CAMERA_NOT_LIVE, "no worker has the camera now")


class LiveHere(LiveWorkers, Protocol):
    """The sessions of this process."""

    def runs(self, camera: LiveCamera) -> bool:
        """Whether this process has the camera."""
        ...


@dataclass(frozen=True, slots=True)
class LiveNearby:
    """Cameras of this process directly, all others by a call."""

    here: LiveHere
    far: LiveWorkers

    async def close(self) -> None:
        if isinstance(self.far, LiveClient):
            await self.far.close()

    async def start(self, camera: LiveCamera, offer: LiveOffer) -> LiveAnswer:
        return await self._of(camera).start(camera, offer)

    async def stop(self, camera: LiveCamera, session_id: UUID) -> bool:
        return await self._of(camera).stop(camera, session_id)

    async def picture(self, camera: LiveCamera) -> LivePicture:
        return await self._of(camera).picture(camera)

    def _of(self, camera: LiveCamera) -> LiveWorkers:
        return self.here if self.here.runs(camera) else self.far
