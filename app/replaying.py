"""What it takes to look at footage again: which it is, how it is looked at, with which model."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from app import instants
from app.cli_models import ModelSettings
from app.model_choice import Loading, choose
from app.model_store import NONE_INSTALLED, ModelError, ModelStore
from media import recorded_packets
from media.analysis import AnalysisConfig
from media.appearances import Appearance
from media.comparison import Appearances
from media.detect.model_set import ModelSet
from media.recorded_packets import RecordedRun, RecordedSegment
from media.replay import replay
from media.types import ChangeKind, EventChange
from models.camera import Camera
from resolvers import cameras, footage
from resolvers.access import Interval
from resolvers.comparing import LEAD_IN_US
from resolvers.context import Context
from resolvers.zones import zones_of

LONGEST_US = 86_400_000_000
DEFAULT_FPS = 5.0

_NO_CAMERA = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Watched:
    """Footage, and how it is looked at. Only events that begin in `interval` count; None is all.

    `runs` reads it from its beginning. `lacks_s`: seconds of the interval that can't be read here,
    as they lie in other stores.
    """

    config: AnalysisConfig
    runs: Callable[[], Iterator[RecordedRun]]
    interval: Interval | None = None
    lacks_s: float = 0.0

    def counts(self, change: EventChange) -> bool:
        wanted = self.interval
        return wanted is None or wanted.from_us <= change.at_us < wanted.to_us


async def camera_watched(ctx: Context, camera_id: str, wanted: Interval) -> Watched:
    """A camera's footage in this installation's folder, looked at as the camera is set up now.

    Raises:
        ScopeMissing: without `cameras:read`.
        NotFound: no such camera in this tenant.
    """
    camera = await cameras.camera(ctx, camera_id)
    segments, lacks_s = await footage_here(ctx, camera, wanted, LEAD_IN_US)
    return Watched(config_of(camera), lambda: recorded_packets.runs(segments), wanted, lacks_s)


async def footage_here(
    ctx: Context, camera: Camera, wanted: Interval, lead_in_us: int = 0
) -> tuple[list[RecordedSegment], float]:
    """A camera's segments in this installation's folder, from `lead_in_us` before the interval on.

    And how many seconds of the interval lie in other stores.
    """
    store = ctx.world.store
    found = await footage.between(ctx, camera, wanted)
    own = store.store_id.hex
    far_us = sum(each.duration_us for each in found.segments if not each.name.startswith(own))
    far_us += sum(each.to_us - each.from_us for each in found.away)
    since_us = max(0, wanted.from_us - lead_in_us)
    segments = recorded_packets.between(store, footage.folder_of(camera), since_us, wanted.to_us)
    return segments, far_us / 1_000_000


def config_of(camera: Camera) -> AnalysisConfig:
    features, zones = frozenset(camera.features), zones_of(camera)
    return AnalysisConfig(camera.key, camera.fps, features, zones=zones)


def file_watched(path: Path) -> Watched:
    """A clip, or an hour's folder of segments, looked at for whatever the model finds.

    Raises:
        FootageUnreadable: a folder without a playlist.
    """
    config = AnalysisConfig(_NO_CAMERA, DEFAULT_FPS, frozenset())
    if not path.is_dir():
        return Watched(config, lambda: recorded_packets.clip(path))
    segments = recorded_packets.of_folder(path)
    return Watched(config, lambda: recorded_packets.runs(segments))


def as_wished(watched: Watched, fps: float | None, features: Sequence[str]) -> Watched:
    """With another rate or other features, where they are given."""
    config = watched.config
    config = replace(config, fps=fps or config.fps, features=frozenset(features) or config.features)
    return replace(watched, config=config)


class TooMany(Exception):
    """More events than were asked for; the text says of how many."""


def appearances(
    watched: Watched, models: ModelSet, most: int | None = None
) -> list[Appearance] | None:
    """The events of footage that is looked at again; None where there was nothing to look at.

    Raises:
        TooMany: there are more than `most`.
        FootageUnreadable: of the footage.
    """
    noted, count = Appearances(), 0

    def tell(change: EventChange) -> None:
        nonlocal count
        if watched.counts(change):
            noted.tell(change)
            count += change.kind is ChangeKind.BEGAN
            if most is not None and count > most:
                raise TooMany(f"more than {most} events")

    config = replace(watched.config, watch=noted.watch)
    looked = replay(watched.runs(), config, models, tell).lane.looked
    return noted.found() if looked else None


def load(settings: ModelSettings, name: str | None, begin: float | None = None) -> ModelSet:
    """The models in use, an installed detector before them; `begin` is for all detectors.

    Raises:
        ModelError: it is not installed, not sound, or no detector; or there is none.
        MediaError: it does not load.
    """
    loading = Loading(settings.device, begin)
    choice = choose(ModelStore(settings.data_dir), name or settings.model, loading)
    if not choice.models:
        raise ModelError("; ".join(choice.faults.values()) or NONE_INSTALLED)
    return loading.models


def interval(since: str, until: str) -> Interval:
    """Of two times with their zones. Raises BadParameter."""
    wanted = Interval(instants.option("--from", since), instants.option("--to", until))
    if not is_sound(wanted):
        raise typer.BadParameter("--to: want a time after --from, by a day at most")
    return wanted


def is_sound(wanted: Interval) -> bool:
    return 0 < wanted.to_us - wanted.from_us <= LONGEST_US
