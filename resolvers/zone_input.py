"""What a client may say about a zone, checked before anything is written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

import msgspec

from media.schedule import Schedule, Span, is_time_zone
from media.shapes import Fault, Point, line_faults, point_faults, polygon_faults
from media.types import Direction
from media.zones import Zone, ZonePurpose
from resolvers.camera_input import name_fault
from resolvers.errors import FieldError, InvalidInput
from resolvers.features import ALL_FEATURES

MAX_POINTS = 32
MAX_SPANS = 21
MAX_SECONDS, MAX_COOLDOWN_SECONDS = 3_600.0, 86_400.0

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_NOT_A_MASK = "a mask begins no events: leave it out"


class SpanDraft(msgspec.Struct, frozen=True):
    """Times as `22:00`, local; `days` as of `media.schedule.Span`."""

    days: Sequence[int]
    from_: str
    to: str


class ScheduleDraft(msgspec.Struct, frozen=True):
    time_zone: str
    spans: Sequence[SpanDraft]


class ZoneDraft(msgspec.Struct, frozen=True):
    """A zone to be, with the meanings of `media.zones.Zone`; None leaves a number at its least.

    `points` are x and y. `direction` is for a line alone, `seconds` for a polygon that is no mask.
    """

    name: str
    purpose: ZonePurpose
    points: Sequence[tuple[float, float]]
    features: Sequence[str] = ()
    seconds: float | None = None
    direction: Direction | None = None
    min_width: float | None = None
    min_height: float | None = None
    cooldown_seconds: float | None = None
    schedule: ScheduleDraft | None = None


def checked_zone(zone_id: str, draft: ZoneDraft) -> Zone:
    """The zone that a draft describes. Raises InvalidInput that names every field that is wrong."""
    wrong = [*_faults(draft), *_shape_faults(draft), *_schedule_faults(draft.schedule)]
    if wrong:
        raise InvalidInput(*wrong)
    return Zone(
        id=zone_id,
        name=draft.name.strip(),
        purpose=draft.purpose,
        points=tuple(Point(x, y) for x, y in draft.points),
        features=tuple(dict.fromkeys(draft.features)),
        seconds=draft.seconds or 0.0,
        direction=draft.direction or Direction.BOTH,
        min_width=draft.min_width or 0.0,
        min_height=draft.min_height or 0.0,
        cooldown_s=draft.cooldown_seconds or 0.0,
        schedule=_schedule(draft.schedule),
    )


def _faults(draft: ZoneDraft) -> Iterator[FieldError]:
    message = name_fault(draft.name)
    if message:
        yield FieldError("name", message)
    if not set(draft.features) <= set(ALL_FEATURES):
        yield FieldError("features", f"want some of {', '.join(ALL_FEATURES)}")
    if draft.purpose is ZonePurpose.LOITERING and not draft.seconds:
        yield FieldError("seconds", "want the seconds after which somebody is loitering")
    if draft.direction is not None and draft.purpose is not ZonePurpose.CROSSING:
        yield FieldError("direction", "only a line is crossed: leave it out")
    yield from _number_faults(draft)


def _number_faults(draft: ZoneDraft) -> Iterator[FieldError]:
    for name, most in _bounds(draft).items():
        value = getattr(draft, name)
        if value is None:
            continue
        if most is None:
            yield FieldError(name, _misplaced(draft, name))
        elif not (math.isfinite(value) and 0 <= value <= most):
            yield FieldError(name, f"want 0 to {most:g}")


def _bounds(draft: ZoneDraft) -> dict[str, float | None]:
    """The largest value of each number; None where it makes no sense."""
    is_mask = draft.purpose is ZonePurpose.MASK
    is_line = draft.purpose is ZonePurpose.CROSSING
    return {
        "seconds": None if is_mask or is_line else MAX_SECONDS,
        "min_width": None if is_mask else 1.0,
        "min_height": None if is_mask else 1.0,
        "cooldown_seconds": None if is_mask else MAX_COOLDOWN_SECONDS,
    }


def _misplaced(draft: ZoneDraft, name: str) -> str:
    if name == "seconds" and draft.purpose is ZonePurpose.CROSSING:
        return "nobody is inside of a line: leave it out"
    return _NOT_A_MASK


def _shape_faults(draft: ZoneDraft) -> list[FieldError]:
    """Of too many points nothing more is asked: each edge is compared with each other."""
    if len(draft.points) > MAX_POINTS:
        message = f"want at most {MAX_POINTS} points, got {len(draft.points)}"
        return [FieldError("points", message)]
    points = [Point(x, y) for x, y in draft.points]
    is_line = draft.purpose is ZonePurpose.CROSSING
    faults = point_faults(points) or (line_faults(points) if is_line else polygon_faults(points))
    return [FieldError(_place(each), each.message) for each in faults]


def _place(fault: Fault) -> str:
    return "points" if fault.point is None else f"points[{fault.point}]"


def _schedule_faults(draft: ScheduleDraft | None) -> Iterator[FieldError]:
    if draft is None:
        return
    if not is_time_zone(draft.time_zone):
        yield FieldError("schedule.time_zone", "want a zone like Asia/Ho_Chi_Minh, or UTC")
    if not 1 <= len(draft.spans) <= MAX_SPANS:
        yield FieldError("schedule.spans", f"want 1 to {MAX_SPANS}, got {len(draft.spans)}")
        return
    for number, span in enumerate(draft.spans):
        place = f"schedule.spans[{number}]"
        if not span.days:
            yield FieldError(f"{place}.days", "want one day at least")
        for name, text in (("from", span.from_), ("to", span.to)):
            if not _TIME.fullmatch(text):
                yield FieldError(f"{place}.{name}", "want a time from 00:00 to 23:59")


def _schedule(draft: ScheduleDraft | None) -> Schedule | None:
    if draft is None:
        return None
    spans = [
        Span(tuple(sorted(set(each.days))), _minute(each.from_), _minute(each.to))
        for each in draft.spans
    ]
    return Schedule(draft.time_zone, tuple(spans))


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
