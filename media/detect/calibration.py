"""Pictures of recorded footage, in two parts: some calibrate an INT8 model, others try it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from media.detect.description import InputDescription
from media.detect.picture import Canvas
from media.spread import Moment, pictures

HELD_OUT = 3
"""Each third picture is held out."""


@dataclass(slots=True)
class Material:
    """`canvases` are painted as a session paints them; `held_out` is where the others are."""

    canvases: list[NDArray[np.uint8]] = field(default_factory=list)
    held_out: list[Moment] = field(default_factory=list)

    @property
    def pictures(self) -> int:
        return len(self.canvases) + len(self.held_out)

    def frames(self) -> Iterator[av.VideoFrame]:
        """Those held out, decoded anew: whole frames of them all would take much memory."""
        return (picture.frame for picture in pictures(self.held_out))


def material(moments: Iterable[Moment], shape: InputDescription) -> Material:
    """Raises av.FFmpegError: a frame cannot be scaled."""
    found, scaler = Material(), VideoReformatter()
    for number, picture in enumerate(pictures(moments)):
        if number % HELD_OUT == HELD_OUT - 1:
            found.held_out.append(picture.moment)
        else:
            canvas = Canvas(shape)
            canvas.paint(picture.frame, scaler)
            found.canvases.append(canvas.pixels)
    return found
