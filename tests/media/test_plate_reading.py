"""Few readings of each plate, and the text that most of them agree on."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import av
import pytest
from av.video.reformatter import VideoReformatter

from media.detect.description import ModelDescription
from media.detect.model_set import Eyes, ModelSet, Scalers
from media.detect.pool import Look
from media.detect.text import Reading
from media.plate_reading import APART, MOST_AT_ONCE, MOST_READINGS, PlateReadings
from media.tracker import Track
from media.types import TICKS_PER_SECOND, Box, Detection, ModelShapeError, Plate, RunClock
from tests.media.detect.tiny import DESCRIPTION, grey

CLOCK = RunClock(uuid.UUID(int=1), 0, 0)
FEATURES = frozenset({"license_plate"})
READER = ModelDescription.from_toml(
    DESCRIPTION[: DESCRIPTION.index("[output]")]
    + '[output]\nfamily = "ctc"\nlabels = ["", "5"]\n[features]\nlicense_plate = []\n'
)
VERSION = READER.model_version
SECOND = TICKS_PER_SECOND


@dataclass
class Scripted:
    """A reader that answers in turn, the last answer for ever; notes the sizes of its crops."""

    answers: list[Reading | Exception]
    crops: list[tuple[int, int]] = field(default_factory=list)

    @property
    def description(self) -> ModelDescription:
        return READER

    def session(self) -> "Scripted":
        return self

    def read(self, crop: av.VideoFrame, scaler: VideoReformatter) -> Reading:
        self.crops.append((crop.width, crop.height))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def plate(width: float, key: int = 1, aspect: float = 4.5) -> Track:
    """A plate on a frame of 1000 x 1000 px, `width` of its width."""
    box = Box(0.1, 0.1, 0.1 + width, 0.1 + width / aspect)
    return Track(key, Detection("plate", "license_plate", 0.9, box), 0, 0, 3, True, 0.9)


Show = Callable[[PlateReadings, Sequence[Track], int], None]


def showing(reader: Scripted | None) -> Show:
    readers = () if reader is None else (reader,)
    eyes = Eyes(ModelSet(readers=readers).session(), Scalers())
    frame = grey(100, 1000, 1000)

    def show(readings: PlateReadings, seen: Sequence[Track], position: int) -> None:
        readings.look(seen, Look(frame, position, CLOCK, True, FEATURES), eyes)

    return show


def reading(text: str, score: float | None = 0.9) -> Reading:
    return Reading(text, score)


def test_a_plate_is_cut_from_the_frame_with_a_margin() -> None:
    reader, readings = Scripted([reading("51F-123.45")]), PlateReadings()

    showing(reader)(readings, [plate(0.45)], 0)

    assert reader.crops == [(487, 109)]  # 450 x 100 px, and 4 % on each side
    assert readings.best(1) == Plate("51F-123.45", "51F-123.45", 0.9, VERSION)


def test_two_lines_are_read_one_by_one() -> None:
    reader, readings = Scripted([reading("29-B1", 0.8), reading("234.56", 1.0)]), PlateReadings()

    showing(reader)(readings, [plate(0.2, aspect=1.35)], 0)

    assert len(reader.crops) == 2
    score = (5 * 0.8 + 6 * 1.0) / 11
    assert readings.best(1) == Plate("29B1-234.56", "29-B1 234.56", score, VERSION)


def test_between_the_two_the_number_of_lines_is_told_by_what_makes_a_plate() -> None:
    answers: list[Reading | Exception] = [reading("29X", 0.99), reading("51F", 0.7)]
    reader, readings = Scripted([*answers, reading("123.45", 0.7)]), PlateReadings()

    showing(reader)(readings, [plate(0.2, aspect=2.0)], 0)

    found = readings.best(1)
    assert found is not None
    assert found.text == "51F-123.45"


def test_most_readings_decide_and_once_they_agree_no_more_are_made() -> None:
    answers: list[Reading | Exception] = [reading("51F-123.46", 0.95)]
    reader, readings = Scripted([*answers, reading("51F-123.45")]), PlateReadings()
    show = showing(reader)

    texts = []
    for number in range(10):
        show(readings, [plate(0.2)], number * SECOND)
        found = readings.best(1)
        texts.append(found and found.text)

    assert texts == ["51F-123.46"] * 2 + ["51F-123.45"] * 8
    assert len(reader.crops) == 4


def test_a_plate_that_nothing_is_read_of_is_given_up() -> None:
    reader, readings = Scripted([reading("")]), PlateReadings()
    show = showing(reader)

    for number in range(30):
        show(readings, [plate(0.2)], number * SECOND)

    assert len(reader.crops) == MOST_READINGS
    assert readings.best(1) is None


def test_an_unsure_reading_does_not_count() -> None:
    readings = PlateReadings()

    showing(Scripted([reading("51F-123.45", 0.4)]))(readings, [plate(0.2)], 0)

    assert readings.best(1) is None


def test_a_reader_that_tells_no_score_is_believed() -> None:
    readings = PlateReadings()

    showing(Scripted([reading("51F-123.45", None)]))(readings, [plate(0.2)], 0)

    assert readings.best(1) == Plate("51F-123.45", "51F-123.45", None, VERSION)


def test_a_plate_that_did_not_grow_waits_for_its_next_reading() -> None:
    reader, readings = Scripted([reading("51F-123.45")]), PlateReadings()
    show = showing(reader)

    show(readings, [plate(0.2)], 0)
    show(readings, [plate(0.2)], APART // 2)
    assert len(reader.crops) == 1
    show(readings, [plate(0.3)], APART // 2)
    assert len(reader.crops) == 2


def test_a_plate_too_small_to_read_costs_no_reading() -> None:
    reader, readings = Scripted([reading("51F-123.45")]), PlateReadings()

    showing(reader)(readings, [plate(0.03)], 0)

    assert reader.crops == []


def test_of_many_plates_a_few_are_read_in_a_frame_and_the_others_in_the_next() -> None:
    reader, readings = Scripted([reading("51F-123.45")]), PlateReadings()
    show, seen = showing(reader), [plate(0.2, key) for key in range(1, 5)]

    show(readings, seen, 0)
    assert len(reader.crops) == MOST_AT_ONCE
    show(readings, seen, SECOND)

    assert all(readings.best(key) is not None for key in range(1, 5))


def test_what_is_gone_is_forgotten_and_where_nothing_reads_nothing_is_read() -> None:
    readings = PlateReadings()
    showing(Scripted([reading("51F-123.45")]))(readings, [plate(0.2)], 0)

    readings.forget([plate(0.2)])
    assert readings.best(1) is None
    showing(None)(readings, [plate(0.2)], SECOND)
    assert readings.best(1) is None


def test_a_reader_that_fails_costs_the_reading_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader, readings = Scripted([ModelShapeError("model tiny: odd")]), PlateReadings()
    show = showing(reader)

    for number in range(3):
        show(readings, [plate(0.2)], number * SECOND)

    assert readings.best(1) is None
    assert caplog.text.count("model tiny: odd") == 1
