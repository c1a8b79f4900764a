"""One simulated camera: a path, the clip it plays, its clients, and its faults on command."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from media.simulator.clip import Clip
from media.simulator.faults import Faults, Garbage, Refusal
from media.simulator.options import MountOptions
from media.simulator.player import Player
from media.simulator.sdp import session_description
from media.simulator.units import Flush

log = logging.getLogger(__name__)

_MAX_WAITING_FLUSHES = 512


class Client(Protocol):
    """Who plays a mount. All methods are called on the loop."""

    def deliver(self, flush: Flush) -> None: ...

    def await_keyframe(self) -> None:
        """What comes next does not follow what went before: begin at a keyframe again."""
        ...

    def abort(self) -> None:
        """Cut the connection without a word."""
        ...


class Mount:
    """A camera's address and state.

    The fault methods and `switch` may be called from any thread. `attach`, `detach` and `close`
    belong to the simulator's loop, as do the clients. The player's thread reaches the loop through
    `_offer` alone: flushes wait in a bounded queue that drops its oldest.
    """

    def __init__(self, path: str, clip: Clip, options: MountOptions) -> None:
        self.path = path
        self.options = options
        self.faults = Faults()
        self._clip = clip
        self._clients: set[Client] = set()
        self._player: Player | None = None
        self._retired: list[Player] = []
        self._idle: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._waiting: deque[Flush] = deque(maxlen=_MAX_WAITING_FLUSHES)
        self._drain_scheduled = False

    @property
    def clip(self) -> Clip:
        return self._clip

    @property
    def client_count(self) -> int:
        """How many clients play at this moment."""
        return len(self._clients)

    @property
    def is_playing(self) -> bool:
        """Whether a thread of this mount runs."""
        players = [*self._retired, *([self._player] if self._player else [])]
        return any(player.is_alive for player in players)

    @property
    def began_us(self) -> int | None:
        """When the first picture of the clip was taken, µs since the epoch; None unless it plays.

        The n-th one was taken n pictures later, whatever clients did meanwhile.
        """
        return None if self._player is None else self._player.began_us

    def description(self) -> str:
        return session_description(self._clip)

    def stall(self) -> None:
        """Send nothing; connections stay, requests are answered, what is due meanwhile is lost."""
        self.faults.stalled = True

    def hold(self) -> None:
        """Send nothing, but lose nothing: it comes in one burst at `resume`, late."""
        self.faults.held = True

    def resume(self) -> None:
        """End `stall` and `hold`.

        After a stall clients go on at the next keyframe if they began at one.
        """
        lost = self.faults.stalled
        self.faults.stalled = self.faults.held = False
        if lost and self.options.start_at_keyframe:
            self._on_loop(self._await_keyframes)

    def mute(self) -> None:
        """Send no sound, though it was announced, until `unmute`."""
        self.faults.muted = True

    def unmute(self) -> None:
        self.faults.muted = False

    def kick(self) -> None:
        """Cut the connections of all who play; they may come again."""
        self._on_loop(self._abort_all)

    def jump(self, seconds: float) -> None:
        """Set the camera's clock forward or back: timestamps and sender reports move together."""
        self.faults.jump_us += round(seconds * 1_000_000)

    def lose(self, share: float) -> None:
        """Lose this share (0..1) of RTP packets from now on.

        Raises:
            ValueError: `share` is outside 0..1.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"a share is between 0 and 1, not {share}")
        self.faults.loss = share

    def garble(self, garbage: Garbage, seconds: float | None = None) -> None:
        """Send random bytes for so long, or until `clear`."""
        until_us = None
        if seconds is not None:
            until_us = self.options.clock.monotonic_us() + round(seconds * 1_000_000)
        self.faults.garbage_until_us = until_us
        self.faults.garbage = garbage

    def clear(self) -> None:
        """End `garble` and `lose`."""
        self.faults.garbage = None
        self.faults.loss = 0.0

    def refuse(self, refusal: Refusal = Refusal.UNAVAILABLE) -> None:
        """Turn requests down; who plays already goes on playing."""
        self.faults.refusal = refusal

    def accept(self) -> None:
        self.faults.refusal = None

    def unauthorize(self) -> None:
        """Let no credentials be right any more; who plays already goes on playing."""
        self.faults.unauthorized = True

    def authorize(self) -> None:
        self.faults.unauthorized = False

    def blackhole(self) -> None:
        """Accept connections, answer nothing, send nothing."""
        self.faults.silent = True

    def answer(self) -> None:
        """End `blackhole`; requests that came meanwhile stay without an answer."""
        self.faults.silent = False

    def switch(self, clip: Clip) -> None:
        """Play another clip from the next packet on, with timestamps going on.

        Clients of a clip of the same formats stay and meet its parameter sets in the stream, as
        when a camera's resolution is set anew. All others are kicked.
        """
        stays = clip.formats == self._clip.formats
        self._clip = clip
        player = self._player
        if player is None:
            return
        if stays:
            player.change_clip(clip)
        else:
            self._on_loop(self._retire)
            self.kick()

    def attach(self, client: Client) -> None:
        """Deliver to this client from now on; the first one starts the player."""
        self._loop = asyncio.get_running_loop()
        self._cancel_idle()
        self._clients.add(client)
        if self._player is None or not self._player.is_alive:
            self._player = Player(self.path, self._clip, self.options, self.faults, self._offer)
            self._player.start()
            log.info("camera %s plays", self.path)

    def detach(self, client: Client) -> None:
        """Deliver no more; a while after the last one the player stops."""
        self._clients.discard(client)
        if not self._clients and self._loop is not None and self._idle is None:
            self._idle = self._loop.call_later(self.options.linger_seconds, self._retire)

    def close(self) -> None:
        """Stop the player and wait for its thread (some milliseconds)."""
        self._cancel_idle()
        self._retire()
        for player in self._retired:
            player.join()
        self._retired.clear()
        self._loop = None

    def _retire(self) -> None:
        self._idle = None
        self._retired = [player for player in self._retired if player.is_alive]
        if self._player is not None:
            self._player.stop()
            self._retired.append(self._player)
            self._player = None

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _on_loop(self, action: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(action)

    def _offer(self, flush: Flush) -> None:
        with self._lock:
            self._waiting.append(flush)
            if self._drain_scheduled:
                return
            self._drain_scheduled = True
        self._on_loop(self._drain)

    def _drain(self) -> None:
        with self._lock:
            flushes = list(self._waiting)
            self._waiting.clear()
            self._drain_scheduled = False
        if self.faults.silent:
            return
        for flush in flushes:
            for client in tuple(self._clients):
                client.deliver(flush)

    def _await_keyframes(self) -> None:
        for client in self._clients:
            client.await_keyframe()

    def _abort_all(self) -> None:
        for client in tuple(self._clients):
            client.abort()
