"""The part of a picture that a box holds."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from media.crop import PictureBroken, crop_jpeg
from media.snapshot import encode_jpeg
from media.types import Box


def picture() -> bytes:
    """320 by 160: black, with a white part from (80, 40) to (160, 120)."""
    pixels = np.zeros((160, 320, 3), np.uint8)
    pixels[40:120, 80:160] = 255
    return encode_jpeg(av.VideoFrame.from_ndarray(pixels, format="rgb24"))


def shown(jpeg: bytes) -> NDArray[np.uint8]:
    with av.open(io.BytesIO(jpeg), "r", format="jpeg_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="gray").astype(np.uint8)


def test_a_crop_is_what_the_box_holds() -> None:
    cut = crop_jpeg(picture(), Box(0.25, 0.25, 0.5, 0.75))
    found = shown(cut.jpeg)
    assert (cut.width, cut.height, found.shape) == (320, 160, (80, 80))
    assert found[4:-4, 4:-4].min() > 230


@pytest.mark.parametrize(
    ("box", "shape"),
    [
        (Box(0, 0, 1, 1), (160, 320)),
        (Box(0.9, 0.9, 1.5, 1.5), (16, 32)),
        (Box(-1, -1, 0.1, 0.1), (16, 32)),
        (Box(0.5, 0.5, 0.5, 0.5), (2, 2)),
        (Box(1, 1, 1, 1), (2, 2)),
        (Box(0.2501, 0.2501, 0.4999, 0.4999), (40, 80)),
    ],
    ids=["whole", "over the end", "before the start", "a point", "the last point", "outwards"],
)
def test_a_crop_stays_within_the_picture(box: Box, shape: tuple[int, int]) -> None:
    assert shown(crop_jpeg(picture(), box).jpeg).shape == shape


@pytest.mark.parametrize("jpeg", [b"", b"jpeg", picture()[:40]], ids=["empty", "text", "cut"])
def test_what_is_no_picture_is_refused(jpeg: bytes) -> None:
    with pytest.raises(PictureBroken):
        crop_jpeg(jpeg, Box(0, 0, 1, 1))
