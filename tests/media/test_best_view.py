"""Which frame shows an object best."""

import av
import numpy as np

from media.best_view import APART_US, MOST, BestViews
from media.tracker import Track
from media.types import Box, Detection

SECOND = 1_000_000


def frame(*, blurred: bool = False) -> av.VideoFrame:
    """Stripes, or a soft slope."""
    picture = np.zeros((240, 320, 3), np.uint8)
    columns = np.arange(320)
    picture[:] = (columns if blurred else columns // 4 % 2 * 255)[None, :, None].astype(np.uint8)
    return av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")


def track(size: float, score: float = 0.8, left: float = 0.1) -> Track:
    box = Box(left, 0.1, left + size, 0.1 + size)
    return Track(1, Detection("person", "person", score, box), 0, 0, 5, True, score)


def chosen(first: Track, later: Track, *, sharp_first: bool = True, sharp: bool = True) -> bool:
    views = BestViews()
    views.begin(first, frame(blurred=not sharp_first), 0)
    return views.is_better(later, frame(blurred=not sharp), 2 * SECOND)


def test_who_comes_nearer_is_shown_better() -> None:
    assert chosen(track(0.2), track(0.4))
    assert not chosen(track(0.4), track(0.2))


def test_little_better_is_not_worth_a_picture() -> None:
    assert not chosen(track(0.2), track(0.22))


def test_what_the_network_is_surer_of_is_shown_better() -> None:
    assert chosen(track(0.2, 0.4), track(0.2, 0.8))


def test_a_sharp_picture_is_better_than_a_blurred_one() -> None:
    assert chosen(track(0.2), track(0.2), sharp_first=False)
    assert not chosen(track(0.2), track(0.28), sharp=False)


def test_who_is_cut_off_by_the_edge_is_shown_worse() -> None:
    assert not chosen(track(0.2), track(0.3, left=0.0))
    assert chosen(track(0.2, left=0.0), track(0.2))


def test_views_of_an_event_are_few_and_far_between() -> None:
    views = BestViews()
    views.begin(track(0.01), frame(), 0)
    sizes = [0.01 * 1.02**n for n in range(220)]
    taken = [
        n * SECOND // 5
        for n, size in enumerate(sizes)
        if views.is_better(track(size), frame(), n * SECOND // 5)
    ]

    assert len(taken) == MOST
    assert min(np.diff([0, *taken])) >= APART_US


def test_of_tracks_without_an_event_nothing_is_chosen() -> None:
    views = BestViews()
    assert not views.is_better(track(0.9), frame(), SECOND)
    views.begin(track(0.1), frame(), 0)
    views.forget(1)
    assert not views.is_better(track(0.9), frame(), 2 * SECOND)


def test_a_box_without_pixels_is_no_fault() -> None:
    views = BestViews()
    thin = Track(1, Detection("p", "person", 0.5, Box(0.5, 0.5, 0.5, 0.9)), 0, 0, 5, True, 0.5)
    views.begin(thin, frame(), 0)
    outside = Track(1, Detection("p", "person", 0.5, Box(1.0, 0.2, 1.2, 0.9)), 0, 0, 5, True, 0.5)
    assert views.is_better(outside, frame(), 2 * SECOND)
