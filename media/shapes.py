"""Points, polygons and lines in 0..1 of a frame: what is wrong with them, and what lies where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from media.types import Box

SAME = 1e-4
"""Points nearer than this in both coordinates are one: a tenth of a pixel of 1080p footage."""


@dataclass(frozen=True, slots=True)
class Point:
    """In 0..1 of the frame, origin top left."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a shape; `point` counts from 0, None where it is the shape as a whole."""

    point: int | None
    message: str


def point_faults(points: Sequence[Point]) -> list[Fault]:
    """Points that are outside of the frame, or no numbers."""
    return [
        Fault(number, "want x and y from 0 to 1")
        for number, point in enumerate(points)
        if not (0 <= point.x <= 1 and 0 <= point.y <= 1)
    ]


def polygon_faults(points: Sequence[Point]) -> list[Fault]:
    """What keeps points in the frame from being the corners of a simple polygon with an inside.

    Of an edge that crosses or touches an earlier one the point that it begins at is named.
    """
    distinct = [
        point
        for number, point in enumerate(points)
        if not any(_same(point, earlier) for earlier in points[:number])
    ]
    if len(distinct) < 3:
        return [Fault(None, f"want 3 different points at least, got {len(distinct)}")]
    edges = list(_edges(points))
    for number, edge in enumerate(edges):
        if _same(*edge):
            following = (number + 1) % len(points)
            return [Fault(max(number, following), "is the same point as its neighbour")]
    for number, edge in enumerate(edges):
        for earlier in range(number):
            if _spoils(edges[earlier], edge, _joint(earlier, number, len(edges))):
                message = f"the edge from here crosses or touches the one from points[{earlier}]"
                return [Fault(number, message)]
    return [] if abs(signed_area(points)) > SAME * SAME else [Fault(None, "has no inside")]


def line_faults(points: Sequence[Point]) -> list[Fault]:
    """What keeps points in the frame from being a line's two ends."""
    if len(points) != 2:
        return [Fault(None, f"want the 2 ends of a line, got {len(points)} points")]
    return [Fault(1, "is the same point as the first")] if _same(*points) else []


def contains(polygon: Sequence[Point], point: Point) -> bool:
    """Whether the point lies in a simple polygon; on its border either answer may come."""
    inside = False
    for start, end in _edges(polygon):
        if (start.y > point.y) != (end.y > point.y):
            at = start.x + (point.y - start.y) * (end.x - start.x) / (end.y - start.y)
            inside ^= point.x < at
    return inside


def covered(polygon: Sequence[Point], box: Box) -> float:
    """Part of the box that lies in a simple polygon; 0..1.

    Sutherland and Hodgman 1974: the polygon is cut by each side of the box in turn. What a concave
    one leaves behind along the sides has no area.
    """
    area = (box.x1 - box.x0) * (box.y1 - box.y0)
    if area <= 0:
        return 0.0
    cut = list(polygon)
    for bound, is_x, keeps_above in (
        (box.x0, True, True),
        (box.x1, True, False),
        (box.y0, False, True),
        (box.y1, False, False),
    ):
        cut = list(_cut(cut, bound, is_x=is_x, keeps_above=keeps_above))
    return min(1.0, abs(signed_area(cut)) / area)


def left_of(start: Point, end: Point, point: Point) -> float:
    """How far a point is to the left of who looks from `start` to `end`; below 0 to the right.

    Distances are those of the frame stretched to a square.
    """
    along_x, along_y = end.x - start.x, end.y - start.y
    length = math.hypot(along_x, along_y)
    return ((point.x - start.x) * along_y - (point.y - start.y) * along_x) / length


def meets(start: Point, end: Point, path: tuple[Point, Point]) -> bool:
    """Whether a path crosses the stretch from `start` to `end`, its ends included."""
    first, second = _turn(start, end, path[0]), _turn(start, end, path[1])
    if first * second >= 0:
        return False
    return _turn(*path, start) * _turn(*path, end) <= 0


def signed_area(points: Sequence[Point]) -> float:
    return sum(a.x * b.y - b.x * a.y for a, b in _edges(points)) / 2


def _edges(points: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    if points:
        yield from pairwise([*points, points[0]])


def _cut(
    points: Sequence[Point], bound: float, *, is_x: bool, keeps_above: bool
) -> Iterator[Point]:
    """What of a polygon lies on one side of a vertical or horizontal line."""

    def depth(point: Point) -> float:
        value = point.x if is_x else point.y
        return value - bound if keeps_above else bound - value

    for start, end in _edges(points):
        from_start, from_end = depth(start), depth(end)
        if from_start >= 0:
            yield start
        if from_start * from_end < 0:
            part = from_start / (from_start - from_end)
            yield Point(start.x + part * (end.x - start.x), start.y + part * (end.y - start.y))


def _same(a: Point, b: Point) -> bool:
    return abs(a.x - b.x) < SAME and abs(a.y - b.y) < SAME


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)


def _joint(earlier: int, later: int, count: int) -> str:
    """Where two edges of a polygon are joined: `after`, `around` or nowhere."""
    if later == earlier + 1:
        return "after"
    return "around" if earlier == 0 and later == count - 1 else ""


def _spoils(earlier: tuple[Point, Point], later: tuple[Point, Point], joint: str) -> bool:
    """Whether two edges share more than the corner at which they are joined."""
    if joint:
        corner, back, on = (
            (later[0], earlier[0], later[1])
            if joint == "after"
            else (later[1], later[0], earlier[1])
        )
        folded = (back.x - corner.x) * (on.x - corner.x) + (back.y - corner.y) * (on.y - corner.y)
        return abs(_turn(back, corner, on)) < SAME * SAME and folded > 0
    ends = (_turn(*earlier, later[0]), _turn(*earlier, later[1]))
    others = (_turn(*later, earlier[0]), _turn(*later, earlier[1]))
    if ends[0] * ends[1] < 0 and others[0] * others[1] < 0:
        return True
    return any(_lies_on(later[n], earlier) for n in (0, 1)) or any(
        _lies_on(earlier[n], later) for n in (0, 1)
    )


def _lies_on(point: Point, edge: tuple[Point, Point]) -> bool:
    start, end = edge
    if abs(_turn(start, end, point)) > 1e-12:
        return False
    return min(start.x, end.x) <= point.x <= max(start.x, end.x) and min(
        start.y, end.y
    ) <= point.y <= max(start.y, end.y)
