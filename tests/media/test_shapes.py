"""Points, polygons and lines."""

from collections.abc import Sequence

import pytest

from media.shapes import (
    Point,
    contains,
    covered,
    left_of,
    line_faults,
    meets,
    point_faults,
    polygon_faults,
)
from media.types import Box

SQUARE = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)]
ARROW = [(0.1, 0.1), (0.9, 0.1), (0.5, 0.4), (0.9, 0.9), (0.1, 0.9)]
"""Concave: the right side is pushed in."""


def points(pairs: Sequence[tuple[float, float]]) -> list[Point]:
    return [Point(x, y) for x, y in pairs]


@pytest.mark.parametrize("shape", [SQUARE, SQUARE[::-1], ARROW, SQUARE[:3]])
def test_simple_polygons_are_well(shape: list[tuple[float, float]]) -> None:
    assert polygon_faults(points(shape)) == []


@pytest.mark.parametrize(
    ("shape", "point", "says"),
    [
        ([(0.2, 0.2), (0.8, 0.8), (0.8, 0.2), (0.2, 0.8)], 2, "crosses"),
        ([*SQUARE, (0.2, 0.2)], 4, "same point"),
        ([(0.2, 0.2), (0.8, 0.2), (0.8, 0.2), (0.8, 0.8)], 2, "same point"),
        ([(0.2, 0.2), (0.8, 0.2), (0.5, 0.2), (0.5, 0.8)], 1, "touches"),
        ([(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.1), (0.1, 0.9)], 2, "touches"),
        ([(0.1, 0.1), (0.9, 0.9)], None, "3 different points"),
        ([(0.1, 0.1), (0.9, 0.9), (0.1, 0.1)], None, "3 different points"),
        ([], None, "3 different points"),
    ],
)
def test_what_is_no_polygon_names_the_point(
    shape: list[tuple[float, float]], point: int | None, says: str
) -> None:
    (fault,) = polygon_faults(points(shape))

    assert fault.point == point
    assert says in fault.message


def test_three_points_on_a_line_have_no_inside() -> None:
    (fault,) = polygon_faults(points([(0.1, 0.1), (0.5, 0.5), (0.9, 0.9)]))

    assert "touches" in fault.message or "inside" in fault.message


def test_every_point_outside_of_the_frame_is_named() -> None:
    bad = points([(0.1, 0.1), (1.1, 0.5), (0.5, -0.01), (float("nan"), 0.5), (1.0, 0.0)])

    assert [fault.point for fault in point_faults(bad)] == [1, 2, 3]


def test_a_line_has_two_different_ends() -> None:
    assert line_faults(points([(0.1, 0.1), (0.1, 0.9)])) == []
    assert [f.point for f in line_faults(points([(0.1, 0.1), (0.1, 0.1)]))] == [1]
    assert [f.point for f in line_faults(points(SQUARE))] == [None]


def test_what_is_inside_of_a_concave_polygon() -> None:
    arrow = points(ARROW)

    assert contains(arrow, Point(0.4, 0.4))
    assert not contains(arrow, Point(0.7, 0.4))
    assert not contains(arrow, Point(0.05, 0.4))


@pytest.mark.parametrize(
    ("box", "part"),
    [
        (Box(0.3, 0.3, 0.5, 0.5), 1.0),
        (Box(0.1, 0.3, 0.3, 0.5), 0.5),
        (Box(0.1, 0.1, 0.3, 0.3), 0.25),
        (Box(0.0, 0.0, 1.0, 1.0), 0.36),
        (Box(0.85, 0.3, 0.95, 0.5), 0.0),
        (Box(0.3, 0.3, 0.3, 0.5), 0.0),
    ],
)
def test_how_much_of_a_box_lies_inside(box: Box, part: float) -> None:
    assert covered(points(SQUARE), box) == pytest.approx(part)


def test_what_a_concave_polygon_leaves_out_of_a_box_does_not_count() -> None:
    notch = points([(0, 0), (1, 0), (1, 1), (0.75, 1), (0.75, 0.5), (0.25, 0.5), (0.25, 1), (0, 1)])

    assert covered(notch, Box(0, 0, 1, 1)) == pytest.approx(0.75)
    assert covered(notch, Box(0.25, 0.5, 0.75, 1)) == pytest.approx(0)
    assert covered(notch, Box(0, 0.5, 1, 1)) == pytest.approx(0.5)


def test_left_is_as_seen_on_the_picture() -> None:
    """Who looks from left to right has the upper part of the picture on the left."""
    start, end = Point(0.2, 0.5), Point(0.8, 0.5)

    assert left_of(start, end, Point(0.5, 0.4)) == pytest.approx(0.1)
    assert left_of(end, start, Point(0.5, 0.4)) == pytest.approx(-0.1)


def test_a_line_ends_at_its_ends() -> None:
    start, end = Point(0.2, 0.5), Point(0.8, 0.5)

    assert meets(start, end, (Point(0.5, 0.4), Point(0.5, 0.6)))
    assert not meets(start, end, (Point(0.9, 0.4), Point(0.9, 0.6)))
    assert not meets(start, end, (Point(0.5, 0.3), Point(0.5, 0.4)))
