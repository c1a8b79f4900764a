"""When pictures are decoded, of streams that say only when they are shown."""

from __future__ import annotations

import bisect
import heapq
import itertools
from collections.abc import Sequence

from av.packet import Packet
from av.stream import Stream

USUAL_DURATION = 3000
"""Of a picture, in ticks of 1/90,000 s, when nothing tells."""


class DecodeTimes:
    """Decode times of pictures that come in decode order, each with the time it is shown at.

    H.264 over RTP has no others. A picture is decoded when the earliest of it and the `depth`
    before it that are shown last is shown, as FFmpeg does it once it knows the depth.
    """

    def __init__(self, depth: int) -> None:
        self._latest: list[int] = []
        self._size = depth + 1

    def of(self, pts: int) -> int | None:
        """That of the next picture. None for the first `depth`, before all others are shown."""
        if len(self._latest) == self._size:
            heapq.heapreplace(self._latest, pts)
        else:
            heapq.heappush(self._latest, pts)
        return self._latest[0] if len(self._latest) == self._size else None


def reordering_depth(held: Sequence[Packet[Stream]]) -> int:
    """How many pictures are decoded before one that is shown earlier, at most.

    As seen in these pictures; or by the last one's dts, if FFmpeg knows more of it from the
    stream's parameters than these show. Less than there are: so the last one's dts can be told.
    """
    shown = [one.pts for one in held if one.pts is not None]
    seen = max(sum(other > pts for other in shown[:n]) for n, pts in enumerate(shown))
    last = held[-1].dts
    known = 0 if last is None else sum(pts > last for pts in shown)
    return min(max(seen, known), len(held) - 1)


def rebuild_shown_times(held: Sequence[Packet[Stream]]) -> None:
    """Gives pts to those of a stream's first packets that lack it.

    The first, a keyframe, is shown one frame before the earliest of the others. Another, where a
    stream of few frames a second was looked at shortly, fills the first hole.
    """
    known = sorted(one.pts for one in held if one.pts is not None)
    duration = _duration(held)
    if held[0].pts is None:
        held[0].pts = known[0] - duration
    for one in held:
        if one.pts is None:
            one.pts = _free_time(known, duration)
            bisect.insort(known, one.pts)


def rebuild_decode_times(held: Sequence[Packet[Stream]], known: int) -> None:
    """Gives dts to a stream's first packets, before the one of index `known`, whose dts is right.

    They are one frame apart, and none comes after its picture is shown.
    """
    duration, right = _duration(held), held[known].dts or 0
    times = [right - (known - n) * duration for n in range(known)]
    late = max((time - (one.pts or 0) for time, one in zip(times, held, strict=False)), default=0)
    for time, one in zip(times, held, strict=False):
        one.dts = time - max(0, late)


def _duration(held: Sequence[Packet[Stream]]) -> int:
    known = sorted(one.pts for one in held if one.pts is not None)
    steps = [after - before for before, after in itertools.pairwise(known)]
    shortest = min((step for step in steps if step > 0), default=USUAL_DURATION)
    return held[-1].duration or shortest


def _free_time(known: Sequence[int], duration: int) -> int:
    """The first place for another frame among sorted times."""
    for before, after in itertools.pairwise(known):
        if 2 * (after - before) > 3 * duration:
            return before + duration
    return known[-1] + duration
