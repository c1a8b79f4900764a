"""The models that one process looks with, together: each feature is found by one of them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import av
from av.video.reformatter import VideoReformatter

from media.complaint import Complaint
from media.detect.actions import Embedding
from media.detect.description import ClipDescription, ModelDescription
from media.detect.text import Reading
from media.types import Detection, MediaError

logger = logging.getLogger(__name__)


class Session(Protocol):
    """Looks at one frame at a time, on one thread."""

    def detect(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Sequence[Detection]: ...


class LoadedModel(Protocol):
    """A detector on a device; `parallel` sessions keep it busy."""

    @property
    def description(self) -> ModelDescription: ...

    @property
    def parallel(self) -> int: ...

    def session(self) -> Session: ...


class ReadingSession(Protocol):
    def read(self, crop: av.VideoFrame, scaler: VideoReformatter) -> Reading: ...


class LoadedReader(Protocol):
    """Reads what a detector has found."""

    @property
    def description(self) -> ModelDescription: ...

    def session(self) -> ReadingSession: ...


class WatchingSession(Protocol):
    def encode(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Embedding: ...

    def classify(self, clip: Sequence[Embedding]) -> dict[str, float]: ...


class LoadedClassifier(Protocol):
    """Tells what a run of frames shows."""

    @property
    def description(self) -> ModelDescription: ...

    @property
    def clip(self) -> ClipDescription: ...

    @property
    def parallel(self) -> int: ...

    def session(self) -> WatchingSession: ...


@dataclass(frozen=True, slots=True)
class ModelSet:
    """Of two models of a kind for one feature the first is used."""

    detectors: tuple[LoadedModel, ...] = ()
    readers: tuple[LoadedReader, ...] = ()
    classifiers: tuple[LoadedClassifier, ...] = ()

    @classmethod
    def of(cls, detector: LoadedModel) -> Self:
        """A detector alone."""
        return cls((detector,))

    @property
    def descriptions(self) -> list[ModelDescription]:
        return [
            *(each.description for each in self.detectors),
            *(each.description for each in self.readers),
            *(each.description for each in self.classifiers),
        ]

    @property
    def finders(self) -> dict[str, ModelDescription]:
        """Of each feature that is found here, the model that finds it; readers find nothing."""
        detectors = [each.description for each in self.detectors]
        return _first([*detectors, *(each.description for each in self.classifiers)])

    @property
    def classified(self) -> dict[str, LoadedClassifier]:
        """Of each feature that clips show and no detector finds, its classifier."""
        seen = _first(each.description for each in self.detectors)
        found: dict[str, LoadedClassifier] = {}
        for classifier in self.classifiers:
            for feature in classifier.description.features:
                if feature not in seen:
                    found.setdefault(feature, classifier)
        return found

    @property
    def parallel(self) -> int:
        """How many threads keep the devices busy."""
        detectors = [each.parallel for each in self.detectors]
        return max([1, *detectors, *(each.parallel for each in self.classifiers)])

    def session(self) -> Sessions:
        return Sessions(self)


def _first(models: Iterable[ModelDescription]) -> dict[str, ModelDescription]:
    found: dict[str, ModelDescription] = {}
    for model in models:
        for feature in model.features:
            found.setdefault(feature, model)
    return found


class Scalers(dict[str, VideoReformatter]):
    """One for each model: a scaler keeps its tables between frames of one size."""

    def __missing__(self, name: str) -> VideoReformatter:
        made = self[name] = VideoReformatter()
        return made


@dataclass(frozen=True, slots=True)
class _Finder:
    """A detector's session, and the features that are its to find."""

    name: str
    session: Session
    features: frozenset[str]


class Sessions:
    """One of each model of a set, on the thread that owns them."""

    def __init__(self, models: ModelSet) -> None:
        self.finders: list[_Finder] = []
        text = "a model fails on a frame, others see it: %s"
        self.complaint = Complaint(logger, text, logging.WARNING)
        taken: frozenset[str] = frozenset()
        for detector in models.detectors:
            own = detector.description
            features = frozenset(own.features) - taken
            taken |= features
            self.finders.append(_Finder(own.name, detector.session(), features))
        self.readers: dict[str, tuple[ModelDescription, ReadingSession]] = {}
        for reader in models.readers:
            made = (reader.description, reader.session())
            for feature in reader.description.features:
                self.readers.setdefault(feature, made)
        made_of = {id(each): each.session() for each in models.classifiers}
        self.watching = {
            feature: (each.description.name, made_of[id(each)])
            for feature, each in models.classified.items()
        }


class Eyes:
    """What one camera is looked at with, for one frame: a thread's sessions, its own scalers.

    All raise as the sessions do: ModelShapeError, ModelFailed, av.FFmpegError.
    """

    def __init__(self, sessions: Sessions, scalers: Scalers) -> None:
        self._sessions, self._scalers = sessions, scalers

    def detect(self, frame: av.VideoFrame, features: Collection[str]) -> list[Detection]:
        """What the frame shows of these features; only the models that find some are run.

        One model that fails does not silence the others: it is said in the log. Where all do, the
        first failure is raised.
        """
        found: list[Detection] = []
        failures: list[MediaError | av.FFmpegError] = []
        due = [each for each in self._sessions.finders if not each.features.isdisjoint(features)]
        for finder in due:
            try:
                seen = finder.session.detect(frame, self._scalers[finder.name])
            except (MediaError, av.FFmpegError) as error:
                failures.append(error)
                continue
            found += [
                each
                for each in seen
                if each.feature in finder.features and each.feature in features
            ]
        if failures and len(failures) == len(due):
            raise failures[0]
        for failure in failures:
            self._sessions.complaint.say(failure)
        return found

    def reader(self, feature: str) -> ModelDescription | None:
        """What reads the feature's objects, if anything does."""
        known = self._sessions.readers.get(feature)
        return known and known[0]

    def read(self, feature: str, crop: av.VideoFrame) -> Reading:
        """The text of a crop that holds one line. There must be a reader."""
        description, session = self._sessions.readers[feature]
        return session.read(crop, self._scalers[description.name])

    def encode(self, feature: str, frame: av.VideoFrame) -> Embedding:
        """What the frame shows to the feature's classifier, which must be there."""
        name, session = self._sessions.watching[feature]
        return session.encode(frame, self._scalers[name])

    def classify(self, feature: str, clip: Sequence[Embedding]) -> float:
        """How sure the feature's classifier is that the clip shows it, 0..1."""
        return self._sessions.watching[feature][1].classify(clip)[feature]
