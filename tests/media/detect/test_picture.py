"""A frame into the model's input, and boxes back."""

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from media.detect.description import Colour, Fit, InputDescription, Layout
from media.detect.picture import Canvas, Placing, placing, to_frame


def shape(fit: Fit, colour: Colour = Colour.BGR) -> InputDescription:
    return InputDescription(
        width=64, height=64, layout=Layout.NCHW, colour=colour, fit=fit, pad=114
    )


def picture(width: int, height: int, red: int = 0) -> av.VideoFrame:
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[:, :, 0] = red
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


def test_a_letterboxed_frame_fills_the_top_left() -> None:
    canvas = Canvas(shape(Fit.LETTERBOX))

    place = canvas.paint(picture(128, 32, red=200), VideoReformatter())

    assert place == Placing(64, 16)
    assert (canvas.pixels[0, 16:] == 114).all()
    assert (canvas.pixels[0, :16, :, 2] == 200).all()
    assert (canvas.pixels[0, :16, :, :2] == 0).all()


def test_the_padding_is_laid_anew_for_a_frame_of_another_shape() -> None:
    canvas = Canvas(shape(Fit.LETTERBOX))
    canvas.paint(picture(128, 32, red=200), VideoReformatter())

    canvas.paint(picture(32, 128, red=200), VideoReformatter())

    assert (canvas.pixels[0, :, 16:] == 114).all()


def test_a_stretched_frame_fills_everything() -> None:
    canvas = Canvas(shape(Fit.STRETCH, Colour.RGB))

    assert canvas.paint(picture(128, 32, red=200), VideoReformatter()) == Placing(64, 64)
    assert (canvas.pixels[0, :, :, 0] == 200).all()


def test_even_a_line_of_pixels_gets_a_place() -> None:
    assert placing(4000, 2, shape(Fit.LETTERBOX)) == Placing(64, 1)


def test_boxes_go_back_into_the_frame_and_stay_inside() -> None:
    boxes = np.array([[0.5, 0.125, 1.5, 0.5]], dtype=np.float32)

    found = to_frame(boxes, Placing(64, 16), shape(Fit.LETTERBOX))

    assert found.tolist() == [[0.5, 0.5, 1.0, 1.0]]


@pytest.mark.parametrize(("width", "height"), [(64, 32), (32, 64), (16, 16), (17, 16)])
def test_a_crop_is_filled_by_the_middle_of_the_frame(width: int, height: int) -> None:
    shape = InputDescription(width=16, height=16, colour=Colour.BGR, fit=Fit.CROP)
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    pixels[top : top + side, left : left + side] = 200
    canvas = Canvas(shape)

    place = canvas.paint(av.VideoFrame.from_ndarray(pixels, format="bgr24"), VideoReformatter())

    assert place == Placing(16, 16)
    assert (canvas.pixels[0, 2:-2, 2:-2] >= 198).all()
