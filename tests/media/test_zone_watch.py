"""Rules of zones: what begins events, and what is not seen at all."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

import pytest

from media.eventing import Began, EventIds, Eventing, event_rules
from media.schedule import Schedule, Span
from media.shapes import Point
from media.tracker import Tracker, tracker_rules
from media.types import TICKS_PER_SECOND, Box, Detection, Direction, EventZone
from media.zone_watch import ZoneWatch
from media.zones import Zone, ZonePurpose

FPS = 5
MIDNIGHT_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z, a Thursday


def polygon(*pairs: tuple[float, float]) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in pairs)


RIGHT = Zone(
    "r", "Right", ZonePurpose.INSIDE, polygon((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
)
LINE = Zone("l", "Line", ZonePurpose.CROSSING, polygon((0.5, 1.0), (0.5, 0.0)))
"""From below upwards: side A is the left of the picture."""


class Camera:
    """A tracker, zones and events, shown five frames a second."""

    def __init__(self, *zones: Zone) -> None:
        self.watch = ZoneWatch(zones)
        self.tracker = Tracker(tracker_rules(FPS, 0.4))
        numbers = iter(range(1, 1000))
        self.eventing = Eventing(
            event_rules(FPS, 0.4),
            lambda: EventIds(f"evt-{next(numbers)}", uuid.UUID(int=7)),
            self.watch,
        )
        self.frame = 0

    def show(self, frames: Sequence[Sequence[Detection]]) -> list[tuple[int, Began]]:
        """What began, and with which of the frames."""
        began = []
        for number, detections in enumerate(frames):
            position = self.frame * TICKS_PER_SECOND // FPS
            at_us = MIDNIGHT_US + self.frame * 1_000_000 // FPS
            seen = self.tracker.look(self.watch.unmasked(detections, at_us), position)
            steps = self.eventing.look(seen, position, at_us)
            began += [(number, step) for step in steps if isinstance(step, Began)]
            self.frame += 1
        return began


def seen(x: float, y: float = 0.4, feature: str = "person", height: float = 0.3) -> Detection:
    """Something 0.1 wide whose foot is at x, y + height."""
    return Detection(feature, feature, 0.8, Box(x - 0.05, y, x + 0.05, y + height))


def walk(start: float, end: float, step: float = 0.02, **more: object) -> list[list[Detection]]:
    count = round(abs(end - start) / step) + 1
    way = step if end > start else -step
    return [[seen(start + n * way, **more)] for n in range(count)]  # type: ignore[arg-type]


def test_without_zones_an_appearance_is_an_event() -> None:
    ((_, step),) = Camera().show(walk(0.1, 0.9))

    assert step.zones == ()


def test_an_event_begins_with_the_frame_whose_foot_is_inside() -> None:
    ((number, step),) = Camera(RIGHT).show(walk(0.1, 0.9))

    assert step.zones == (EventZone("r", "Right"),)
    assert step.track.detection == seen(0.1 + 0.02 * number)
    assert 0.5 <= 0.1 + 0.02 * number < 0.53


def test_who_never_enters_begins_nothing() -> None:
    assert Camera(RIGHT).show(walk(0.1, 0.45)) == []


def test_a_sign_inside_begins_nothing() -> None:
    sign = [[Detection("person", "person", 0.45, Box(0.7, 0.4, 0.8, 0.7))]]

    assert Camera(RIGHT).show(sign * 100) == []


def test_passing_through_is_not_staying() -> None:
    zone = replace(RIGHT, seconds=2.0)
    camera = Camera(zone)

    assert camera.show([*walk(0.3, 0.6), *walk(0.58, 0.3)]) == []
    ((number, _),) = Camera(zone).show([*walk(0.3, 0.6), *[[seen(0.6)]] * 20])
    assert number == 10 + 10  # frame 10 is the first inside, two seconds are ten frames


def test_who_loiters_may_step_out_for_a_moment() -> None:
    zone = replace(RIGHT, purpose=ZonePurpose.LOITERING, seconds=6.0)
    to_and_fro = [*walk(0.3, 0.7), *walk(0.68, 0.38), *walk(0.4, 0.7)]

    assert len(Camera(zone).show(to_and_fro)) == 1
    assert Camera(replace(zone, purpose=ZonePurpose.INSIDE)).show(to_and_fro) == []


def test_an_appearance_begins_one_event_of_a_zone() -> None:
    assert len(Camera(RIGHT).show([*walk(0.1, 0.9), *walk(0.88, 0.1), *walk(0.12, 0.9)])) == 1


def test_two_rules_met_in_one_frame_are_one_event_and_later_ones_are_others() -> None:
    late = replace(RIGHT, id="x", name="Far", points=polygon((0.8, 0), (1, 0), (1, 1), (0.8, 1)))
    same = replace(RIGHT, id="s", name="Same")

    first, second = Camera(RIGHT, same, late).show(walk(0.1, 0.95))

    assert [zone.id for zone in first[1].zones] == ["r", "s"]
    assert [zone.id for zone in second[1].zones] == ["x"]
    assert first[1].track.key == second[1].track.key
    assert first[1].ids != second[1].ids


def test_all_events_of_an_appearance_end_with_it() -> None:
    late = replace(RIGHT, id="x", points=polygon((0.8, 0), (1, 0), (1, 1), (0.8, 1)))
    camera = Camera(RIGHT, late)
    began = camera.show(walk(0.1, 0.95))

    ended = camera.eventing.end(camera.tracker.end())

    assert [step.ids for step in ended] == [step.ids for _, step in began]
    assert len({step.seen_at for step in ended}) == 1


@pytest.mark.parametrize(
    ("direction", "right", "left"),
    [
        (Direction.A_TO_B, [Direction.A_TO_B], []),
        (Direction.B_TO_A, [], [Direction.B_TO_A]),
        (Direction.BOTH, [Direction.A_TO_B], [Direction.B_TO_A]),
    ],
)
def test_a_line_is_crossed_in_a_direction(
    direction: Direction, right: list[Direction], left: list[Direction]
) -> None:
    line = replace(LINE, direction=direction)
    found = [
        [zone.direction for _, step in Camera(line).show(frames) for zone in step.zones]
        for frames in (walk(0.2, 0.8), walk(0.8, 0.2))
    ]

    assert found == [right, left]


def test_there_and_back_are_two_events_of_a_line() -> None:
    steps = Camera(LINE).show([*walk(0.2, 0.8), *walk(0.78, 0.2), *walk(0.22, 0.8)])

    assert [step.zones[0].direction for _, step in steps] == [Direction.A_TO_B, Direction.B_TO_A]


def test_who_trembles_on_a_line_crosses_nothing() -> None:
    arriving = walk(0.2, 0.48)
    trembling = [[seen(0.5 + off)] for off in (-0.008, 0.009, -0.009, 0.008) * 10]

    assert Camera(LINE).show([*arriving, *trembling]) == []


def test_who_walks_around_the_end_of_a_line_crosses_nothing() -> None:
    short = replace(LINE, points=polygon((0.5, 0.5), (0.5, 0.0)))

    assert Camera(short).show(walk(0.2, 0.8)) == []


def test_who_appears_just_before_a_line_still_counts() -> None:
    """Three frames are needed before anybody counts; the line is crossed in the second."""
    ((number, step),) = Camera(LINE).show(walk(0.48, 0.9, 0.04))

    assert step.zones[0].direction is Direction.A_TO_B
    assert step.track.detection == seen(0.48 + 0.04 * number)


def test_an_object_that_is_too_small_meets_no_rule() -> None:
    zone = replace(RIGHT, min_height=0.35)

    assert Camera(zone).show(walk(0.1, 0.9)) == []
    assert len(Camera(zone).show(walk(0.1, 0.9, y=0.2, height=0.5))) == 1


def test_a_zone_is_about_its_features_and_others_begin_as_without() -> None:
    zone = replace(RIGHT, features=("vehicle",))
    ((_, person),) = Camera(zone).show(walk(0.1, 0.45))
    ((_, car),) = Camera(zone).show(walk(0.1, 0.9, feature="vehicle"))

    assert person.zones == ()
    assert [each.id for each in car.zones] == ["r"]


def test_after_an_event_a_zone_rests() -> None:
    zone = replace(RIGHT, cooldown_s=20.0)
    one = walk(0.3, 0.9)
    gone: list[list[Detection]] = [[]] * 15
    camera = Camera(zone)

    assert len(camera.show([*one, *gone])) == 1
    assert camera.show([*one, *gone]) == []
    assert len(camera.show([*[[]] * 50, *one])) == 1


def test_who_is_still_inside_when_a_zone_has_rested_begins_an_event() -> None:
    zone = replace(RIGHT, cooldown_s=12.0)
    camera = Camera(zone)
    camera.show([*walk(0.3, 0.9), *[[]] * 15])

    ((number, _),) = camera.show([*walk(0.3, 0.7), *[[seen(0.7)]] * 60])

    assert number > 20


def test_out_of_its_hours_a_zone_begins_nothing_and_nothing_else_does() -> None:
    thursday = Schedule("UTC", (Span((3,), 0, 60),))
    friday = Schedule("UTC", (Span((4,), 0, 60),))

    assert len(Camera(replace(RIGHT, schedule=thursday)).show(walk(0.1, 0.9))) == 1
    assert Camera(replace(RIGHT, schedule=friday)).show(walk(0.1, 0.9)) == []


MASK = replace(RIGHT, id="m", purpose=ZonePurpose.MASK)


def test_what_stands_under_a_mask_is_not_seen() -> None:
    camera = Camera(MASK)
    camera.show(walk(0.6, 0.9))

    assert camera.tracker.end() == ()


def test_who_walks_in_front_of_a_masked_sign_is_seen() -> None:
    billboard = replace(MASK, points=polygon((0.0, 0.3), (1.0, 0.3), (1.0, 0.6), (0.0, 0.6)))
    tight = Detection("person", "person", 0.8, Box(0.4, 0.4, 0.5, 0.62))
    watch = ZoneWatch([billboard])

    assert watch.unmasked([seen(0.5)], MIDNIGHT_US) == [seen(0.5)]
    assert watch.unmasked([tight], MIDNIGHT_US) == []


def test_a_mask_hides_its_features_in_its_hours_alone() -> None:
    friday = replace(MASK, schedule=Schedule("UTC", (Span((4,), 0, 60),)))
    vehicles = replace(MASK, features=("vehicle",))

    for mask in (friday, vehicles):
        assert ZoneWatch([mask]).unmasked([seen(0.7)], MIDNIGHT_US) == [seen(0.7)]


def test_masks_alone_leave_events_as_they_are() -> None:
    ((_, step),) = Camera(MASK).show(walk(0.05, 0.45))

    assert step.zones == ()


def test_a_change_leaves_other_zones_where_they_are() -> None:
    """Half a second inside before the change and half after make one."""
    zone = replace(RIGHT, seconds=1.0)
    for changed, number in ((zone, 2), (replace(zone, name="New"), 5)):
        camera = Camera(zone)
        camera.show([*walk(0.3, 0.54)])  # three frames inside
        camera.watch.change([changed, replace(RIGHT, id="other", seconds=100.0)])
        assert [began for began, _ in camera.show(walk(0.56, 0.7))] == [number]


def test_a_new_zone_begins_no_second_event_of_an_appearance_without_its_rule() -> None:
    camera = Camera()
    camera.show(walk(0.1, 0.4))
    camera.watch.change([RIGHT])

    began = camera.show(walk(0.42, 0.6))
    camera.watch.change([])

    assert [step.zones for _, step in began] == [(EventZone("r", "Right"),)]
    assert camera.show(walk(0.62, 0.9)) == []
