"""How fast a camera can be looked at while the models have more to do than they can."""

from __future__ import annotations

SLOWEST = 16.0
_SLOWER, _FASTER = 1.2, 0.99
"""Steps of each frame; where they balance, one frame of twenty is replaced by a newer one."""


class Pace:
    """Slows down while frames are replaced unseen, and comes back bit by bit.

    What would be thrown away need not be decoded, nor brought from the decoder. And the frames that
    are looked at come evenly, which tracks like.
    """

    def __init__(self, fps: float) -> None:
        """`fps`: at which it is to be looked at, where it can."""
        self._long_us = round(500_000 / fps)
        self.slowed = 1.0
        """One frame of so many that are due is wanted: 1 to SLOWEST."""

    def note(self, waited_us: int) -> None:
        """Another frame came to the models; the one before waited there so long in vain, or 0.

        One that waited for less than half a period says nothing of the models: the network brought
        two at once.
        """
        if waited_us >= self._long_us:
            self.slowed = min(SLOWEST, self.slowed * _SLOWER)
        else:
            self.slowed = max(1.0, self.slowed * _FASTER)
