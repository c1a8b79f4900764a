"""When what clips show begins and ends an event."""

import uuid

import numpy as np

from media.clip_watch import CALM_S, LONGEST, WHOLE_FRAME, ClipWatch
from media.detect.description import ClipDescription, Thresholds
from media.eventing import Began, Ended, EventIds
from media.types import TICKS_PER_SECOND

CLIP = ClipDescription(file="d.xml", frames=4, seconds=1.0)
FRAME = TICKS_PER_SECOND // 4
FIRST = EventIds("evt-1", uuid.UUID(int=1))


def watch() -> ClipWatch:
    numbers = iter(range(1, 10))

    def ids() -> EventIds:
        number = next(numbers)
        return EventIds(f"evt-{number}", uuid.UUID(int=number))

    return ClipWatch("violence", CLIP, Thresholds(track=0.3, begin=0.6), ids)


def embedding(value: float) -> np.ndarray:
    return np.full(2, value, np.float32)


def test_a_clip_is_the_newest_frames_each_time_half_of_them_are_new() -> None:
    watched = watch()
    clips = [watched.take(embedding(number), number * FRAME) for number in range(9)]

    full = {number: [each[0] for each in clip] for number, clip in enumerate(clips) if clip}
    assert full == {3: [0, 1, 2, 3], 5: [2, 3, 4, 5], 7: [4, 5, 6, 7]}


def test_frames_that_came_too_slowly_make_no_clip() -> None:
    slow = round(LONGEST * TICKS_PER_SECOND / 3) + 1
    watched = watch()

    assert all(watched.take(embedding(0), number * slow) is None for number in range(9))


def test_frames_that_come_slowly_lag_and_those_of_a_still_scene_do_not() -> None:
    still, longest = watch(), round(LONGEST * TICKS_PER_SECOND)
    clip = ClipDescription(file="d.xml", frames=16, seconds=1.0)
    slow = ClipWatch("violence", clip, Thresholds(), lambda: FIRST)
    for number in range(16):
        slow.take(embedding(0), number * (longest // 15 + 1))
        still.take(embedding(0), number * 2 * TICKS_PER_SECOND)
    assert (slow.lags, still.lags) == (True, False)

    for number in range(16):
        slow.take(embedding(0), 2 * longest + number)
    assert not slow.lags


def test_two_sure_clips_in_a_row_begin_one_event_of_the_whole_frame() -> None:
    watched = watch()

    assert watched.judge(0.9, 1) == []
    assert watched.judge(0.5, 2) == []
    assert watched.judge(0.7, 3) == []
    (began,) = watched.judge(0.8, 4)
    assert watched.judge(0.9, 5) == []

    assert isinstance(began, Began)
    assert began.ids == FIRST
    assert (began.track.detection.feature, began.track.detection.score) == ("violence", 0.8)
    assert began.track.detection.box == WHOLE_FRAME
    assert began.track.key < 0


def test_it_ends_once_nothing_showed_it_for_seconds_and_then_may_begin_again() -> None:
    watched, calm = watch(), round(CALM_S * TICKS_PER_SECOND)
    for position in (1, 2):
        watched.judge(0.9, position)
    watched.judge(0.4, 10)  # enough to go on
    watched.judge(0.1, 20)

    assert watched.calm(10 + calm - 1) == []
    assert watched.calm(10 + calm) == [Ended(FIRST, 10)]
    assert watched.calm(10 + 2 * calm) == []
    watched.judge(0.9, 3 * calm)
    (again,) = watched.judge(0.9, 3 * calm + 1)
    assert isinstance(again, Began)
    assert again.ids.event_id == "evt-2"


def test_the_end_of_a_run_ends_it_and_forgets_its_frames() -> None:
    watched = watch()
    for number in range(3):
        watched.take(embedding(0), number)
    for position in (1, 2):
        watched.judge(0.9, position)

    assert watched.end() == [Ended(FIRST, 2)]
    assert watched.end() == []
    assert watched.take(embedding(0), 3) is None
