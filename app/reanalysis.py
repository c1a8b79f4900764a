"""Looks at footage again for a comparison, and asks who wants it for each file.

When the worker that started it is gone, it ends with its next question.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec

from app.model_store import ModelError
from app.reanalysis_words import LENGTH_BYTES, Done, LookAgain, Refuse, Said, Want, message
from app.replaying import TooMany, Watched, appearances, load
from media.analysis import AnalysisConfig
from media.appearances import Appearance, Comparison, Pair
from media.comparison import compare
from media.recorded_packets import FootageUnreadable, RecordedRun, RecordedSegment, runs
from media.types import MediaError
from resolvers.access import Interval

DEVICE = "CPU"
"""Others have no priorities: what runs there would keep live frames waiting."""


class Gone(Exception):
    """Nobody is there who wants to know."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What of the settings decides which models look."""

    data_dir: Path
    model: str | None
    device: str = DEVICE


@dataclass(frozen=True, slots=True)
class Worker:
    """Whoever started this process. Everything raises Gone."""

    source: BinaryIO
    sink: BinaryIO

    def read(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(LENGTH_BYTES), "big"))

    def _exactly(self, count: int) -> bytes:
        content = self.source.read(count)
        if len(content) < count:
            raise Gone
        return content

    def say(self, said: Said) -> None:
        try:
            self.sink.write(message(msgspec.msgpack.encode(said)))
            self.sink.flush()
        except BrokenPipeError as error:
            raise Gone from error

    def file(self, name: str) -> bytes:
        self.say(Want(name))
        return self.read()


def answer(source: BinaryIO, sink: BinaryIO) -> None:
    """Reads one LookAgain and says what came of it."""
    worker = Worker(source, sink)
    with suppress(Gone):
        wanted = msgspec.msgpack.decode(worker.read(), type=LookAgain)
        worker.say(_answered(Reanalysis(worker, wanted)))


def _answered(reanalysis: Reanalysis) -> Said:
    try:
        return reanalysis.compared()
    except TooMany as error:
        return Refuse("TOO_MANY_EVENTS", f"{error}: ask for a shorter range")
    except FootageUnreadable as error:
        return Refuse("FOOTAGE_DAMAGED", str(error))
    except (ModelError, MediaError) as error:
        return Refuse("MODEL_FAILED", str(error))


@dataclass(frozen=True, slots=True)
class Reanalysis:
    worker: Worker
    wanted: LookAgain

    def compared(self) -> Said:
        """Raises TooMany, FootageUnreadable, ModelError, MediaError, Gone."""
        wanted = self.wanted
        after, version = self._found(wanted.model, wanted.begin)
        before, versions = list(wanted.stored or ()), [version]
        if after is not None and wanted.against is not None:
            other, version = self._found(wanted.against, None)
            before, versions = other or [], [*versions, version]
        if after is None:
            return Refuse("NOT_RECORDED", "there was nothing to look at")
        found = compare(before, after, round(1_000_000 / wanted.fps))
        return Done(_without_paths(found), tuple(versions))

    def _found(self, name: str, begin: float | None) -> tuple[list[Appearance] | None, str]:
        """What a model tells, None where there was nothing to look at; and its version."""
        wanted = self.wanted
        here = Installation(Path(wanted.data_dir), wanted.in_use)
        models = load(here, name, begin)
        features = frozenset(wanted.features)
        config = AnalysisConfig(wanted.camera_key, wanted.fps, features, zones=wanted.zones)
        watched = Watched(config, self._runs, Interval(wanted.from_us, wanted.to_us))
        found = appearances(watched, models, wanted.most_events)
        return found, models.detectors[0].description.model_version

    def _runs(self) -> Iterator[RecordedRun]:
        return runs([RecordedSegment(each, self._open) for each in self.wanted.segments])

    def _open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.worker.file(name))


def _without_paths(found: Comparison) -> Comparison:
    """What they were needed for is done."""

    def bare(each: Appearance) -> Appearance:
        return replace(each, path=())

    def bare_pair(each: Pair) -> Pair:
        return replace(each, before=bare(each.before), after=bare(each.after))

    return Comparison(
        same=tuple(map(bare_pair, found.same)),
        changed=tuple(map(bare_pair, found.changed)),
        lost=tuple(map(bare, found.lost)),
        new=tuple(map(bare, found.new)),
    )
