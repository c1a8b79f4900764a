"""Asks workers for the footage of stores that this process has not."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec

from app.calls import ALIVE, EXPORT, FILE, KEY_PICTURES, Call, CallKey
from app.kept_http import KeptHttp
from media.clock import Clock
from media.key_pictures import KeyPicture
from media.playlist import PLAYLIST_NAME, Playlist, parse
from media.store import RecordingNotFound, RecordingStore
from resolvers.errors import FootageAway
from resolvers.stores import WHOLE, FarFile, StoredExport, StoredHour, Wish, holders

log = logging.getLogger(__name__)

TIMEOUT = httpx.Timeout(5.0, connect=1.0)
"""Of each read: a worker that stands still is given up after this, at any point of a file."""
LIMITS = httpx.Limits(max_keepalive_connections=64, keepalive_expiry=3.0)
KNOWN_US = 5_000_000
AWAY_US = 2_000_000
RELAYED = (
    *("content-type", "content-length", "content-range", "accept-ranges", "etag"),
    *("cache-control", "vary", "x-content-type-options"),
)


@dataclass(slots=True)
class _Store:
    """Who holds a store, and whether they answered; both soon stale."""

    bases: list[str] = field(default_factory=list)
    asked_us: int = -KNOWN_US
    away_until_us: int = 0
    alive_until_us: int = 0


class FootageClient:
    """`resolvers.stores.FarStores` over the internal ports of workers.

    Workers of one store are tried in turn. When none answers, the store is away for AWAY_US without
    being asked: many viewers do not wait one after the other.
    """

    def __init__(self, key: CallKey, clock: Clock, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._key, self._clock = key, clock
        self._stores: dict[UUID, _Store] = {}
        self._http = KeptHttp(timeout, LIMITS)

    async def close(self) -> None:
        await self._http.close()

    async def playlist(self, place: StoredHour) -> Playlist:
        text = await self._whole(place, PLAYLIST_NAME)
        return parse(text.decode("utf-8", "replace"))

    async def key_pictures(self, place: StoredHour) -> dict[str, KeyPicture]:
        told = await self._whole(place, KEY_PICTURES)
        return msgspec.json.decode(told, type=dict[str, KeyPicture])

    async def frames(self, place: StoredHour, run_id: UUID) -> bytes:
        return await self._whole(place, RecordingStore.frames_name(run_id))

    async def _whole(self, place: StoredHour, name: str) -> bytes:
        answer = await self._file(place, name, WHOLE)
        try:
            return await answer.aread()
        except httpx.HTTPError as error:
            raise FootageAway from error
        finally:
            await answer.aclose()

    async def open_file(self, place: StoredHour, name: str, wish: Wish) -> FarFile:
        return _far_file(await self._file(place, name, wish))

    async def open_export(self, place: StoredExport, name: str, wish: Wish) -> FarFile:
        path = EXPORT.format(claim=place.claim.hex, name=name)
        return _far_file(await self._ask(Call(place.store_id, wish.method, path), wish))

    async def answers(self, store_id: UUID) -> bool:
        store = self._stores.setdefault(store_id, _Store())
        now_us = self._clock.monotonic_us()
        if now_us < store.alive_until_us:
            return True
        try:
            answer = await self._ask(Call(store_id, "GET", ALIVE), WHOLE)
        except FootageAway:
            return False
        await answer.aclose()
        return True

    async def _file(self, place: StoredHour, name: str, wish: Wish) -> httpx.Response:
        path = FILE.format(
            date=quote(place.hour.date), hour=quote(place.hour.hour), name=quote(name, safe="")
        )
        return await self._ask(Call(place.store_id, wish.method, path, place.camera), wish)

    async def _ask(self, call: Call, wish: Wish) -> httpx.Response:
        """An answer whose body is still to come.

        Raises:
            RecordingNotFound: there is no such thing.
            FootageAway: no worker with the store gives an answer.
        """
        store = self._stores.setdefault(call.store_id, _Store())
        now_us = self._clock.monotonic_us()
        if now_us < store.away_until_us:
            raise FootageAway
        if now_us - store.asked_us >= KNOWN_US:
            store.bases, store.asked_us = await holders(call.store_id), now_us
        for base in store.bases:
            with suppress(httpx.HTTPError, httpx.InvalidURL):
                answer = await self._sent(base, call, wish)
                if answer is not None:
                    store.alive_until_us = self._clock.monotonic_us() + KNOWN_US
                    store.away_until_us = 0
                    return answer
        if store.away_until_us == 0:
            asked = ", ".join(store.bases) or "nobody: no worker is known to hold it"
            log.warning("store %s is away; asked %s", call.store_id, asked)
        now_us = self._clock.monotonic_us()
        store.asked_us, store.away_until_us = now_us - KNOWN_US, now_us + AWAY_US
        store.alive_until_us = 0
        raise FootageAway

    async def _sent(self, base: str, call: Call, wish: Wish) -> httpx.Response | None:
        """None where the worker can't or will not answer such a call."""
        headers = {**wish.headers, "Authorization": self._key.authorization(call)}
        headers["Accept-Encoding"] = "identity"
        http = self._http.client
        request = http.build_request(call.method, base + call.path, headers=headers)
        answer = await http.send(request, stream=True)
        if answer.is_success or answer.status_code in (304, 416):
            return answer
        await answer.aclose()
        if answer.status_code == 404:
            raise RecordingNotFound("there is no such recording")
        log.warning("%s refused with %d: is the grant key the same?", base, answer.status_code)
        return None


def _far_file(answer: httpx.Response) -> FarFile:
    headers = {name: answer.headers[name] for name in RELAYED if name in answer.headers}
    return FarFile(answer.status_code, headers, _chunks(answer), answer.aclose)


async def _chunks(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    except httpx.HTTPError as error:
        raise FootageAway from error
