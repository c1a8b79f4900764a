"""Memory of frames that is used again."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from media.decoding.frame_memory import FrameMemory

FULL_HD = 1920 * 1080 * 3 // 2


def address(rows: NDArray[np.uint8]) -> int:
    return rows.ctypes.data


def test_memory_is_used_again_once_nothing_refers_to_it() -> None:
    memory = FrameMemory()
    rows = memory.rows(64, 48)
    first = address(rows)
    view = rows[:4]
    del rows
    other = memory.rows(64, 48)
    assert address(other) != first, "a view of it is left"
    del view
    assert address(memory.rows(64, 48)) == first


def test_a_frame_keeps_its_memory_and_its_pixels_keep_the_frame() -> None:
    memory = FrameMemory()
    rows = memory.rows(64, 48)
    first = address(rows)
    rows[:] = 7
    frame = av.VideoFrame.from_numpy_buffer(rows, "yuv420p", 64)
    pixels = memoryview(frame.planes[0])
    del rows, frame

    memory.rows(64, 48)[:] = 9

    assert set(bytes(pixels)) == {7}
    del pixels
    assert address(memory.rows(64, 48)) == first


def test_other_sizes_have_memory_of_their_own() -> None:
    memory = FrameMemory()
    small = memory.rows(64, 48)
    first = address(small)
    del small
    large = memory.rows(128, 96)
    large[:] = 1
    assert large.shape == (144, 128)
    assert address(memory.rows(64, 48)) == first


def test_what_is_free_is_limited() -> None:
    memory = FrameMemory(kept_bytes=2 * FULL_HD + 4096)
    together = [memory.rows(1920, 1080) for _ in range(5)]
    del together
    assert memory.free_bytes > 4 * FULL_HD
    memory.rows(64, 48)
    assert FULL_HD < memory.free_bytes < 2.1 * FULL_HD
