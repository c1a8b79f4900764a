"""Memory of frames, used again: that of a new one costs more than filling it.

A frame of 1080p takes 760 pages, each of which the system clears when it is first written to:
1.3 ms, against 0.3 ms for the copy.
"""

from __future__ import annotations

import mmap
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KEPT_BYTES = 32 << 20
"""More than this is given back to the system when it is free; ten frames of 1080p."""

_BEYOND = 128
"""libswscale reads in wide steps, and so past the end."""


class FrameMemory:
    """For frames of 4:2:0 and 8 bits, of all cameras; on any thread.

    A frame's memory is free again when nothing refers to the frame or its pixels any more.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._lock = threading.Lock()
        self._free: list[mmap.mmap] = []
        """The longest free first. Put there without the lock: by whichever thread lets go."""

    def rows(self, stride: int, height: int) -> NDArray[np.uint8]:
        """(height * 3 / 2, stride), of any content: brightness, then both colours.

        `stride` is even, `height` a multiple of four: PyAV takes no other.
        """
        import numpy as np  # 12 MiB, which a worker that only records does without

        count = height * 3 // 2
        block = self._take(count * stride + _BEYOND)
        rows: NDArray[np.uint8] = np.ndarray((count, stride), np.uint8, block)
        weakref.finalize(rows, self._free.append, block).atexit = False
        return rows

    @property
    def free_bytes(self) -> int:
        return sum(len(block) for block in self._free)

    def _take(self, size: int) -> mmap.mmap:
        with self._lock:
            found = next((block for block in reversed(self._free) if len(block) == size), None)
            if found is not None:
                self._free.remove(found)
            while self.free_bytes > self._kept_bytes:
                del self._free[0]
        return mmap.mmap(-1, size) if found is None else found
