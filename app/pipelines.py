"""The pipelines of a worker's cameras: started, changed, stopped, and given up when they fail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from app.camera_metrics import CameraMeter
from app.detection_frames import DetectionTeller
from app.writer import ChangeWriter
from media.analysis import Analysis, AnalysisConfig
from media.custody import highest_token
from media.decoders import Owner
from media.detect.pool import DetectorPool
from media.pipeline import CameraConfig, CameraPipeline, CameraWorld
from media.repair import cut_off, repair, told_again
from media.retention import thin_hour
from media.run import PacketConsumer
from media.store import CameraFolder, RecordingStore
from media.stored_frames import FrameLog
from media.substream import TwoStreams
from media.types import (
    CameraState,
    DetectionFrame,
    MediaChange,
    MediaError,
    Snapshot,
    StatusChanged,
)
from resolvers.broadcast import detections_of

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0
MOST_HUNG = 2
"""Threads of one camera that hang: more are not started beside them."""
DIED = "its thread died unexpectedly and was replaced"
HUNG = "its thread hung and was replaced"
HANGS = "its threads hang one after the other: is the disk well?"


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Keeps one camera's snapshots in the store."""

    store: RecordingStore
    camera: CameraFolder

    def save(self, at_us: int, jpeg: bytes) -> Snapshot:
        return self.store.save_snapshot(self.camera, at_us, jpeg)


@dataclass(slots=True)
class Pipelines:
    """The cameras that are run here, each under the token of its lease.

    `pool` is None where nothing is to be detected: cameras are recorded.
    `lacking` says of features that are not to be had in full why, and what to do.
    """

    media: CameraWorld
    writer: ChangeWriter
    meter: CameraMeter
    pool: DetectorPool | None
    teller: DetectionTeller
    lacking: Mapping[str, str] = field(default_factory=dict)
    running: dict[UUID, CameraPipeline] = field(default_factory=dict)
    _looking: dict[UUID, Analysis | None] = field(default_factory=dict)
    _substreams: dict[UUID, CameraPipeline] = field(default_factory=dict)
    _hung: dict[UUID, list[CameraPipeline]] = field(default_factory=dict)

    def start(self, config: CameraConfig) -> None:
        analysis = self._analysis(config)
        deliver = partial(self._deliver, config.token)
        pipeline = CameraPipeline(config, self.media, deliver, self._consumer(config, analysis))
        self.running[config.key] = pipeline
        self._looking[config.key] = analysis
        pipeline.start()
        self.meter.watch(pipeline, analysis)

    def _deliver(self, token: int, change: MediaChange) -> None:
        self.writer.deliver(replace(change, token=token))

    def _analysis(self, config: CameraConfig) -> Analysis | None:
        for feature in config.features:
            if feature in self.lacking:
                log.warning("camera %s: %s: %s", config.key, feature, self.lacking[feature])
        features = frozenset(config.features)
        if self.pool is None or features.isdisjoint(self.pool.models.finders):
            return None
        folder = CameraFolder(config.tenant_id, config.folder)
        frames, topic = (
            FrameLog(self.media.store, folder),
            detections_of(config.tenant_id, config.camera_id),
        )

        def watch(frame: DetectionFrame) -> None:
            frames.add(frame)
            self.teller.tell(topic, frame)

        look_for = AnalysisConfig(
            config.key,
            config.fps,
            features,
            zones=config.zones,
            watch=watch,
            decoders=self.media.decoders.of(Owner(config.tenant_id, config.camera_id)),
        )
        snapshots = Snapshots(self.media.store, folder)
        return Analysis(look_for, self.pool, partial(self._deliver, config.token), snapshots)

    def _consumer(self, config: CameraConfig, analysis: Analysis | None) -> PacketConsumer | None:
        """What the camera's own thread shows its packets; that of a substream is started."""
        before = self._substreams.pop(config.key, None)
        if before is not None:
            before.request_stop()
        if analysis is None or config.detection_url is None:
            return analysis
        both = TwoStreams(analysis, self.media.clock)
        substream, media = config.of_substream(config.detection_url), replace(self.media, live=None)
        pipeline = CameraPipeline(substream, media, both.told, both.substream)
        self._substreams[config.key] = pipeline
        pipeline.start()
        return both.main

    def change_detection(self, config: CameraConfig) -> None:
        """Of a camera that runs; its recording goes on, and where only zones change, all else."""
        pipeline = self.running[config.key]
        looking = self._looking.get(config.key)
        if looking is not None and replace(config, zones=pipeline.config.zones) == pipeline.config:
            pipeline.config = config
            looking.change_zones(config.zones)
            return
        self._look_anew(pipeline, config)

    def _look_anew(self, pipeline: CameraPipeline, config: CameraConfig) -> None:
        analysis = self._looking[config.key] = self._analysis(config)
        pipeline.change_detection(config, self._consumer(config, analysis))
        self.meter.look_at(pipeline, analysis)

    async def stop(self, keys: Iterable[UUID], reason: str | None = None) -> None:
        """Asks all to stop, then waits for all: together not longer than for one."""
        keys = tuple(keys)
        pipelines = [self.running.pop(key) for key in keys if key in self.running]
        pipelines += [self._substreams.pop(key) for key in keys if key in self._substreams]
        self._looking = {key: each for key, each in self._looking.items() if key in self.running}
        for pipeline in pipelines:
            pipeline.request_stop(reason)
        ended = await asyncio.gather(
            *(asyncio.to_thread(each.join, STOP_SECONDS) for each in pipelines)
        )
        for pipeline, has_ended in zip(pipelines, ended, strict=True):
            if not has_ended:
                log.warning("camera %s: its thread waits for the network", pipeline.config.key)

    def failed(self) -> list[CameraPipeline]:
        """Those whose thread hangs, has died, or was told by the disk that it owns no more.

        A failed thread of a substream is replaced at once: recording goes on.
        """
        for key, substream in tuple(self._substreams.items()):
            if substream.has_failed and key in self.running:
                log.error("camera %s: the thread of its substream failed and is replaced", key)
                self._look_anew(self.running[key], self.running[key].config)
        return [each for each in self.running.values() if each.has_failed or each.lost]

    def give_up(self, pipeline: CameraPipeline) -> None:
        """Lets go of a failed one, and says so."""
        config, now_us = pipeline.config, self.media.clock.now_us()
        del self.running[config.key]
        self._looking.pop(config.key, None)
        substream = self._substreams.pop(config.key, None)
        for each in (pipeline, *((substream,) if substream else ())):
            each.request_stop()
        if pipeline.lost is not None:
            return
        reason = DIED
        if pipeline.is_running:
            self._hung.setdefault(config.key, []).append(pipeline)
            reason = HUNG if self.may_start(config.key) else HANGS
        log.error("camera %s: %s", config.key, reason)
        failed = StatusChanged(config.key, CameraState.ERROR, reason, now_us, None)
        self._deliver(config.token, failed)

    def may_start(self, key: UUID) -> bool:
        """Not while several threads of the camera hang: whatever holds them would hold another."""
        hung = [each for each in self._hung.pop(key, ()) if each.is_running]
        if hung:
            self._hung[key] = hung
        return len(hung) < MOST_HUNG

    async def put_in_order(self, config: CameraConfig) -> bool:
        """Lists what whoever recorded the camera before left unlisted. False: it could not be."""
        try:
            found = await asyncio.to_thread(self._repaired, config)
        except (OSError, MediaError) as fault:
            log.warning("camera %s: its footage is not in order: %s", config.key, fault)
            return False
        for change in found:
            self._deliver(config.token, change)
        return True

    async def withdraw(self, config: CameraConfig, from_us: int) -> None:
        """Takes away what was recorded from then on under the config's token."""
        try:
            await asyncio.to_thread(self._withdrawn, config, from_us)
        except (OSError, MediaError) as fault:
            log.warning("camera %s: a second copy may be left: %s", config.key, fault)

    def _withdrawn(self, config: CameraConfig, from_us: int) -> None:
        store, folder = self.media.store, CameraFolder(config.tenant_id, config.folder)
        if highest_token(store.camera_path(folder)) != config.token:
            return  # a later owner has been here, and nothing was listed under this token since
        with store.writing(folder, config.token):
            repair(store, folder, config.key, self.media.clock.now_us())
            for hour in store.open_hours(folder) or ():
                thin_hour(store, folder, hour, lambda each: each.start_us < from_us, closed=True)

    def _repaired(self, config: CameraConfig) -> Sequence[MediaChange]:
        store, folder = self.media.store, CameraFolder(config.tenant_id, config.folder)
        with store.writing(folder, config.token) as custody:
            if custody.is_new:
                cut_off(store, folder)
            found = repair(store, folder, config.key, self.media.clock.now_us())
            return (*told_again(store, folder, config.key), *found.changes)
