"""One camera's packets through several real, tiny models at once: plates, fights, and rates."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import av
import pytest
from av.video.reformatter import VideoReformatter

from app.model_choice import Loading, choose
from app.model_store import ModelStore
from media.analysis import AnalysisConfig, AnalysisCounts
from media.detect.model_set import ModelSet
from media.detect.text import Reading
from media.recorded_packets import clip
from media.replay import replay
from media.types import TICKS_PER_SECOND, ChangeKind, Detection, EventChange, ModelShapeError, Plate
from tests.clips import Encoding, still, write_clip
from tests.media.detect import clip_networks, plate_networks
from tests.media.test_plate_reading import READER, Scripted

KEY = uuid.UUID(int=7)
WIDE = Encoding(fps=10, size=(640, 360), gop=10)
FIGHT = Encoding(fps=20, gop=20)
PLATES, VIOLENCE = frozenset({"license_plate"}), frozenset({"violence"})


@pytest.fixture
def models(tmp_path: Path) -> ModelSet:
    """A detector, a reader and a clip classifier, loaded as the product does."""
    store, loading = ModelStore(tmp_path / "data"), Loading("CPU")
    save = (plate_networks.save_detector, plate_networks.save_reader, clip_networks.save_classifier)
    for each in save:
        store.add(each(tmp_path))
    choose(store, None, loading)
    return loading.models


def shown(
    path: Path, models: ModelSet, features: frozenset[str], fps: float = 5.0
) -> tuple[list[EventChange], AnalysisCounts]:
    told: list[EventChange] = []
    counts = replay(clip(path), AnalysisConfig(KEY, fps, features), models, told.append)
    return told, counts


def plate_clip(folder: Path) -> Path:
    pictures = plate_networks.passing_plate(["51F-123.45"], (240, 40), 60)
    return write_clip(folder / "plate.mp4", pictures, WIDE)


def fight_clip(folder: Path, calm: int = 60, fight: int = 60, after: int = 260) -> Path:
    pictures = clip_networks.brawl(calm, fight, after)
    return write_clip(folder / f"fight-{fight}.mp4", pictures, FIGHT)


def test_an_event_begins_with_the_plate_that_was_read_before(
    models: ModelSet, tmp_path: Path
) -> None:
    (began, *_, ended), _ = shown(plate_clip(tmp_path), models, PLATES)

    assert (began.kind, ended.kind) == (ChangeKind.BEGAN, ChangeKind.ENDED)
    assert began.plate is not None
    assert (began.plate.text, began.plate.raw) == ("51F-123.45", "51F-123.45")
    assert began.plate.model_version == "plate-reader@2024-01-02"
    assert began.model_version == "plate-finder@2024-01-02"
    assert ended.plate == began.plate


def test_a_plate_that_is_read_later_is_a_change_and_the_beginning_waits_for_nothing(
    models: ModelSet, tmp_path: Path
) -> None:
    answers: list[Reading | Exception] = [ModelShapeError("odd"), Reading("", 0.0)]
    reader = Scripted([*answers, *[Reading("", 0.0)] * 4, Reading("51F-123.45", 0.9)])

    told, _ = shown(plate_clip(tmp_path), ModelSet(models.detectors, (reader,)), PLATES)

    read = Plate("51F-123.45", "51F-123.45", 0.9, READER.model_version)
    plates = [(each.kind, each.plate) for each in told if each.best is None]
    assert plates == [
        (ChangeKind.BEGAN, None),
        (ChangeKind.CHANGED, read),
        (ChangeKind.ENDED, read),
    ]
    assert len({(each.at_us, each.position, each.detection) for each in told}) == 1


def test_without_a_reader_plates_are_found_and_told_without_text(
    models: ModelSet, tmp_path: Path
) -> None:
    told, _ = shown(plate_clip(tmp_path), ModelSet(models.detectors), PLATES)

    assert told[0].kind is ChangeKind.BEGAN
    assert all(each.plate is None for each in told)


def test_a_fight_is_one_event_of_the_frame_that_ends_the_clip_which_began_it(
    models: ModelSet, tmp_path: Path
) -> None:
    (began, ended), _ = shown(fight_clip(tmp_path), models, VIOLENCE)

    assert (began.kind, ended.kind) == (ChangeKind.BEGAN, ChangeKind.ENDED)
    assert (began.detection.feature, began.detection.label) == ("violence", "violence")
    assert began.model_version == "fight-teller@2024-01-02"
    assert began.detection.score >= 0.6
    assert began.position is not None
    assert 3 < began.position / TICKS_PER_SECOND < 6  # the fight's own seconds
    assert ended.ended_at_us is not None
    assert ended.ended_at_us - began.at_us < 4_000_000  # when it was seen last, not decided


def test_a_calm_street_begins_nothing(models: ModelSet, tmp_path: Path) -> None:
    told, counts = shown(fight_clip(tmp_path, calm=100, fight=0, after=0), models, VIOLENCE)

    assert told == []
    assert counts.lane.looked > 0


def test_clips_have_a_rate_of_their_own_and_detectors_keep_theirs(
    models: ModelSet, tmp_path: Path
) -> None:
    path = fight_clip(tmp_path, calm=100, fight=0, after=0)  # 5 s at 20 frames a second
    looks = Counting(models)
    detectors = ModelSet((looks,), classifiers=models.classifiers)

    _, alone = shown(path, ModelSet((looks,)), PLATES, fps=2.0)
    detected, looks.count = looks.count, 0
    _, both = shown(path, detectors, PLATES | VIOLENCE, fps=2.0)

    assert (alone.lane.looked, detected, looks.count) == (10, 10, 10)
    assert both.lane.looked == 5 * clip_networks.FRAMES


class Counting:
    """The plate detector, counted."""

    def __init__(self, models: ModelSet) -> None:
        self._model, self.count = models.detectors[0], 0
        self.description, self.parallel = self._model.description, 1

    def session(self) -> Counting:
        self._session = self._model.session()
        return self

    def detect(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Sequence[Detection]:
        self.count += 1
        return self._session.detect(frame, scaler)


def test_a_still_scene_costs_a_clip_classifier_next_to_nothing(models: ModelSet) -> None:
    told, counts = shown(still(100, Encoding(fps=25, gop=25)), models, VIOLENCE)

    assert told == []
    assert counts.lane.looked == 4


def test_a_camera_too_slow_for_clips_says_so(
    models: ModelSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = clip_networks.brawl(0, 60, 0)
    slow = write_clip(tmp_path / "slow.mp4", pictures, Encoding(fps=3, gop=3))

    told, _ = shown(slow, models, VIOLENCE)

    assert told == []
    assert caplog.text.count(f"camera {KEY}: violence: frames come too slowly") == 1


def test_what_no_model_finds_is_not_even_decoded(models: ModelSet, tmp_path: Path) -> None:
    told, counts = shown(plate_clip(tmp_path), models, frozenset({"face"}))

    assert (told, counts.decoded, counts.lane.offered) == ([], 0, 0)


def test_the_same_footage_gives_the_same_events_with_all_models(
    models: ModelSet, tmp_path: Path
) -> None:
    for path in (plate_clip(tmp_path), fight_clip(tmp_path)):
        first, second = (shown(path, models, PLATES | VIOLENCE)[0] for _ in range(2))

        assert first
        assert first == second
