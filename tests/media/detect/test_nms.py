"""Dropping boxes that show an object twice."""

import numpy as np

from media.detect.nms import MAX_CANDIDATES, Candidates, overlaps, suppress


def candidates(*rows: tuple[float, list[float]]) -> Candidates:
    return Candidates(
        np.array([box for _, box in rows], dtype=np.float32).reshape(-1, 4),
        np.array([score for score, _ in rows], dtype=np.float32),
        np.zeros(len(rows), dtype=np.int64),
    )


def groups(*numbers: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(numbers, dtype=np.int64)


def test_the_weaker_of_two_overlapping_boxes_is_dropped() -> None:
    found = candidates((0.5, [0, 0, 1, 1]), (0.75, [0, 0, 1, 0.75]))

    assert suppress(found, groups(0, 0), 0.5).scores.tolist() == [0.75]


def test_boxes_of_two_groups_do_not_compete() -> None:
    found = candidates((0.5, [0, 0, 1, 1]), (0.75, [0, 0, 1, 1]))

    assert suppress(found, groups(0, 1), 0.5).scores.tolist() == [0.75, 0.5]


def test_a_dropped_box_drops_no_other() -> None:
    chain = candidates((0.9, [0.0, 0, 0.4, 1]), (0.8, [0.1, 0, 0.5, 1]), (0.7, [0.2, 0, 0.6, 1]))

    left = suppress(chain, groups(0, 0, 0), 0.5)

    np.testing.assert_allclose(left.scores, [0.9, 0.7])


def test_of_more_than_the_most_only_the_best_are_looked_at() -> None:
    many = candidates(
        *((n / 1000, [float(n), 0.0, n + 1.0, 1.0]) for n in range(MAX_CANDIDATES + 10))
    )

    left = suppress(many, np.zeros(len(many), dtype=np.int64), 0.5)

    assert len(left) == MAX_CANDIDATES
    np.testing.assert_allclose(left.scores[-1], 0.010)


def test_nothing_stays_nothing() -> None:
    assert len(suppress(candidates(), groups(), 0.5)) == 0


def test_overlap_is_intersection_over_union() -> None:
    a = np.array([[0, 0, 2, 2]], dtype=np.float32)
    b = np.array([[1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 2, 2], [1, 1, 1, 1]], dtype=np.float32)

    np.testing.assert_allclose(overlaps(a, b), [[1 / 3, 0, 1, 0]], rtol=1e-6)
