"""Telling still scenes."""

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from media.motion import MotionGate


def noisy(seed: int, sigma: float = 3.0, size: tuple[int, int] = (1280, 720)) -> NDArray[np.uint8]:
    width, height = size
    noise = np.random.default_rng(seed).normal(0.0, sigma, (height, width))
    scene = np.linspace(40, 200, width)[None, :] + noise
    return np.clip(scene, 0, 255).astype(np.uint8)


def frame_of(luma: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(luma, format="gray")


def test_the_first_picture_is_something_new() -> None:
    assert MotionGate().moved(frame_of(noisy(1)))


@pytest.mark.parametrize("sigma", [0.0, 3.0, 8.0])
def test_noise_is_no_motion(sigma: float) -> None:
    gate = MotionGate()
    gate.moved(frame_of(noisy(1, sigma)))
    gate.look()

    assert not any(gate.moved(frame_of(noisy(seed, sigma))) for seed in range(2, 12))


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_distant_walker_is_motion(sigma: float) -> None:
    gate = MotionGate()
    gate.moved(frame_of(noisy(1, sigma)))
    gate.look()
    scene = noisy(2, sigma)
    scene[300:372, 600:630] = 30  # a tenth of the height

    assert gate.moved(frame_of(scene))


def test_what_crept_in_since_the_last_look_is_motion() -> None:
    gate = MotionGate()
    gate.moved(frame_of(noisy(1, 0.0)))
    gate.look()
    steps = [gate.moved(frame_of(noisy(1, 0.0) + np.uint8(level))) for level in range(1, 20, 2)]

    assert steps == sorted(steps)
    assert steps[0] is False


def test_a_picture_of_another_shape_is_something_new() -> None:
    gate = MotionGate()
    gate.moved(frame_of(noisy(1)))
    gate.look()

    assert gate.moved(frame_of(noisy(1, size=(640, 480))))


def test_ten_bit_pictures_are_compared_too() -> None:
    gate = MotionGate()
    wide = (noisy(1).astype(np.uint16) << 2).astype(np.uint16)
    frame = av.VideoFrame.from_ndarray(wide, format="gray10le")
    gate.moved(frame)
    gate.look()

    assert not gate.moved(frame)
