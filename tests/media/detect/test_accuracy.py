"""What the catalogue's real models see on labelled material; needs the test data."""

import pytest
from av.video.reformatter import VideoReformatter

from media.detect.catalogue import DEFAULT_MODEL, FALLBACK_MODEL, catalogue
from media.detect.runtime import Detector
from media.types import ChangeKind
from tests.benchmarks.detection import (
    PLAIN_DECODER,
    average_precision,
    events_of,
    load,
    look_at_all,
    pool_of,
    walker_events,
)
from tests.benchmarks.mot import measure
from tests.benchmarks.tracking import follow, ours
from tests.data import shared_data
from tests.media.detect.pictures import decoded


@pytest.mark.parametrize("name", [DEFAULT_MODEL, FALLBACK_MODEL])
def test_the_models_are_decoded_as_well_as_by_a_plain_decoder(name: str) -> None:
    found = average_precision(name)

    assert found == pytest.approx(PLAIN_DECODER[name], abs=0.03)


def test_each_of_19_walkers_is_an_event_and_hardly_ever_two() -> None:
    detector = load(DEFAULT_MODEL)
    pictures = look_at_all(detector, shared_data() / "videos" / "vtest.avi", every=2)

    found = walker_events(pictures, 5.0, detector.description.thresholds.begin)

    assert found.followed == 19
    assert 20 <= found.persons <= 26
    assert found.strangers == 1  # the walker without labels
    assert (found.signs, found.vehicles) == (0, 0)
    followed = measure(ours(follow(pictures, 5.0, detector.description.thresholds.begin)), 0.4)
    assert followed.labels == 467
    assert followed.recall > 0.9
    assert followed.idf1 > 0.65
    assert followed.switches < 25


def test_cars_that_drive_past_are_events_of_the_fallback_model() -> None:
    with pool_of(load(FALLBACK_MODEL)) as pool:
        told = events_of(shared_data() / "videos" / "car-detection.mp4", pool)

    began = [change for change in told if change.kind is ChangeKind.BEGAN]
    assert [change.detection.feature for change in began] == ["vehicle"] * 4
    assert [change.kind for change in told].count(ChangeKind.ENDED) == len(began)


@pytest.mark.parametrize(
    ("name", "material", "feature", "least"),
    [
        ("face-detection-retail-0004", "videos/carphone_pristine.mp4", "face", 0.9),
        (
            "vehicle-license-plate-detection-barrier-0106",
            "images/plates/vehicle-license-plate-detection-barrier-0106.jpeg",
            "license_plate",
            0.9,
        ),
        (
            "person-vehicle-bike-detection-crossroad-0078",
            "images/coco-val2017-128/images/000000001584.jpg",
            "vehicle",
            0.9,
        ),
    ],
)
def test_models_of_the_open_model_zoo_find_what_is_there(
    name: str, material: str, feature: str, least: float
) -> None:
    model = catalogue()[name]
    detector = Detector(model, shared_data() / "models" / model.files[0].name, "CPU")

    found = detector.session().detect(decoded(shared_data() / material), VideoReformatter())

    assert max(each.score for each in found if each.feature == feature) > least
