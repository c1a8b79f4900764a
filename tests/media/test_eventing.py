"""Tracks to events."""

import uuid
from collections.abc import Sequence

import pytest

from media.eventing import Began, Ended, EventIds, Eventing, Step, event_rules, random_ids
from media.tracker import Tracker, tracker_rules
from media.types import TICKS_PER_SECOND, Box, Detection

FIFTH = TICKS_PER_SECOND // 5


class Camera:
    """A tracker and its events, shown one frame after the other."""

    def __init__(self, fps: float = 5.0) -> None:
        self.tracker = Tracker(tracker_rules(fps, 0.4))
        numbers = iter(range(1, 1000))
        self.eventing = Eventing(
            event_rules(fps, 0.4), lambda: EventIds(f"evt-{next(numbers)}", uuid.UUID(int=7))
        )
        self.position = 0

    def show(self, frames: Sequence[Sequence[Detection]], every: int = FIFTH) -> list[Step]:
        steps = []
        for detections in frames:
            sighting = self.tracker.look(detections, self.position)
            steps += self.eventing.look(sighting, self.position, self.position)
            self.position += every
        return steps

    def end_run(self) -> list[Ended]:
        return self.eventing.end(self.tracker.end())


def seen(x: float, score: float = 0.8, feature: str = "person") -> Detection:
    return Detection(feature, feature, score, Box(x, 0.4, x + 0.1, 0.7))


def walk(count: int, score: float = 0.8, feature: str = "person") -> list[list[Detection]]:
    return [[seen(0.02 * n, score, feature)] for n in range(count)]


def began(steps: Sequence[Step]) -> list[Began]:
    return [step for step in steps if isinstance(step, Began)]


def ended(steps: Sequence[Step]) -> list[Ended]:
    return [step for step in steps if isinstance(step, Ended)]


def test_one_appearance_is_one_event() -> None:
    steps = Camera().show(walk(40))

    (event,) = began(steps)
    assert event.ids.event_id == "evt-1"
    assert ended(steps) == []


def test_an_event_begins_with_the_detection_of_its_own_frame() -> None:
    frames = walk(40)

    (event,) = began(Camera().show(frames))

    number = event.track.seen_at // FIFTH
    assert event.track.detection is frames[number][0]
    assert event.track.hits == number + 1 >= 3


def test_it_ends_when_the_object_is_gone_as_of_when_it_was_seen_last() -> None:
    steps = Camera().show([*walk(10), *[[]] * 20])

    (end,) = ended(steps)
    assert end.ids == began(steps)[0].ids
    assert end.seen_at == 9 * FIFTH


def test_it_ends_with_the_run() -> None:
    camera = Camera()
    steps = camera.show(walk(10))

    assert [end.ids for end in camera.end_run()] == [began(steps)[0].ids]
    assert camera.end_run() == []


def test_too_few_hits_begin_nothing() -> None:
    assert began(Camera().show([*walk(2), *[[]] * 10])) == []


def test_an_unsure_object_begins_nothing_until_a_frame_shows_it_well() -> None:
    frames = [[seen(0.0, 0.5)], *[[seen(0.02 * n, 0.35)] for n in range(1, 10)], [seen(0.2, 0.5)]]

    (event,) = began(Camera().show(frames))

    assert event.track.detection == seen(0.2, 0.5)


def test_a_sign_taken_for_a_person_begins_nothing() -> None:
    scores = [0.5, 0.45, 0.55, 0.6, 0.3]

    assert Camera().show([[seen(0.5, scores[n % 5])] for n in range(300)]) == []


def test_a_parked_vehicle_begins_nothing_however_sure() -> None:
    assert Camera().show([[seen(0.5, 0.9, "vehicle")]] * 300) == []


def test_a_vehicle_that_arrives_and_parks_is_one_event() -> None:
    frames = [*walk(10, feature="vehicle"), *[[seen(0.2, feature="vehicle")]] * 300]

    steps = Camera().show(frames)

    assert len(began(steps)) == 1
    assert ended(steps) == []


def test_flickering_detections_of_a_parked_vehicle_repeat_no_event() -> None:
    camera = Camera()
    parked = [[seen(0.2, feature="vehicle")]]
    steps = camera.show([*walk(10, feature="vehicle"), *parked * 10])
    for _ in range(5):
        steps += camera.show([*[[]] * 30, *parked * 30])

    assert len(began(steps)) == 1
    assert len(ended(steps)) == 1


def test_someone_who_stands_there_for_sure_is_one_event() -> None:
    steps = Camera().show([[seen(0.5, 0.85)]] * 300)

    (event,) = began(steps)
    assert event.track.seen_at == 3 * TICKS_PER_SECOND


def test_someone_who_stands_there_is_not_repeated_when_lost_and_found() -> None:
    camera = Camera()
    standing = [[seen(0.5, 0.85)]]
    steps = camera.show(standing * 50)
    for _ in range(5):
        steps += camera.show([*[[]] * 30, *standing * 50])

    assert len(began(steps)) == 1


def test_someone_who_stands_there_again_much_later_is_new() -> None:
    camera = Camera()
    steps = camera.show([*[[seen(0.5, 0.85)]] * 50, *[[]] * 30])
    camera.position += 700 * TICKS_PER_SECOND

    steps += camera.show([[seen(0.5, 0.85)]] * 50)

    assert len(began(steps)) == 2


def test_a_new_run_whose_positions_begin_at_0_keeps_the_memory_of_places() -> None:
    camera = Camera()
    camera.position = 9_000 * TICKS_PER_SECOND
    steps = camera.show([[seen(0.5, 0.85)]] * 50)
    camera.end_run()
    camera.position = 0
    steps += camera.show([[seen(0.5, 0.85)]] * 50)
    assert len(began(steps)) == 1

    camera.show([[]] * 30)
    camera.position += 700 * TICKS_PER_SECOND
    steps += camera.show([[seen(0.5, 0.85)]] * 50)

    assert len(began(steps)) == 2


@pytest.mark.parametrize("fps", [0.2, 0.5, 1.0, 5.0, 30.0])
def test_a_slow_walker_is_an_event_at_any_rate(fps: float) -> None:
    every = round(TICKS_PER_SECOND / fps)
    frames = [[seen(0.03 * n / fps)] for n in range(max(3, round(20 * fps)))]

    assert len(began(Camera(fps).show(frames, every))) == 1


def test_ids_are_unique_and_of_their_form() -> None:
    made = [random_ids() for _ in range(1000)]

    assert len({ids.event_id for ids in made}) == len({ids.trace_id for ids in made}) == 1000
    assert all(ids.trace_id.version == 4 for ids in made)
    assert all(len(ids.event_id) == 20 and ids.event_id.startswith("evt-") for ids in made)
