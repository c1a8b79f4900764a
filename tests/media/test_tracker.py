"""Detections to tracks."""

from collections.abc import Sequence

import pytest

from media.tracker import Sighting, Tracker, TrackerRules, overlap, tracker_rules
from media.types import TICKS_PER_SECOND, Box, Detection

FIFTH = TICKS_PER_SECOND // 5


def seen(x: float, y: float = 0.4, score: float = 0.8, feature: str = "person") -> Detection:
    """Something 0.1 wide and 0.3 high, its left upper corner at x, y."""
    return Detection(feature, feature, score, Box(x, y, x + 0.1, y + 0.3))


def follow(tracker: Tracker, frames: Sequence[Sequence[Detection]], every: int = FIFTH) -> Sighting:
    """Shows one frame after the other; the last sighting."""
    last = Sighting((), ())
    for number, detections in enumerate(frames):
        last = tracker.look(detections, number * every)
    return last


def keys(sighting: Sighting) -> list[int]:
    return sorted(track.key for track in sighting.seen)


def test_a_walker_is_one_track() -> None:
    last = follow(Tracker(TrackerRules()), [[seen(0.02 * n)] for n in range(30)])

    (track,) = last.seen
    assert (track.key, track.hits, track.began_at) == (1, 30, 0)
    assert track.detection == seen(0.02 * 29)


@pytest.mark.parametrize("fps", [0.5, 1, 2, 10, 25])
def test_the_rate_of_looks_does_not_matter(fps: float) -> None:
    """0.08 of the frame a second: most of a width between two looks at 1 a second."""
    every = round(TICKS_PER_SECOND / fps)
    frames = [[seen(0.08 * n / fps)] for n in range(round(8 * fps))]

    last = follow(Tracker(TrackerRules()), frames, every)

    assert keys(last) == [1]


def test_two_who_pass_each_other_keep_their_keys() -> None:
    frames = [[seen(0.1 + 0.02 * n, y=0.4), seen(0.7 - 0.02 * n, y=0.5)] for n in range(30)]

    last = follow(Tracker(TrackerRules()), frames)

    assert {track.key: track.detection.box.y0 for track in last.seen} == {1: 0.4, 2: 0.5}


def test_a_short_occlusion_is_survived() -> None:
    frames = [[seen(0.02 * n)] if not 10 <= n < 17 else [] for n in range(30)]

    assert keys(follow(Tracker(TrackerRules()), frames)) == [1]


def test_who_is_away_for_long_is_gone_and_comes_back_as_another() -> None:
    tracker = Tracker(TrackerRules())
    frames = [[seen(0.02 * n)] for n in range(10)] + [[]] * 11

    gone = follow(tracker, frames).gone
    back = tracker.look([seen(0.2)], 30 * FIFTH)

    assert [track.key for track in gone] == [1]
    assert gone[0].seen_at == 9 * FIFTH
    assert keys(back) == [2]


def test_at_slow_rates_three_looks_are_waited_for() -> None:
    tracker = Tracker(TrackerRules())
    every = 5 * TICKS_PER_SECOND
    frames = [[seen(0.1)], [], [], [seen(0.1)]]

    assert keys(follow(tracker, frames, every)) == [1]


def test_unsure_detections_keep_a_track_and_begin_none() -> None:
    frames = [[seen(0.1)], *[[seen(0.1, score=0.15), seen(0.7, score=0.15)]] * 20]

    last = follow(Tracker(TrackerRules()), frames)

    assert keys(last) == [1]
    assert last.seen[0].hits == 21


def test_a_vehicle_does_not_go_on_as_a_person() -> None:
    frames = [[seen(0.1, feature="vehicle")], [seen(0.1, feature="person")]]

    assert keys(follow(Tracker(TrackerRules()), frames)) == [2]


def test_a_part_of_a_known_object_is_no_other_object() -> None:
    whole = seen(0.1)
    head = Detection("person", "person", 0.7, Box(0.12, 0.4, 0.18, 0.5))

    last = follow(Tracker(TrackerRules()), [[whole], [whole, head]])

    assert keys(last) == [1]


def test_what_jitters_in_its_place_has_not_moved() -> None:
    wobble = [0.0, 0.012, -0.01, 0.008, -0.012] * 10

    last = follow(Tracker(TrackerRules()), [[seen(0.5 + off)] for off in wobble])

    assert not last.seen[0].moved


def test_what_is_half_covered_has_not_moved() -> None:
    whole, upper = Box(0.1, 0.4, 0.2, 0.7), Box(0.1, 0.4, 0.2, 0.52)
    frames = [[Detection("person", "person", 0.8, box)] for box in (whole, upper, whole) * 5]

    last = follow(Tracker(TrackerRules()), frames)

    assert not last.seen[0].moved


def test_a_box_that_a_passer_by_pulls_at_for_a_moment_has_not_moved() -> None:
    still = [[seen(0.5)]]

    last = follow(Tracker(TrackerRules()), [*still * 10, [seen(0.55)], *still * 10])

    assert keys(last) == [1]
    assert not last.seen[0].moved


def test_a_walker_has_moved_after_a_step() -> None:
    last = follow(Tracker(TrackerRules()), [[seen(0.02 * n)] for n in range(5)])

    assert last.seen[0].moved


def test_what_has_moved_stays_so() -> None:
    frames = [*[[seen(0.02 * n)] for n in range(5)], *[[seen(0.0)]] * 10]

    assert follow(Tracker(TrackerRules()), frames).seen[0].moved


def test_at_slow_rates_one_look_tells_that_something_moved() -> None:
    frames = [[seen(0.1)], [seen(0.2)]]

    last = follow(Tracker(tracker_rules(1.0, 0.4)), frames, TICKS_PER_SECOND)

    assert last.seen[0].moved


def test_who_comes_nearer_has_moved() -> None:
    boxes = [Box(0.5 - n / 100, 0.5 - n / 50, 0.6 + n / 100, 0.8 + n / 50) for n in range(6)]
    frames = [[Detection("person", "person", 0.8, box)] for box in boxes]

    assert follow(Tracker(TrackerRules()), frames).seen[0].moved


def test_in_a_still_scene_nobody_is_lost() -> None:
    tracker = Tracker(TrackerRules())
    follow(tracker, [[seen(0.1)], [seen(0.1)]])
    minute = 60 * TICKS_PER_SECOND
    tracker.hold(minute)

    after = tracker.look([seen(0.1)], minute + FIFTH)

    assert keys(after) == [1]
    assert after.gone == ()


def test_a_still_scene_does_not_bring_back_who_was_missed() -> None:
    tracker = Tracker(TrackerRules())
    follow(tracker, [[seen(0.1)], []])
    assert tracker.searching

    tracker.hold(10 * TICKS_PER_SECOND)
    after = tracker.look([], 10 * TICKS_PER_SECOND + FIFTH)

    assert [track.seen_at for track in after.gone] == [0]


def test_who_was_seen_at_the_last_look_is_not_searched_for() -> None:
    tracker = Tracker(TrackerRules())
    follow(tracker, [[seen(0.1)], [seen(0.1)]])
    tracker.hold(5 * FIFTH)

    assert not tracker.searching


def test_the_end_of_a_run_gives_back_every_track() -> None:
    tracker = Tracker(TrackerRules())
    follow(tracker, [[seen(0.1), seen(0.6)], [seen(0.1)]])

    assert sorted(track.key for track in tracker.end()) == [1, 2]
    assert tracker.end() == ()
    assert keys(tracker.look([seen(0.1)], 0)) == [3]


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(Box(0, 0, 0.5, 1), Box(0.25, 0, 0.75, 1)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)) == 0.0
