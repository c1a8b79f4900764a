"""Bring a frame into a model's input, and the model's boxes back into the frame."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from media.detect.description import Colour, Fit, InputDescription

_PIXELS = {Colour.BGR: "bgr24", Colour.RGB: "rgb24"}


@dataclass(frozen=True, slots=True)
class Placing:
    """Which part of the input the frame fills: 0..`width_px`, 0..`height_px` from the top left."""

    width_px: int
    height_px: int


def placing(frame_width_px: int, frame_height_px: int, shape: InputDescription) -> Placing:
    """Where the frame, or with CROP its middle, lies in the input."""
    if shape.fit is not Fit.LETTERBOX:
        return Placing(shape.width, shape.height)
    ratio = min(shape.width / frame_width_px, shape.height / frame_height_px)
    return Placing(
        max(1, int(frame_width_px * ratio)),
        max(1, int(frame_height_px * ratio)),
    )


class Canvas:
    """The input tensor of one inference request, painted again for each frame.

    One thread at a time. Invariant: outside the last `Placing` every pixel is `pad`.
    """

    def __init__(self, shape: InputDescription) -> None:
        self._shape = shape
        self._filled = Placing(shape.width, shape.height)
        self.pixels: NDArray[np.uint8] = np.full(
            (1, shape.height, shape.width, 3), shape.pad, dtype=np.uint8
        )

    def paint(self, frame: av.VideoFrame, scaler: VideoReformatter) -> Placing:
        """Scale `frame` in. `scaler` keeps its tables between frames of one size.

        Raises:
            av.FFmpegError: libswscale cannot read the frame.
        """
        place = placing(frame.width, frame.height, self._shape)
        width_px, height_px = _scaled_size(frame, place, self._shape.fit)
        scaled = scaler.reformat(
            frame,
            width_px,
            height_px,
            _PIXELS[self._shape.colour],
            interpolation=Interpolation.BILINEAR,
            threads=1,
        )
        left, top = (width_px - place.width_px) // 2, (height_px - place.height_px) // 2
        middle = scaled.to_ndarray()[top : top + place.height_px, left : left + place.width_px]
        if place != self._filled:
            self.pixels[:] = self._shape.pad
            self._filled = place
        self.pixels[0, : place.height_px, : place.width_px] = middle
        return place


def _scaled_size(frame: av.VideoFrame, place: Placing, fit: Fit) -> tuple[int, int]:
    """Width and height in px of the whole frame, where its middle fills `place`."""
    if fit is not Fit.CROP:
        return (place.width_px, place.height_px)
    ratio = max(place.width_px / frame.width, place.height_px / frame.height)
    return (
        max(place.width_px, round(frame.width * ratio)),
        max(place.height_px, round(frame.height * ratio)),
    )


def to_frame(
    boxes: NDArray[np.float32], place: Placing, shape: InputDescription
) -> NDArray[np.float32]:
    """Boxes (N, 4) in 0..1 of the input -> 0..1 of the frame, clipped to it."""
    stretch = np.array(
        [shape.width / place.width_px, shape.height / place.height_px] * 2, dtype=np.float32
    )
    inside: NDArray[np.float32] = np.clip(boxes * stretch, 0.0, 1.0)
    return inside
