"""Which events of two logs are one happening."""

from __future__ import annotations

import uuid

from media.appearances import Appearance, Sight
from media.comparison import Appearances, compare
from media.types import (
    Box,
    ChangeKind,
    Detection,
    DetectionFrame,
    EventChange,
    EventZone,
    Followed,
    RunClock,
)

LOOK_US = 200_000


def at(x: float) -> Box:
    return Box(x, 0.4, x + 0.1, 0.7)


def walk(name: str, from_s: float, to_s: float, x: float, speed: float = 0.05) -> Appearance:
    """Seen every 0.2 s; its event begins with the third look."""
    times = [round(from_s * 1e6) + n * LOOK_US for n in range(round((to_s - from_s) * 5) + 1)]
    path = tuple(Sight(t, at(x + speed * (t - times[0]) / 1e6)) for t in times)
    return Appearance(name, "person", path[2].at_us, None, 0.8, path[2].box, (), path)


def stored(name: str, of: Appearance, seconds: float = 0.0) -> Appearance:
    """As the log has it: the beginning alone, so much later than another's."""
    place = 2 + round(seconds * 5)
    sight = of.path[place]
    return Appearance(name, "person", sight.at_us, None, 0.8, sight.box, (), (sight,))


def names(found: tuple[Appearance, ...]) -> list[str]:
    return [each.event_id for each in found]


def test_the_same_walkers_are_the_same_events() -> None:
    a, b = walk("a", 0, 8, 0.1), walk("b", 2, 9, 0.6, -0.05)

    found = compare([stored("1", a), stored("2", b)], [b, a], LOOK_US)

    assert {(each.before.event_id, each.after.event_id) for each in found.same} == {
        ("1", "a"),
        ("2", "b"),
    }
    assert found.is_equal


def test_who_is_in_one_log_alone_is_lost_or_new() -> None:
    a, b, c = walk("a", 0, 8, 0.1), walk("b", 0, 8, 0.5), walk("c", 20, 28, 0.1)

    found = compare([stored("1", a), stored("2", b)], [a, c], LOOK_US)

    assert (names(found.lost), names(found.new)) == (["2"], ["c"])
    assert not found.is_equal


def test_an_event_that_begins_later_or_by_another_zone_is_changed() -> None:
    a = walk("a", 0, 8, 0.1)
    zoned = Appearance("z", "person", a.at_us, None, 0.8, a.box, ("gate",), a.path)

    later = compare([stored("1", a, seconds=2.0)], [a], LOOK_US)
    elsewhere = compare([stored("1", a)], [zoned], LOOK_US)

    assert [each.before.event_id for each in later.changed] == ["1"]
    assert [each.after.event_id for each in elsewhere.changed] == ["z"]
    assert later.lost == later.new == elsewhere.lost == elsewhere.new == ()


def test_two_who_cross_are_told_apart_by_their_whole_paths() -> None:
    """Both are at 0.4 after four seconds."""
    right, left = walk("right", 0, 8, 0.2), walk("left", 0, 8, 0.6, -0.05)

    found = compare([walk("1", 0, 8, 0.2), walk("2", 0, 8, 0.6, -0.05)], [left, right], LOOK_US)

    assert {(each.before.event_id, each.after.event_id) for each in found.same} == {
        ("1", "right"),
        ("2", "left"),
    }


def test_events_that_begin_far_apart_are_two_although_a_track_leads_from_one_to_the_other() -> None:
    long, late = walk("long", 0, 18, 0.1, 0.02), walk("late", 14, 18, 0.38, 0.02)

    found = compare([stored("1", late)], [long], LOOK_US)

    assert (names(found.lost), names(found.new)) == (["1"], ["long"])


def test_one_object_that_is_split_in_two_is_one_pair_and_one_new() -> None:
    whole = walk("whole", 0, 8, 0.1)
    first = walk("first", 0, 3, 0.1)
    second = walk("second", 4, 8, 0.3)

    found = compare([whole], [first, second], LOOK_US)

    assert [each.after.event_id for each in found.same] == ["first"]
    assert names(found.new) == ["second"]


def test_other_features_are_never_one_event() -> None:
    a = walk("a", 0, 8, 0.1)
    car = Appearance("car", "vehicle", a.at_us, None, 0.8, a.box, (), a.path)

    found = compare([a], [car], LOOK_US)

    assert (names(found.lost), names(found.new)) == (["a"], ["car"])


def test_nothing_against_something() -> None:
    a = walk("a", 0, 8, 0.1)

    assert names(compare([], [a], LOOK_US).new) == ["a"]
    assert names(compare([a], [], LOOK_US).lost) == ["a"]
    assert compare([], [], LOOK_US).is_equal


def test_events_are_noted_with_the_paths_of_their_objects() -> None:
    """Also where they were before their event began; who begins nothing is left out."""
    clock, noted = RunClock(uuid.UUID(int=1), 0, 0), Appearances()
    for number in range(500):
        seen = [
            Followed(Detection("person", "person", 0.8, at(number / 1000)), 7, 99),
            Followed(Detection("person", "person", 0.8, at(0.9)), 8, None),
        ]
        objects = tuple(seen)
        if number < 3:
            objects = (Followed(seen[0].detection, 7, None),)
        noted.watch(DetectionFrame(clock, number * 18_000, True, 320, 240, objects))
        if number == 3:
            noted.tell(
                EventChange(
                    kind=ChangeKind.BEGAN,
                    camera_key=uuid.UUID(int=2),
                    event_id="evt-1",
                    trace_id=uuid.UUID(int=3),
                    track_id=99,
                    model_version="m@1",
                    at_us=number * LOOK_US,
                    position=None,
                    detection=seen[0].detection,
                    snapshot=None,
                    zones=(EventZone("gate", "Gate"),),
                )
            )

    (found,) = noted.found()

    assert (found.event_id, found.zones, found.at_us) == ("evt-1", ("gate",), 600_000)
    assert found.path[0] == Sight(0, at(0.0))
    assert found.path[-1] == Sight(499 * LOOK_US, at(0.499))
    assert len(found.path) <= 256
