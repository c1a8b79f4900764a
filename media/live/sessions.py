"""Live view over WebRTC: a session for each viewer, packets passed on as the camera sent them.

Life of a session: the offer is judged, an answer with all candidates is made, and the viewer
connects or is given up after some seconds. Once connected it gets the present GOP, then what comes.
It ends when the viewer leaves or is not heard of, when it is told to, when the viewer's credential
is over or revoked, when the camera's thread ends, and with the process.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.exceptions import (
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from media.clock import Clock
from media.live.feed import LiveFeed, LiveFeeds, LiveStream, Unit
from media.live.offers import PARSE_FAULTS, ReadOffer, announced, read_offer
from media.live.pictures import LivePictures
from media.live.signals import (
    LiveAnswer,
    LiveCamera,
    LiveOffer,
    LivePicture,
    LiveRefusal,
    LiveRefused,
)
from media.live.tracks import PictureTrack, SoundTrack
from media.store import CameraFolder

log = logging.getLogger(__name__)
for _name in ("aioice", "aiortc"):  # they tell each step of each connection, with its addresses
    logging.getLogger(_name).setLevel(logging.ERROR)

CONNECT_SECONDS = 10.0
_LOOK_SECONDS = 0.5
_CLOSE_SECONDS = 2.0
_BEGIN_SECONDS, _BEGIN_LOOKS = 1.0, 20
"""A camera that has just connected is waited for."""
_LOSING = 26
"""Of 256: a viewer who lost a tenth of the last second's packets can't take this much."""
_FAULTS = (*PARSE_FAULTS, InternalError, InvalidAccessError, InvalidStateError, OperationError)
_PICTURES = ("video/H264", "video/rtx")

Revoked = Callable[[str, str | None], bool]
"""Whether a tenant's credential (`LiveOffer.credential`) was revoked; asked twice a second."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How many may watch, and how they reach this host.

    `addresses` are those that answers name; without any, all of the host's own. `ice_servers` are
    `stun:` and `turn:` addresses that this side asks; aiortc takes one of each.
    """

    viewers: int = 32
    viewers_of_camera: int = 16
    addresses: Sequence[str] = ()
    ice_servers: Sequence[str] = ()
    turn_user: str | None = None
    turn_password: str | None = field(default=None, repr=False)

    def configuration(self) -> RTCConfiguration:
        servers = [
            RTCIceServer(each, username=self.turn_user, credential=self.turn_password)
            for each in self.ice_servers
        ]
        return RTCConfiguration(iceServers=servers)


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """`viewers` watch now; all else has come about since the process began.

    `left_out` are frames that viewers were not sent, as they were too slow or lost a keyframe.
    `pictures` are those of now.
    """

    viewers: int
    begun: int
    left_out: int
    pictures: int


class _Session:
    """One viewer. A `media.live.feed.Viewer`; everything on the event loop."""

    def __init__(self, feed: LiveFeed, clock: Clock, configuration: RTCConfiguration) -> None:
        self.ended = asyncio.Event()
        self.connection = RTCPeerConnection(configuration)
        self._feed = feed
        self._clock = clock
        self._pictures = PictureTrack(clock)
        self._sound: SoundTrack | None = None
        self._sender: RTCRtpSender | None = None
        self._report: RTCRemoteInboundRtpStreamStats | None = None
        self.connection.on("connectionstatechange", self._changed)

    async def answer(self, offer: ReadOffer, stream: LiveStream) -> str:
        """Raises LiveRefused where the offer can't be answered."""
        try:
            # Before the offer is read: aiortc would take the first codec of its own list, VP8.
            self._sender = self._add(self._pictures, _PICTURES)
            sound = stream.web_sound
            if sound is not None and sound.lower() in offer.sounds:
                self._sound = SoundTrack(self._clock)
                self._add(self._sound, (sound,))
            await self.connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
            await self.connection.setLocalDescription(await self.connection.createAnswer())
        except _FAULTS:
            raise LiveRefused(LiveRefusal.BAD_OFFER, "the offer can't be answered") from None
        return self.connection.localDescription.sdp

    def _add(self, track: PictureTrack | SoundTrack, kinds: Sequence[str]) -> RTCRtpSender:
        transceiver = self.connection.addTransceiver(track, direction="sendonly")
        known = RTCRtpSender.getCapabilities(track.kind).codecs
        transceiver.setCodecPreferences([each for each in known if each.mimeType in kinds])
        return transceiver.sender

    def _changed(self) -> None:
        state = self.connection.connectionState
        if state == "connected" and not self.ended.is_set():
            self._feed.watch(self)
        elif state in ("failed", "closed"):
            self.end()

    def begin(self, gop: list[Unit]) -> None:
        self._pictures.begin(gop)

    def take(self, unit: Unit) -> None:
        if unit.is_video:
            self._pictures.take(unit)
        elif self._sound is not None:
            self._sound.take(unit)

    def skip(self) -> None:
        self._pictures.skip()

    @property
    def left_out(self) -> int:
        return self._pictures.dropped

    def end(self) -> None:
        self.ended.set()

    async def follow(self, is_over: Callable[[], bool]) -> None:
        """Until it ends, for whatever reason, `is_over` among them; closes all then."""
        try:
            waited_s = 0.0
            while not await self._over_within(_LOOK_SECONDS):
                waited_s += _LOOK_SECONDS
                is_late = waited_s >= CONNECT_SECONDS
                if is_late and self.connection.connectionState in ("new", "connecting"):
                    return
                if is_over():
                    return
                await self._heed_losses()
        finally:
            await self.close()

    async def _over_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    async def _heed_losses(self) -> None:
        """UDP pushes nothing back: that a viewer is too slow shows in what it reports as lost."""
        if self._sender is None or self.connection.connectionState != "connected":
            return
        for each in (await self._sender.getStats()).values():
            if isinstance(each, RTCRemoteInboundRtpStreamStats) and each is not self._report:
                self._report = each
                if each.fractionLost > _LOSING:
                    self._pictures.skip()

    async def close(self) -> None:
        self.ended.set()
        self._feed.leave(self)
        self._pictures.stop()
        if self._sound is not None:
            self._sound.stop()
        await self.connection.close()


class LiveSessions:
    """All live view of this process's cameras; used on the event loop."""

    def __init__(
        self,
        feeds: LiveFeeds,
        clock: Clock,
        options: LiveOptions,
        revoked: Revoked = lambda _tenant_id, _credential: False,
        pictures: LivePictures | None = None,
    ) -> None:
        self.feeds, self._clock, self._options, self._revoked = feeds, clock, options, revoked
        self.pictures = pictures or LivePictures(feeds, clock)
        self._sessions: dict[UUID, tuple[CameraFolder, _Session]] = {}
        self._counts: Counter[CameraFolder] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = self._left_out = 0
        self._stopping = asyncio.Event()

    @property
    def viewers(self) -> int:
        return self._counts.total()

    @property
    def counts(self) -> LiveCounts:
        """On any thread."""
        left_out = sum(session.left_out for _, session in list(self._sessions.values()))
        return LiveCounts(self.viewers, self._begun, self._left_out + left_out, self.pictures.count)

    def runs(self, camera: LiveCamera) -> bool:
        """Whether this process has the camera."""
        return self.feeds.find(camera.folder) is not None

    async def start(self, camera: LiveCamera, offer: LiveOffer) -> LiveAnswer:
        """Answers an offer; the viewer then has some seconds to connect.

        Raises:
            LiveRefused: says why.
        """
        self._demand_live_view()
        feed, folder = self.feeds.find(camera.folder), camera.folder
        if feed is None or self._stopping.is_set():
            raise LiveRefused(LiveRefusal.CAMERA_NOT_LIVE, "no picture comes from the camera now")
        wanted = read_offer(offer.sdp)
        for _ in range(_BEGIN_LOOKS):
            if feed.has_begun:
                break
            await asyncio.sleep(_BEGIN_SECONDS / _BEGIN_LOOKS)
        stream = feed.playable()
        full = self.viewers >= self._options.viewers
        if full or self._counts[folder] >= self._options.viewers_of_camera:
            raise LiveRefused(LiveRefusal.VIEWERS_REACHED, "as many watch as there may")
        self._counts[folder] += 1
        session = _Session(feed, self._clock, self._options.configuration())
        try:
            sdp = await session.answer(wanted, stream)
        except BaseException:
            self._counts[folder] -= 1
            await session.close()
            raise
        name = uuid4()
        self._sessions[name] = folder, session
        self._begun += 1
        task = asyncio.create_task(self._follow(name, offer), name="live")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._stopping.is_set():
            session.end()
        return LiveAnswer(name, announced(sdp, self._options.addresses))

    def _demand_live_view(self) -> None:
        if not self._options.viewers:
            raise LiveRefused(LiveRefusal.VIEWERS_REACHED, "live view is switched off")

    async def picture(self, camera: LiveCamera) -> LivePicture:
        """The camera as it is now. Raises LiveRefused, which says why not."""
        self._demand_live_view()
        return await self.pictures.of(camera.folder)

    async def _follow(self, name: UUID, offer: LiveOffer) -> None:
        folder, session = self._sessions[name]

        def is_over() -> bool:
            if offer.expires_us is not None and self._clock.now_us() >= offer.expires_us:
                return True
            return self._revoked(folder.tenant_id, offer.credential)

        log.info("live view of %s/%s began", folder.tenant_id, folder.name)
        try:
            await session.follow(is_over)
        finally:
            self._left_out += session.left_out
            del self._sessions[name]
            self._counts[folder] -= 1
            log.info("live view of %s/%s ended", folder.tenant_id, folder.name)

    async def stop(self, camera: LiveCamera, session_id: UUID) -> bool:
        """Ends a session of this very camera; False when there is none such."""
        folder, session = self._sessions.get(session_id, (None, None))
        if session is None or folder != camera.folder:
            return False
        session.end()
        return True

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then all sessions end, and no further one begins."""
        await stop.wait()
        self._stopping.set()
        for _, session in list(self._sessions.values()):
            session.end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
