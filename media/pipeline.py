"""One camera: connects, records, shows its packets to detection, and connects again, for ever."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from uuid import UUID

from media.clock import Clock
from media.connection import Connection, Job
from media.counts import CameraCounts, Tally
from media.custody import CustodyLost, RecordingBusy
from media.decoders import IN_PROCESS, Decoders, Owner
from media.heaps import share_heaps
from media.live.feed import LiveFeeds
from media.log_fields import bind_log_fields
from media.network import AddressRefused, CameraNetworks
from media.orders import LifeSigns, StopOrder
from media.repair import repair
from media.rtsp_url import RtspUrlError, parse_rtsp_url
from media.run import Guarded, PacketConsumer
from media.segments import Recording
from media.source import DEFAULT_TIMEOUTS, Source, Timeouts, Transport, open_source
from media.source_errors import (
    SourceGarbage,
    SourceNotFound,
    SourceRedirected,
    SourceRefused,
    SourceUnauthorized,
    SourceUnsupported,
)
from media.store import CameraFolder, Hour, RecordingStore
from media.timeline import RunBroken
from media.types import (
    CameraState,
    MediaChange,
    MediaError,
    SegmentClosed,
    StatusChanged,
    StreamInfo,
)
from media.zones import Zone

log = logging.getLogger(__name__)

_LONGEST_REST_S, _SHORTEST_REST_S = 0.1, 0.04
_HOUR_OVER_US = 15_000_000
_WRONG = (
    AddressRefused,
    RtspUrlError,
    SourceGarbage,
    SourceNotFound,
    SourceRedirected,
    SourceRefused,
    SourceUnauthorized,
    SourceUnsupported,
)
"""What does not go away by itself: the state is `error`, not `offline`."""
_RARELY = (SourceUnauthorized,)
"""Tried again seldom: a camera may lock an account after some wrong passwords. All else may be
set right at any time, in the camera or the network, and is noticed within half a minute."""


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """A camera as it is to be run.

    `folder` is its folder's name in the store. `token` is that of the lease under which it is
    recorded, 0 where there are no leases. `from_position`: where other stores' footage ends, known
    when recording begins here. `detection_url` is where its substream is, which is looked at in
    place of the main stream; None without one.
    """

    key: UUID
    tenant_id: str
    folder: str
    url: str = field(repr=False)
    transport: Transport = Transport.TCP
    record: bool = True
    features: tuple[str, ...] = ()
    fps: float = 5.0
    zones: tuple[Zone, ...] = ()
    token: int = 0
    from_position: int = field(default=0, compare=False)
    detection_url: str | None = field(default=None, repr=False)
    is_substream: bool = False

    @property
    def camera_id(self) -> str:
        """Its public id."""
        return self.folder.rpartition(".")[0] or self.folder

    def records_like(self, other: CameraConfig) -> bool:
        """Whether at most detection differs, which can change while the camera is recorded."""
        return (
            replace(
                self,
                features=other.features,
                fps=other.fps,
                zones=other.zones,
                detection_url=other.detection_url,
            )
            == other
        )

    def of_substream(self, url: str) -> CameraConfig:
        """To look at the substream at `url`; nothing of it is kept."""
        return replace(self, url=url, record=False, detection_url=None, is_substream=True)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds between attempts: from `first` doubling to `longest`, 20 % more or less."""

    first_s: float = 1.0
    longest_s: float = 30.0
    rare_first_s: float = 30.0
    rare_longest_s: float = 300.0

    def wait_s(self, failures: int, *, rarely: bool) -> float:
        """`failures` in a row, the first being 1; `rarely`: another attempt could do harm."""
        first = self.rare_first_s if rarely else self.first_s
        longest = self.rare_longest_s if rarely else self.longest_s
        spread = 0.8 + secrets.randbelow(401) / 1000
        return min(longest, first * 2.0 ** min(failures - 1, 16)) * spread


DEFAULT_BACKOFF = Backoff()


@dataclass(frozen=True, slots=True)
class CameraWorld:
    """What is the same for all cameras of a process. `live` None: nobody can watch.

    `decoders` are for all; each camera gets its own of them.
    """

    store: RecordingStore
    networks: CameraNetworks
    clock: Clock
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    backoff: Backoff = DEFAULT_BACKOFF
    segment_seconds: float = 4.0
    disk_retry_s: float = 10.0
    live: LiveFeeds | None = None
    decoders: Decoders = IN_PROCESS


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a connection ended or never came to be. `steady`: it had brought pictures for a while."""

    state: CameraState
    reason: str
    rarely: bool = False
    steady: bool = False
    kind: str = "internal"


class CameraPipeline:
    """A camera's thread.

    What happens goes to `deliver`, in order, from that thread; the consumer, too, is called from
    there alone. `lost` is set when the thread ended because another worker has the camera.
    """

    def __init__(
        self,
        config: CameraConfig,
        world: CameraWorld,
        deliver: Callable[[MediaChange], None],
        consumer: PacketConsumer | None = None,
    ) -> None:
        self.config = config
        self.lost: CustodyLost | None = None
        self._world = world
        self._decoders = world.decoders.of(Owner(config.tenant_id, config.camera_id))
        self._looks = consumer is not None
        self._sink = deliver
        self._recording = Recording(
            world.store,
            CameraFolder(config.tenant_id, config.folder),
            config.key,
            world.segment_seconds,
            config.token,
            from_position=config.from_position,
        )
        self._life = LifeSigns(world.clock)
        self._consumer = Guarded(consumer, str(config.key))
        self._feed = world.live.open(self._recording.camera) if world.live else None
        self._tally = Tally()
        self._job = Job(
            self._recording if config.record else None,
            self._consumer,
            world.clock,
            self._deliver,
            self._report,
            round(world.disk_retry_s * 1_000_000),
            self._rest_s,
            self._life,
            self._tally,
            self._feed,
        )
        self._stop = StopOrder()
        self._name = f"{config.key}, substream," if config.is_substream else str(config.key)
        main, name = (
            copy_context().run,
            f"{'sub' if config.is_substream else 'cam'}-{config.folder}",
        )
        self._thread = threading.Thread(target=main, args=(self._main,), name=name, daemon=True)
        self._reported: tuple[CameraState, str | None, StreamInfo | None] | None = None
        self._hour_ends_us: int | None = None
        self._source: Source | None = None

    @property
    def counts(self) -> CameraCounts:
        return self._tally.counts

    @property
    def state(self) -> CameraState:
        """As it was told last."""
        return CameraState.CONNECTING if self._reported is None else self._reported[0]

    def start(self) -> None:
        share_heaps()
        self._thread.start()

    def change_detection(self, config: CameraConfig, consumer: PacketConsumer | None) -> None:
        """Looks at the pictures in another way from the next keyframe on; recording goes on.

        `config` must `records_like` the present one.
        """
        self.config, self._looks = config, consumer is not None
        self._consumer.succeed(consumer)

    @property
    def has_failed(self) -> bool:
        """Whether the thread hangs, or has ended although nobody told it to."""
        if self._stop.is_set() or self.lost is not None:
            return False
        return self._life.missing or not self._thread.is_alive()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def request_stop(self, reason: str | None = None) -> None:
        """Returns at once; the thread ends with the next packet, or its next time-out.

        `reason`: why there is a gap from now on, where it is not just that recording was stopped.
        """
        self._stop.give(reason)

    def join(self, timeout_s: float = 2.0) -> bool:
        """Waits for the thread, and cuts its connection when it waits for the camera.

        False when it is still being held up: by a camera that accepts a connection and does not
        answer, a name server, or the disk. It is a daemon and will end with its time-out, having
        closed its segment if it has one; should the process end before, repair does that. A
        new recorder of the same camera finds the folder busy meanwhile, and tries every second.
        """
        gently_s = timeout_s / 4
        self._thread.join(gently_s)
        source = self._source
        if source is not None and self._thread.is_alive():
            source.cut()
        self._thread.join(timeout_s - gently_s)
        return not self._thread.is_alive()

    def stop(self, timeout_s: float = 2.0) -> bool:
        """`request_stop`, then `join`."""
        self.request_stop()
        return self.join(timeout_s)

    def _main(self) -> None:
        failures = 0
        bind_log_fields(tenant=self.config.tenant_id, camera=self.config.camera_id)
        self._report(CameraState.CONNECTING, None, None)
        while not self._stop.is_set():
            self._life.give(self._world.timeouts.open_s)
            failure = self._connect(failures)
            if failure is None or self._stop.is_set():
                break
            failures = 1 if failure.steady else failures + 1
            self._tally.lose(failure.kind)
            self._report(failure.state, failure.reason, None)
            self._close_finished_hour()
            wait_s = self._world.backoff.wait_s(failures, rarely=failure.rarely)
            self._life.give(wait_s)
            self._stop.wait(wait_s)
        self._consumer.close()
        if self._world.live is not None and self._feed is not None:
            self._world.live.close(self._recording.camera, self._feed)

    def _connect(self, failures: int) -> _Failure | None:
        """One connection from its beginning to its end; None when it was the last."""
        connection: Connection | None = None
        try:
            place = self._world.networks.check(parse_rtsp_url(self.config.url))
            transport, timeouts = self.config.transport, self._world.timeouts
            with open_source(place, transport, timeouts, failures, self._decoders) as self._source:
                connection = Connection(self._source, self._job)
                connection.follow(self._stop)
        except CustodyLost as fault:
            log.warning("camera %s: %s", self.config.key, fault)
            self.lost = fault
        except MediaError as fault:
            return _failure(fault, steady=connection is not None and connection.is_steady)
        except Exception:
            # The camera's supervisor: one camera's bug must not end its recording for good.
            log.exception("camera %s: its thread failed", self._name)
            return _Failure(CameraState.ERROR, "an internal error; the worker's log has more")
        finally:
            self._source = None
        return None

    def _close_finished_hour(self) -> None:
        """While a camera is away nothing closes the hour that its recording ended in."""
        clock = self._world.clock
        if self._hour_ends_us is None or clock.now_us() < self._hour_ends_us + _HOUR_OVER_US:
            return
        camera = self._recording.camera
        try:
            with self._world.store.writing(camera, self.config.token):
                repair(self._world.store, camera, self.config.key, clock.now_us())
        except (OSError, RecordingBusy, CustodyLost) as fault:
            log.warning("camera %s: its last hour stays open: %s", self.config.key, fault)
        self._hour_ends_us = None

    def _rest_s(self) -> float:
        """How long packets may gather: not over UDP, and less than frames looked at are apart.

        Who watches live would see it as a delay and as pictures that come in jerks.
        """
        if self._feed is not None and self._feed.is_watched:
            return 0.0
        rest_s = min(_LONGEST_REST_S, 0.5 / self.config.fps) if self._looks else _LONGEST_REST_S
        is_udp = self.config.transport is Transport.UDP
        return 0.0 if is_udp or rest_s < _SHORTEST_REST_S else rest_s

    def _deliver(self, change: MediaChange) -> None:
        if isinstance(change, SegmentClosed):
            hour = Hour(change.date, change.hour)
            self._hour_ends_us = self._world.store.hour_bounds(hour)[1]
        self._tally.note(change)
        self._sink(change)

    def _report(self, state: CameraState, reason: str | None, stream: StreamInfo | None) -> None:
        """Tells a state that differs from the last one told."""
        if (state, reason, stream) == self._reported:
            return
        self._reported = (state, reason, stream)
        log.info("camera %s is %s%s", self._name, state, f": {reason}" if reason else "")
        now_us = self._world.clock.now_us()
        self._sink(StatusChanged(self.config.key, state, reason, now_us, stream))


def _failure(fault: MediaError, *, steady: bool) -> _Failure:
    state = CameraState.OFFLINE
    if isinstance(fault, RunBroken):
        state = CameraState.CONNECTING
    elif isinstance(fault, _WRONG):
        state = CameraState.ERROR
    kind = type(fault).__name__.removeprefix("Source").lower()
    return _Failure(state, str(fault), isinstance(fault, _RARELY), steady, kind)
