"""What `vms models quantize` does: an INT8 model out of recorded footage, tried before it is added.

It is put together in a folder of its own, which goes whatever happens, and then is added as
`vms models add` would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from msgspec.structs import replace

from app import instants
from app.model_store import DESCRIPTION, InstalledModel, ModelError, ModelStore
from app.packages import sha256_of
from app.replaying import footage_here
from media.clock import Clock
from media.detect.description import Layout, ModelDescription, ModelFile, Quantized, Task
from media.spread import Moment, spread
from media.types import MediaError
from resolvers import cameras
from resolvers.access import Interval
from resolvers.context import Context

LEAST_PICTURES = 30
_WEIGHTS = "model"


@dataclass(frozen=True, slots=True)
class Source:
    """Which footage calibrates."""

    tenant: str
    camera: str
    interval: Interval

    @property
    def text(self) -> str:
        """Of the interval, ISO 8601."""
        ends = (self.interval.from_us, self.interval.to_us)
        return "/".join(instants.told(each) for each in ends)


class TooFewPictures(MediaError):
    """The interval has too little footage."""


def original(store: ModelStore, name: str) -> InstalledModel:
    """The model to quantize.

    Raises:
        ModelError: nobody knows it, it is not installed, not sound, no detector, or INT8 already.
    """
    known = store.known()
    if name not in known:
        raise ModelError(f"there is no model {name} (known are {', '.join(known)})")
    model = store.find(name)
    if model.description.quantized is not None:
        of = model.description.quantized.model
        raise ModelError(f"model {name} is in INT8 already: it was made of {of}")
    if model.description.task is not Task.DETECT:
        raise ModelError(
            f"model {name}: it {model.description.task}; detectors alone can be quantized"
        )
    return model


async def moments(ctx: Context, source: Source, count: int) -> tuple[list[Moment], float]:
    """Where to take pictures; and how many seconds of the interval lie in other stores.

    Raises:
        ScopeMissing: without `cameras:read`.
        NotFound: no such camera in this tenant.
    """
    camera = await cameras.camera(ctx, source.camera)
    wanted = source.interval
    segments, lacks_s = await footage_here(ctx, camera, wanted)
    return spread(segments, wanted.from_us, wanted.to_us, count), lacks_s


def demand_enough(pictures: int) -> None:
    """Raises TooFewPictures."""
    if pictures < LEAST_PICTURES:
        raise TooFewPictures(
            f"{pictures} pictures can be taken in the interval, want {LEAST_PICTURES} at least: "
            "give a longer one"
        )


@dataclass(frozen=True, slots=True)
class Making:
    """An INT8 model that is being put together in `folder`, under a name that is free."""

    model: InstalledModel
    name: str
    folder: Path
    source: Source

    @property
    def path(self) -> Path:
        """The file to open."""
        return self.folder / f"{_WEIGHTS}.xml"

    def described(self, layout: Layout, pictures: int, clock: Clock) -> ModelDescription:
        """Of the files that are there now; it is laid beside them, too. Raises OSError."""
        made_of = self.model.description
        hashes = tuple(sha256_of(self.model.folder / file.name) for file in made_of.files)
        described = replace(
            made_of,
            name=self.name,
            version=_today(clock).isoformat(),
            source=f"{made_of.source}; quantized on this site",
            files=_files([self.path, self.path.with_suffix(".bin")]),
            input=replace(made_of.input, layout=layout, constants={}),
            quantized=Quantized(
                model=made_of.model_version,
                sha256=hashes,
                pictures=pictures,
                tenant=self.source.tenant,
                camera=self.source.camera,
                interval=self.source.text,
            ),
        )
        self.toml.write_text(described.to_toml(), encoding="utf-8")
        return described

    @property
    def toml(self) -> Path:
        return self.folder / DESCRIPTION


def _files(paths: Sequence[Path]) -> tuple[ModelFile, ...]:
    return tuple(
        ModelFile(name=path.name, sha256=(sha256_of(path),), bytes=path.stat().st_size)
        for path in paths
    )


def _today(clock: Clock) -> date:
    return (instants.EPOCH + timedelta(microseconds=clock.now_us())).date()
